"""Vectors of a video, of its shots and of its caption."""

from __future__ import annotations

from schemas.vocabulary.name import Name

FRAME_EMBEDDING = Name("frame_embedding", "list<float32>", "", "unit vector of the video, the mean of frames", -1, 1)
SHOT_EMBEDDINGS = Name("shot_embeddings", "list<float32>", "", "unit vectors of the shots, one behind the other", -1, 1)
TEXT_EMBEDDING = Name("text_embedding", "list<float32>", "", "unit vector of the caption, empty without one", -1, 1)
