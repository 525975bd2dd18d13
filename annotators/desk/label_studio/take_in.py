"""Taking in: what people did in the editor becomes what they said at the desk.

Each annotation is read by the sheet that its task was sent under and handed to the ledger, which knows what it has
seen. So the same answer of the server may come any number of times, and a pass that was killed is made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

from msgspec import Struct, field

from annotators.desk.item import Item
from annotators.desk.label_studio.answer import Answer, read
from annotators.desk.label_studio.answer import Refused as Flaw
from annotators.desk.label_studio.owned import Owned
from annotators.desk.label_studio.project import Annotation, Changed
from annotators.desk.label_studio.regions import Clip
from annotators.desk.label_studio.review import read_review
from annotators.desk.label_studio.skipped import why_skipped
from annotators.desk.ledger import Ledger
from annotators.desk.submission import Outcome, Review, Submission

BATCH = 200
"""So many annotations are one synced write."""
Told = tuple[Outcome, str]
"""What became of something, and what more is to be said of it."""
Clips = Callable[[Item], Clip | None]
"""Says which frames an item's clip has, None where it shows none."""


class Trouble(Struct, frozen=True):
    """What came in and does not count: of whom, on what, why, and where it lies in the editor."""

    person: str
    item: str
    reason: str
    detail: str
    project: int
    task: int


class TakenIn(Struct):
    """What a pass took in: outcomes by their kind, what does not count, and who was at work."""

    outcomes: Counter[str] = field(default_factory=Counter)
    troubles: list[Trouble] = []
    at_work: set[str] = set()
    phantoms: int = 0

    def add(self, other: TakenIn) -> None:
        """Count what another pass took in too."""
        self.outcomes += other.outcomes
        self.troubles += other.troubles
        self.at_work |= other.at_work
        self.phantoms += other.phantoms


class Incoming(Struct, frozen=True):
    """One annotation on its way: where it lies, and who wrote it, by the server's word."""

    owned: Owned
    task: Changed
    given: Annotation
    person: str


def take_in(
    ledger: Ledger,
    owned: Owned,
    changed: Sequence[Changed],
    people: Mapping[int, str],
    clips: Clips,
    now_ms: int,
) -> TakenIn:
    """Take what stands in the tasks of a project into the ledger; `people` names who stands behind a number.

    A killed pass leaves whole batches.
    """
    taken = TakenIn()
    every = [
        Incoming(owned, task, one, people.get(one.by, f"user {one.by} of the editor"))
        for task in changed
        for one in task.annotations
        if task.item
    ]
    for first in range(0, len(every), BATCH):
        with ledger.together(now_ms):
            for one in every[first : first + BATCH]:
                _count(taken, one, *_take(ledger, one, clips, taken, now_ms))
    return taken


def take_out(ledger: Ledger, owned: Owned, listed: Sequence[Changed], now_ms: int) -> TakenIn:
    """Take into the ledger that annotations are gone; `listed` are all tasks of the project.

    What an older server of the same numbers had is not gone: it is older than the project.
    """
    there = {one.external for task in listed for one in task.annotations}
    known = ledger.refresh().externals
    gone = [
        name
        for name, one in known.items()
        if name.startswith(f"ls:{owned.id}/") and not one.deleted and name not in there and _made(name) >= owned.made
    ]
    taken = TakenIn()
    if gone:
        with ledger.together(now_ms):
            taken.outcomes.update(ledger.deleted(name, now_ms).kind for name in gone)
    return taken


def _made(external: str) -> str:
    """Return when the server made an annotation, by its name."""
    return external.split("/")[2]


def _count(taken: TakenIn, one: Incoming, outcome: Outcome, detail: str) -> None:
    taken.outcomes[outcome.kind] += 1
    if outcome.kind in ("written", "edited", "late", "skipped", "judged"):
        taken.at_work.add(one.person)
    if outcome.kind in ("refused", "late"):
        said = detail if outcome.kind == "refused" else "it is kept, and counts for nothing"
        taken.troubles.append(Trouble(one.person, one.task.item, outcome.reason, said, one.owned.id, one.task.task))


def _take(ledger: Ledger, one: Incoming, clips: Clips, taken: TakenIn, now_ms: int) -> Told:
    given, item = one.given, one.task.item
    work = ledger.state.work.get(item)
    if one.owned.person != one.person:
        return _refuse(ledger, one, "foreign_project", f"in the project of {one.owned.person}", now_ms)
    if one.owned.sheet is None:
        return _refuse(ledger, one, "older_config", f"nobody knows {one.owned.fingerprint} any more", now_ms)
    if given.is_skipped:
        if one.owned.purpose != "annotate":
            return _refuse(ledger, one, "not_to_be_skipped", one.owned.purpose, now_ms)
        stamp = (given.external, given.updated, given.spent_s)
        return ledger.skip(item, one.person, why_skipped(given.result), now_ms, *stamp), ""
    clip = clips(work.item) if work else None
    if one.owned.purpose == "review":
        return _review(ledger, one, clip, now_ms)
    answer = read(one.owned.sheet, given.result, clip, sent_under=one.task.sheet)
    taken.phantoms += answer.phantoms
    return _annotation(ledger, one, answer, now_ms)


def _annotation(ledger: Ledger, one: Incoming, answer: Answer, now_ms: int) -> Told:
    if answer.refused:
        return _refuse(ledger, one, answer.refused[0].reason, told(answer.refused), now_ms)
    given = one.given
    submission = Submission(
        one.task.item,
        one.person,
        answer.notes,
        one.task.sheet,
        given.external,
        given.updated,
        one.task.guideline,
        given.spent_s,
    )
    if one.owned.purpose == "adjudicate":
        return ledger.adjudicate(submission, now_ms), ""
    return ledger.submit(submission, now_ms), ""


def _review(ledger: Ledger, one: Incoming, clip: Clip | None, now_ms: int) -> Told:
    assert one.owned.sheet is not None
    judged = read_review(one.owned.sheet, one.given.result, clip, sent_under=one.task.sheet)
    if judged.refused:
        return _refuse(ledger, one, judged.refused[0].reason, told(judged.refused), now_ms)
    verdict = cast(Literal["accept", "fix", "reject"], judged.verdict)
    given = one.given
    review = Review(
        one.task.item,
        one.person,
        verdict,
        judged.notes if verdict == "fix" else (),
        judged.comment,
        judged.tag,
        external=given.external,
        updated=given.updated,
        spent_s=given.spent_s,
    )
    return ledger.review(review, now_ms), ""


def _refuse(ledger: Ledger, one: Incoming, reason: str, detail: str, now_ms: int) -> Told:
    given = one.given
    stamp = (given.external, given.updated)
    return ledger.refuse(one.task.item, one.person, reason, detail, now_ms, *stamp), detail


def told(flaws: Sequence[Flaw]) -> str:
    """Return why an answer cannot stand, all of it in one line."""
    return "; ".join(f"{one.reason}: {one.detail}" if one.detail else one.reason for one in flaws)
