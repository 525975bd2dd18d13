"""Reviewing in the editor: the same sheet, filled with what is judged, under a verdict, a comment and a tag.

An adjudicator needs no sheet of its own: the versions stand side by side as what several have said of one task.
"""

from __future__ import annotations

from msgspec import Struct, structs

from annotators.desk.label_studio.answer import Answer, Refused, read
from annotators.desk.label_studio.regions import Clip
from annotators.desk.label_studio.sheet import Choice, Line, Sheet
from schemas.note import Note

VERDICT, COMMENT, TAG = "review_verdict", "review_comment", "review_tag"
ACCEPT, FIX, REJECT = "accept", "fix", "reject"
TAGS = ("boundary", "label", "missed", "too_much", "text", "guideline", "other")
_ASKED = (
    Choice(VERDICT, (ACCEPT, FIX, REJECT), "Does it stand, did you mend it, or does it go back?", required=True),
    Line(COMMENT, "What is wrong; has to be said where it goes back", rows=3),
    Choice(TAG, TAGS, "Of which kind is that?"),
)


class Judged(Struct, frozen=True):
    """A reviewer's verdict, and the notes as the reviewer left them; it stands where nothing is refused."""

    verdict: str = ""
    comment: str = ""
    tag: str = ""
    notes: tuple[Note, ...] = ()
    refused: tuple[Refused, ...] = ()


def review_sheet(sheet: Sheet) -> Sheet:
    """Return the sheet by which answers to a sheet are reviewed."""
    return structs.replace(sheet, name=f"{sheet.name}_review", asked=(*_ASKED, *sheet.asked))


def read_review(sheet: Sheet, result: object, clip: Clip | None = None, *, sent_under: str = "") -> Judged:
    """Read a review of an answer to a sheet, whose task was sent under the fingerprint of `review_sheet`.

    What goes back wants a comment and a tag, and its notes are nobody's: what is wrong with them stops no rejection.
    """
    answer = read(review_sheet(sheet), result, clip, sent_under=sent_under)
    said = {note.name: str(note.value) for note in answer.notes if note.name in (VERDICT, COMMENT, TAG)}
    judged = Judged(said.get(VERDICT, ""), said.get(COMMENT, ""), said.get(TAG, ""))
    if judged.verdict != REJECT:
        return structs.replace(judged, notes=_others(answer), refused=answer.refused)
    missing = [name for name, value in ((COMMENT, judged.comment), (TAG, judged.tag)) if not value]
    return structs.replace(judged, refused=tuple(Refused(f"{name.partition('_')[2]}_missing") for name in missing))


def _others(answer: Answer) -> tuple[Note, ...]:
    return tuple(note for note in answer.notes if note.name not in (VERDICT, COMMENT, TAG))
