"""A task: one item of the desk as the editor shows it, with what others have said about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from annotators.desk.label_studio.regions import Clip, LeftOut, to_regions
from annotators.desk.label_studio.sheet import Sheet
from schemas.errors import BadInput
from schemas.note import Note

ITEM, SHEET, GUIDELINE, TICKET = "ostraka_item", "ostraka_sheet", "ostraka_guideline", "ostraka_ticket"
"""Under which names a task's data say whose it is, under which sheet it was sent, the guideline's version, and which
time it is that the item is asked about here."""


class Shown(Struct, frozen=True):
    """What of a sample is shown: a clip's address with its frames, or pictures' addresses, or words."""

    clip_uri: str = ""
    clip: Clip | None = None
    picture_uris: tuple[str, ...] = ()
    words: str = ""


class Said(Struct, frozen=True):
    """Notes put before the annotator, and the name under which they are shown: a model's, or "annotator 1"."""

    by: str
    notes: tuple[Note, ...]
    score: float | None = None


class Task(Struct, frozen=True):
    """A task as it is sent; `left_out` are notes that could not be shown, each with its reason.

    A project holds one task of a ticket; an item that comes again, to be judged or after a rejection, has another.
    """

    item: str
    data: Mapping[str, Any]
    predictions: tuple[Mapping[str, Any], ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def ticket(self) -> str:
        return str(self.data.get(TICKET, self.item))


def make_task(
    sheet: Sheet,
    item: str,
    shown: Shown,
    said: Sequence[Said] = (),
    *,
    title: str = "",
    guideline: str = "",
    guideline_version: str = "",
    ticket: str = "",
) -> Task:
    """Return the task of an item.

    Raises BadInput where the sample lacks what the sheet shows.
    """
    has = {
        "clip": bool(shown.clip_uri and shown.clip),
        "pictures": bool(shown.picture_uris),
        "words": bool(shown.words),
    }
    if not has[sheet.shows]:
        raise BadInput(f"{sheet.name} shows {sheet.shows}, of which this sample has none", where=f"item {item}")
    data: dict[str, Any] = {ITEM: item, SHEET: sheet.fingerprint, GUIDELINE: guideline_version}
    data |= {TICKET: ticket or item}
    data |= {"title": title or sheet.name.replace("_", " "), "guideline": guideline or " "}
    if sheet.shows == "clip":
        assert shown.clip is not None
        data |= {"clip": shown.clip_uri, "rate": repr(shown.clip.map.frames_per_s)}
    else:
        data |= {"words": shown.words or " ", "pictures": list(shown.picture_uris)}
    predictions, left_out = list[Mapping[str, Any]](), list[LeftOut]()
    for one in said:
        sent = to_regions(sheet, one.notes, shown.clip)
        left_out += sent.left_out
        score = {} if one.score is None else {"score": one.score}
        predictions.append({"model_version": one.by, "result": list(sent.regions), **score})
    return Task(item, data, tuple(predictions), tuple(left_out))
