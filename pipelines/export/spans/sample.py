"""A sample of a span: the clip or its pictures, and what is said of it, as words beside it or as a dialogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from pipelines.export.people import words_of_clip
from pipelines.export.spans.clip_copy import EXTENSION
from pipelines.export.spans.clip_pictures import EXTENSION as PICTURE
from pipelines.export.spans.spans import Chosen
from pipelines.export.spans.turns import Dialogue
from schemas.clip import Clip, clip_json
from schemas.note import Note
from schemas.people import Word
from schemas.sample import Image, Part, Sample, Source, Text, Video, key_of


class About(Struct, frozen=True):
    """What is said of a video: the notes that stand on its spans, by name, and people's words, None where nobody was
    asked."""

    notes: Mapping[str, Sequence[Note]]
    words: Sequence[Word] | None = None


def sample_of(
    parent: Sample,
    span: Chosen,
    cut: Mapping[str, Any],
    digests: Sequence[str],
    sizes: Sequence[int],
    said: About,
    forms: Sequence[str],
) -> Sample | None:
    """Return the sample of a span that was cut into files of these digests and sizes; None where a dialogue is asked
    for and no note says anything.

    Its key hangs on the parent's row, the span and the bytes.
    """
    clip = _clip(parent, span, cut)
    row = f"{parent.source.row}#{clip.part}:{clip.start_pts}-{clip.end_pts}/{clip.time_base[0]}:{clip.time_base[1]}"
    row += "!" if span.whole else ""
    key = key_of(parent.source.dataset, row, tuple(digests))
    source = Source(parent.source.dataset, row, parent.source.uri, parent.source.licence, parent.key, clip_json(clip))
    dialogue = Dialogue(key, clip, span.at, said.notes)
    turns = dialogue.turns(forms) if forms else ()
    if forms and not turns:
        return None
    media = _media(parent, span, clip, cut, digests, sizes, "user" if forms else "paragraph")
    people = "" if said.words is None else words_of_clip(said.words, clip)
    return Sample(key, (*media, *_captions(parent, span, dialogue), *turns), source, people)


def _clip(parent: Sample, span: Chosen, cut: Mapping[str, Any]) -> Clip:
    return Clip(
        cut["cut"],
        span.part,
        cut["cut_start_pts"],
        cut["cut_end_pts"],
        (cut["cut_time_base"][0], cut["cut_time_base"][1]),
        cut["cut_frames"],
        float(cut["cut_s"]),
        span.names,
        parent.source.meta,
    )


def _captions(parent: Sample, span: Chosen, dialogue: Dialogue) -> list[Part]:
    """Return the captions of the span; of a whole video its own texts, as they stand."""
    if span.whole:
        return [part for part in parent.parts if isinstance(part, Text)]
    return [Text(caption) for caption in dict.fromkeys(dialogue.captions_of_it())]


def _media(
    parent: Sample,
    span: Chosen,
    clip: Clip,
    cut: Mapping[str, Any],
    digests: Sequence[str],
    sizes: Sequence[int],
    timed: str,
) -> list[Part]:
    """Return the clip, or pictures with the second of each behind it, a text of the role `timed`."""
    if clip.cut != "frames":
        video = parent.parts[span.part]
        extension = video.extension if span.whole and isinstance(video, Video) else EXTENSION
        return [Video(digests[0], sizes[0], extension, clip.duration_s)]
    sides = cut["cut_sides_px"]
    parts: list[Part] = []
    for at, (digest, size_bytes, shown_s) in enumerate(zip(digests, sizes, cut["cut_shown_s"], strict=True)):
        parts.append(Image(digest, size_bytes, PICTURE, sides[2 * at], sides[2 * at + 1]))
        parts.append(Text(f"{shown_s:.1f} seconds", timed))
    return parts
