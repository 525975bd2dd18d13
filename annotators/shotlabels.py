"""ShotLabels: scale, framing, angle and composition of each shot, by a model that must answer in the taxonomy's words.

An answer is one JSON object with every field, each value one of the labels it was told (schemas/composition.py); any
other word makes the whole answer void, with the reason, since a model that invents one label has not read the list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
from msgspec import Struct

from annotators.asked_spans import MADE_WITH, NOT_ASKED, AskedSpans, Film
from annotators.container import Container
from annotators.journal import Answer
from annotators.reply import REJECTED
from schemas.composition import ANGLES, COMPOSITIONS, FRAMINGS, NOT_SURE, SCALES
from schemas.note import Note, Noted
from schemas.vocabulary import shot_labels as names
from schemas.vocabulary.shots import SHOT_FIRST_FRAMES

LABELLED = "labelled"
_FIELDS = {"scale": SCALES, "framing": FRAMINGS, "angle": ANGLES}
_DETAIL_CHARS = 200


class Labels(Struct, frozen=True, forbid_unknown_fields=True):
    """What a model answers about a shot."""

    scale: str
    framing: str
    angle: str
    composition: list[str]


class ShotLabels(AskedSpans, frozen=True):
    """Shows three frames of a shot: its scale may change while it lasts, and the middle is what it is called by."""

    frames: int = 3

    reads: ClassVar = (SHOT_FIRST_FRAMES.name,)
    writes: ClassVar = (
        names.SHOT_SCALES,
        names.SHOT_FRAMINGS,
        names.SHOT_ANGLES,
        names.SHOT_COMPOSITIONS,
        names.SHOT_LABEL_STATUS,
        names.SHOT_LABEL_DETAIL,
    )
    places: ClassVar = (names.SHOT_SCALE, names.SHOT_FRAMING, names.SHOT_ANGLE, names.SHOT_COMPOSITION)
    made_with: ClassVar = MADE_WITH
    extra: ClassVar = "endpoint,video"

    def system(self) -> str:
        fields = {**_FIELDS, "composition": COMPOSITIONS}
        told = "\n".join(f"{field}:\n{_list(labels)}" for field, labels in fields.items())
        return (
            "You see frames of one shot of a film, each after the time at which it is shown. Say how the shot is "
            "taken, as it is at the middle frame. Answer with one JSON object and nothing else: scale, framing and "
            f"angle, each one label of its list or {NOT_SURE}; composition, a list of all labels that hold, empty "
            "where none does.\n"
            f"{told}"
        )

    def spans(self, container: Container, shots: Sequence[int]) -> list[tuple[int, int]]:
        return [*zip(shots, [*shots[1:], len(container.pts)], strict=True)]

    def noted(self, film: Film, answers: Sequence[Answer | None], counts: dict[str, int]) -> Noted:
        read = [_read(answer) for answer in answers]
        notes = list[Note]()
        for span, (labels, *_) in zip(film.spans, read, strict=True):
            said = [("shot_scale", labels.scale), ("shot_framing", labels.framing), ("shot_angle", labels.angle)]
            notes += [Note(name, label, span.at) for name, label in said if label]
            if labels.composition:
                notes.append(Note(names.SHOT_COMPOSITION.name, [*labels.composition], span.at))
        return Noted(
            {
                "shot_scales": [labels.scale for labels, *_ in read],
                "shot_framings": [labels.framing for labels, *_ in read],
                "shot_angles": [labels.angle for labels, *_ in read],
                "shot_compositions": [" ".join(labels.composition) for labels, *_ in read],
                "shot_label_status": [status for _, status, _ in read],
                "shot_label_detail": [detail for *_, detail in read],
            },
            tuple(notes),
            {**Counter(status for _, status, _ in read), **counts},
        )


_NONE = Labels("", "", "", [])


def _read(answer: Answer | None) -> tuple[Labels, str, str]:
    """Return the labels, those not sure empty, with LABELLED; or none, with why and what was answered."""
    if answer is None:
        return _NONE, NOT_ASKED, ""
    if answer.finish in _UNFINISHED:
        return _NONE, _UNFINISHED[answer.finish], answer.text[:_DETAIL_CHARS]
    try:
        said = msgspec.json.decode(_bare(answer.text), type=Labels)
    except msgspec.ValidationError as error:
        return _NONE, "wrong_fields", str(error)[:_DETAIL_CHARS]
    except msgspec.DecodeError:
        return _NONE, "not_json", answer.text[:_DETAIL_CHARS]
    unknown = [label for field, known in _FIELDS.items() if (label := getattr(said, field)) not in (*known, NOT_SURE)]
    unknown += [label for label in said.composition if label not in COMPOSITIONS]
    if unknown:
        return _NONE, "unknown_label", ", ".join(unknown)[:_DETAIL_CHARS]
    scale, framing, angle = ("" if one == NOT_SURE else one for one in (said.scale, said.framing, said.angle))
    return Labels(scale, framing, angle, [one for one in COMPOSITIONS if one in said.composition]), LABELLED, ""


_UNFINISHED = {REJECTED: "rejected", "content_filter": "refused", "length": "cut_off"}


def _bare(text: str) -> str:
    """Return an answer without the fence of code around it, in which many models put JSON."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):
        text = text.strip("`").removeprefix("json")
    return text


def _list(labels: Mapping[str, str]) -> str:
    return "\n".join(f"- {label}: {says}" for label, says in labels.items())
