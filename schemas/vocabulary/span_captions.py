"""Captions of spans: what a model that was asked says each stretch of a video shows."""

from __future__ import annotations

from schemas.vocabulary.name import Name

SPAN_CAPTIONS = Name(
    "span_captions", "list<string>", "", "what each span shows, by a model; empty where it did not say"
)
SPAN_CAPTION_STATUS = Name(
    "span_caption_status", "list<string>", "", "of each span captioned, or why it has no caption"
)
SPAN_CAPTION = Name("span_caption", "string", "", "what a span of the video shows, a note on its time")
