"""All names, family by family: what the reference lists, in its order."""

from __future__ import annotations

from schemas.vocabulary import (
    answers,
    benchmarks,
    camera,
    captions,
    compared,
    dialogues,
    documents,
    people,
    pictures,
    prose,
    rollouts,
    safety,
    scene_text,
    shot_labels,
    shots,
    soundness,
    span_captions,
    span_questions,
    text_tracks,
    texts,
    video,
    video_embeddings,
)
from schemas.vocabulary.name import Name

FAMILIES = (
    pictures,
    texts,
    compared,
    answers,
    rollouts,
    soundness,
    captions,
    safety,
    scene_text,
    benchmarks,
    dialogues,
    prose,
    documents,
    video,
    shots,
    camera,
    span_questions,
    text_tracks,
    video_embeddings,
    span_captions,
    shot_labels,
    people,
)
NAMES: dict[str, Name] = {
    one.name: one for family in FAMILIES for one in vars(family).values() if isinstance(one, Name)
}
"""Each name by itself, in the order in which its family declares it."""
