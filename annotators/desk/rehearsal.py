"""A rehearsal: simulated people work off a copy of a desk's queue, before anybody is paid.

The copy lies in memory, holds the whole log of the desk and goes by its rules, so agreement, reviews, adjudication,
gold items and audits are what they would be; the desk itself is only read. What is supposed to be true of each item is
known here, so the share of wrong labels is too. How it comes out hangs on the skills that are stated, and on nothing
that real people did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import nan

from msgspec import Struct, field

from annotators.desk.audit import Precision
from annotators.desk.audited import audited
from annotators.desk.events import Role
from annotators.desk.item import Notes
from annotators.desk.label_studio.sheet import Sheet
from annotators.desk.ledger import Ledger, open_ledger
from annotators.desk.measure import Measures
from annotators.desk.simulated import ClipOf, Draw, Skill, answered, supposed
from annotators.desk.state import Work
from annotators.desk.submission import Outcome, Review, Submission
from annotators.desk.tasks import Task

ROLES: tuple[Role, ...] = ("adjudicator", "reviewer", "annotator")
DAY_MS = 86_400_000
AHEAD_MS = 7 * DAY_MS


class Supposed(Struct, frozen=True):
    """What is supposed: skills by person (others have that of ""), how often models are wrong, seconds that a look
    takes, hours that there are (0: as many as it takes), and the seed of all draws."""

    skills: Mapping[str, Skill]
    wrong: float = 0.2
    look_s: float = 60.0
    most_hours: float = 0.0
    seed: str = "0"


class Rehearsed(Struct):
    """What came of it, for one layer: looks by role, items by state, agreements, and how many labels are wrong.

    `wrong` counts what stands and is not what is supposed to be true, `model_wrong` what models had noted of the same
    items; `refused` is work that the layer's measure would not take.
    """

    layer: str
    looks: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    agreements: list[float] = []
    stands: int = 0
    wrong: int = 0
    noted: int = 0
    model_wrong: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    precision: Precision | None = None
    said: Precision | None = None
    """What the audits would say, and what they would were nobody who audits ever wrong."""

    @property
    def agreement(self) -> float:
        return sum(self.agreements) / len(self.agreements) if self.agreements else nan


@contextmanager
def copied(ledger: Ledger, desk: str, measures: Measures) -> Iterator[Ledger]:
    """Open a copy of a desk in memory."""
    rows = list(ledger.rows())
    with open_ledger(":memory:", desk, measures) as copy:
        if rows:
            copy.fill(rows)
        yield copy


def rehearse(
    copy: Ledger, sheets: Mapping[str, Sheet], measures: Measures, how: Supposed, clip_of: ClipOf
) -> dict[str, Rehearsed]:
    """Have simulated people work off a copy of a desk, and return what came of it by layer."""
    return _Rehearsal(copy, sheets, measures, how, clip_of).run()


class _Rehearsal:
    """A copy of a desk with the people on it."""

    def __init__(
        self, copy: Ledger, sheets: Mapping[str, Sheet], measures: Measures, how: Supposed, clip_of: ClipOf
    ) -> None:
        self.copy, self.sheets, self.measures, self.how, self.clip_of = copy, sheets, measures, how, clip_of
        self.now_ms = copy.state.clock.at_ms + AHEAD_MS
        self.truths = dict[str, Notes]()
        self.found = {name: Rehearsed(name) for name in sheets}
        self.looks = 0

    def run(self) -> dict[str, Rehearsed]:
        before = {one.item.id for one in self.copy.standing()}
        while self._round():
            pass
        grace_s = max((layer.rules.grace_s for layer in self.copy.state.layers.values()), default=0)
        self.now_ms += 1000 * grace_s + DAY_MS
        self.copy.settle(self.now_ms)
        while self._round():
            pass
        for work in self.copy.state.items():
            if work.item.layer in self.found:
                self._count(work, work.item.id in before)
        for layer, found in self.found.items():
            if layer in self.copy.state.layers:
                found.precision = audited(self.copy.state, self.measures, layer)
                found.said = audited(self.copy.state, self.measures, layer, believing=True)
        return self.found

    def _round(self) -> int:
        """Let everybody take what comes next, judges first; return how many looks there were."""
        looks = 0
        for role in ROLES:
            for person in [one for one in self.copy.state.people.values() if role in one.roles]:
                for _ in range(1 if role == "annotator" else 20):
                    if person.paused or self._is_over():
                        break
                    if not self._look(person.name, role):
                        break
                    looks += 1
        return looks

    def _is_over(self) -> bool:
        return 0 < self.how.most_hours * 3600 < (self.looks + 1) * self.how.look_s

    def _look(self, name: str, role: Role) -> bool:
        """Let somebody look at what comes next, and say whether there was something."""
        self.now_ms += int(1000 * self.how.look_s / max(1, len(self.copy.state.people)))
        taken = self.copy.take(name, role, self.now_ms, layers=list(self.sheets))
        if not taken:
            return False
        (task,) = taken
        self.looks += 1
        outcome, found = self._said(task, name, role), self.found[task.item.layer]
        found.looks[role] += 1
        if outcome.kind == "refused":
            found.refused[outcome.reason] += 1
            self.copy.release(task.item.id, name, role, self.now_ms)
            self.copy.quarantine(task.item.id, "rehearsed work was refused", self.now_ms)
        return True

    def _said(self, task: Task, name: str, role: Role) -> Outcome:
        item, sheet = task.item, self.sheets[task.item.layer]
        skill = self.how.skills.get(name) or self.how.skills[""]
        draw = Draw(self.how.seed, item.id, name, role, str(task.round))
        notes = answered(sheet, self._truth(item.id), self.clip_of(item), skill, draw)
        given = Submission(
            item.id, name, notes, task.layer.config, guideline=task.layer.guideline, spent_s=self.how.look_s
        )
        if role == "annotator":
            return self.copy.submit(given, self.now_ms)
        if role == "adjudicator":
            return self.copy.adjudicate(given, self.now_ms)
        alike = self._is_alike(item.layer, notes, task.shown[0].notes)
        word = Review(item.id, name, "accept" if alike else "fix", () if alike else notes, spent_s=self.how.look_s)
        return self.copy.review(word, self.now_ms)

    def _truth(self, item: str) -> Notes:
        """Return what is supposed to be true of an item, the same each time."""
        if item not in self.truths:
            asked = self.copy.state.work[item].item
            draw = Draw(self.how.seed, item, "truth")
            self.truths[item] = supposed(self.sheets[asked.layer], asked, self.clip_of(asked), self.how.wrong, draw)
        return self.truths[item]

    def _is_alike(self, layer: str, one: Notes, other: Notes) -> bool:
        return self.measures[layer].agreement(one, other) >= self.copy.state.layers[layer].rules.accept_at

    def _count(self, work: Work, stood: bool) -> None:
        """Count an item; of what real people had settled before, only that it is settled."""
        found = self.found[work.item.layer]
        found.states[work.state] += 1
        if work.agreement is not None and not stood:
            found.agreements.append(work.agreement)
        if stood or not work.standing:
            return
        truth = self._truth(work.item.id)
        found.stands += 1
        found.wrong += not self._is_alike(work.item.layer, work.versions[work.standing].notes, truth)
        if work.item.machine:
            found.noted += 1
            found.model_wrong += not self._is_alike(work.item.layer, work.item.machine, truth)
