"""Random traces of a desk: people who do anything at any time, a clock that jumps, an editor that says things twice.

A trace hangs on its seed alone. What each step does is drawn from what could be sent in by somebody, right or wrong;
guards that refuse are part of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from annotators.desk.choices import Choices
from annotators.desk.invariants import broken
from annotators.desk.item import Item
from annotators.desk.ledger import Ledger
from annotators.desk.queue import leases
from annotators.desk.rules import Layer, Rules
from annotators.desk.state import State
from annotators.desk.submission import Review, Submission
from schemas.errors import BadInput
from schemas.note import Note

MEASURES = {"size": Choices(), "motion": Choices()}
PEOPLE = {
    "ana": ("annotator",),
    "ben": ("annotator", "reviewer"),
    "cyd": ("annotator", "reviewer"),
    "dia": ("annotator", "adjudicator"),
    "eli": ("reviewer", "adjudicator"),
    "fay": ("annotator", "reviewer", "adjudicator"),
}
VALUES = ("near", "far")
WHY: Any = ("unsure", "audit", "asked")
STEPS = 100
TERMINAL = {"rejected", "superseded", "deleted"}


def notes(value: str) -> tuple[Note, ...]:
    return (Note("shot_size", value),)


class Trace:
    """One trace at one ledger; `step` does something, `look` checks what is true."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.ledger, self.random, self.now_ms, self.seed = ledger, random.Random(seed), 1_000_000, seed
        self.sent: list[Submission] = []
        self.kept = dict[str, tuple[Note, ...]]()
        self.before = dict[str, tuple[str, str]]()
        self.batches = dict[str, dict[str, str]]()
        self.stamps, self.configs = 0, {"size": ["c1"], "motion": ["c1"]}
        self.refused = self.done = 0
        self.set_up()

    def set_up(self) -> None:
        draw, now = self.random, self.now_ms
        rules = {
            "size": Rules(overlap=2, review_share=0.3, gold_share=0.2, gold_window=3, lease_s=60, author_first_s=30),
            "motion": Rules(
                overlap=1,
                review_share=0.7,
                gold_share=0.0,
                lease_s=60,
                on_reject=draw.choice(("flexible", "requeue", "remove")),
                exam_pass=draw.choice((0.0, 0.5)),
                grace_s=draw.choice((0, 20)),
            ),
        }
        for name, rule in rules.items():
            self.ledger.set_layer(Layer(name, "c1", rules=rule), now)
        for person, roles in PEOPLE.items():
            self.ledger.set_person(person, roles, now, cost_per_hour=20.0)
        items = [
            Item(
                f"{layer}-{self.seed}-{n}",
                layer,
                f"sample-{n}",
                priority=n % 2,
                why=WHY[n],
                machine=notes(draw.choice(VALUES)),
            )
            for layer in rules
            for n in range(3)
        ]
        items.append(Item("gold-size", "size", "gold", kind="gold", answer=notes("near")))
        items.append(Item("exam-motion", "motion", "exam", kind="exam", answer=notes("near")))
        self.ledger.select(items, now)

    @property
    def state(self) -> State:
        return self.ledger.state

    def stamp(self) -> str:
        self.stamps += 1
        return f"{self.stamps:08d}"

    def person(self) -> str:
        return self.random.choice(list(PEOPLE))

    def item(self) -> str:
        return self.random.choice([*self.state.work, "nobody's"] if self.random.random() < 0.1 else [*self.state.work])

    def held(self, role: str) -> tuple[str, str]:
        """Return an item and a person: mostly who holds it in a role, sometimes anybody."""
        every = [
            (work.item.id, lease.person)
            for work in self.state.work.values()
            for as_, lease in leases(work)
            if as_ == role
        ]
        return self.random.choice(every) if every and self.random.random() < 0.95 else (self.item(), self.person())

    def submission(self, role: str = "annotator") -> Submission:
        if self.random.random() < 0.5:
            self.take(role)
        item, person = self.held(role)
        layer = self.state.work[item].item.layer if item in self.state.work else "size"
        config = self.random.choice(self.configs[layer]) if self.random.random() < 0.1 else self.configs[layer][-1]
        given = () if self.random.random() < 0.03 else notes(self.random.choice(VALUES))
        external = f"ls:{person}/{item}/{self.stamp()}" if self.random.random() < 0.9 else ""
        return Submission(
            item, person, given, config, external, self.stamp(), spent_s=float(self.random.randint(1, 90))
        )

    def submit(self, given: Submission) -> None:
        out = self.ledger.submit(given, self.now_ms)
        self.sent.append(given)
        if out.kind in ("written", "edited", "late"):
            self.kept[out.version] = given.notes

    def take(self, role: Any) -> None:
        able = [one.name for one in self.state.people.values() if role in one.roles and not one.paused]
        if able:
            self.ledger.take(self.random.choice(able), role, self.now_ms, most=self.random.randint(1, 3))

    def do_take(self) -> None:
        if self.random.random() < 0.1:
            self.ledger.take(self.person(), "reviewer", self.now_ms)
        self.take(self.random.choice(("annotator", "reviewer", "adjudicator")))

    def do_submit(self) -> None:
        self.submit(self.submission())

    def do_again(self) -> None:
        if self.sent:
            self.submit(self.random.choice(self.sent))

    def do_edit(self) -> None:
        if self.sent:
            old = self.random.choice(self.sent[-6:])
            updated = self.stamp() if self.random.random() < 0.8 else "00000000"
            value = notes(self.random.choice(VALUES))
            self.submit(Submission(old.item, old.person, value, old.config, old.external, updated, spent_s=100.0))

    def do_delete(self) -> None:
        known = [one.external for one in self.sent if one.external]
        if known and self.random.random() < 0.9:
            self.ledger.deleted(self.random.choice(known[-6:]), self.now_ms)
        else:
            self.ledger.deleted(f"ls:{self.person()}/{self.item()}/{self.stamps + 2:08d}", self.now_ms)

    def do_skip(self) -> None:
        item, person = self.held("annotator")
        reason = self.random.choice(("black frames", "black frames", ""))
        self.ledger.skip(item, person, reason, self.now_ms, f"ls:skip/{self.stamp()}", self.stamp(), 3.0)

    def do_review(self) -> None:
        self.take("reviewer")
        item, person = self.held("reviewer")
        self.ledger.review(
            Review(
                item,
                person,
                self.random.choice(("accept", "fix", "reject")),
                notes(self.random.choice(VALUES)),
                self.random.choice(("the cut is early",) * 5 + ("",)),
                "boundary",
                self.random.choice(("", "requeue", "remove")),
                f"ls:review/{self.stamp()}",
                self.stamp(),
                12.0,
            ),
            self.now_ms,
        )

    def do_adjudicate(self) -> None:
        given = self.submission("adjudicator")
        out = self.ledger.adjudicate(given, self.now_ms)
        if out.kind == "judged":
            self.kept[out.version] = given.notes

    def do_give_back(self) -> None:
        role = self.random.choice(("annotator", "reviewer", "adjudicator"))
        item, person = self.held(role)
        do: Any = self.random.choice((self.ledger.release, self.ledger.renew))
        do(item, person, role, self.now_ms)

    def do_reassign(self) -> None:
        item, person = self.held("annotator")
        self.ledger.reassign(item, person, self.person(), self.now_ms)

    def do_sent(self) -> None:
        item, person = self.held("annotator")
        self.ledger.sent(item, person, "annotator", f"task-{self.stamp()}", self.now_ms)

    def do_clock(self) -> None:
        self.now_ms += self.random.choice((1_000, 20_000, 70_000, -2_000, -3_600_000, 86_400_000))

    def do_person(self) -> None:
        person = self.person()
        match self.random.randrange(4):
            case 0:
                self.ledger.pause(person, "on leave", self.now_ms)
            case 1 | 2:
                for one in PEOPLE:
                    self.ledger.resume(one, self.now_ms)
            case 3:
                some: Any = self.random.sample(PEOPLE[person], self.random.randint(1, len(PEOPLE[person])))
                roles: Any = self.random.choice((PEOPLE[person], some))
                self.ledger.set_person(person, roles, self.now_ms)

    def do_lead(self) -> None:
        match self.random.randrange(5):
            case 0:
                self.ledger.reopen([self.item()], "lead", "asked", self.now_ms)
            case 1:
                self.ledger.quarantine(self.item(), "licence", self.now_ms)
            case 2:
                self.ledger.prioritise(self.item(), self.random.randint(0, 3), self.now_ms)
            case 3:
                self.ledger.retake(self.person(), "motion", self.now_ms)
            case 4:
                self.ledger.settle(self.now_ms)

    def do_layer(self) -> None:
        name = self.random.choice(list(self.configs))
        config, accepted = f"c{len(self.configs[name]) + 1}", self.random.choice(("keep", "review", "reopen"))
        layer = Layer(name, config, rules=self.state.layers[name].rules)
        self.ledger.set_layer(layer, self.now_ms, accepted)
        self.configs[name].append(config)

    def do_export(self) -> None:
        batch = f"batch-{self.random.randint(1, 8)}"
        out = self.ledger.export(batch, f"digest of {batch}", "CC0-1.0", self.now_ms)
        self.batches.setdefault(batch, {one.item.id: one.version.id for one in out})

    WEIGHTS = {
        "take": 20,
        "submit": 25,
        "again": 4,
        "edit": 5,
        "delete": 3,
        "skip": 2,
        "review": 14,
        "adjudicate": 8,
        "give_back": 2,
        "reassign": 2,
        "sent": 2,
        "clock": 5,
        "person": 4,
        "lead": 5,
        "layer": 1,
        "export": 3,
    }

    def step(self) -> str:
        """Do something, and return what; what a guard refuses changes nothing."""
        name = self.random.choices(list(self.WEIGHTS), list(self.WEIGHTS.values()))[0]
        do: Callable[[], None] = getattr(self, f"do_{name}")
        seq = self.state.seq
        try:
            do()
        except BadInput:
            self.refused += 1
            assert self.ledger.refresh().seq == seq, f"{name} was refused and changed something"
        self.done += 1
        return name

    def look(self) -> Iterator[str]:
        """Yield what does not hold now, or did not on the way from the last look."""
        yield from broken(self.state)
        now = {
            version.id: (version.state, version.digest)
            for work in self.state.work.values()
            for version in work.versions.values()
        }
        for name, (state, digest) in self.before.items():
            if name not in now or now[name][1] != digest:
                yield f"{name} was lost or changed"
            elif state in TERMINAL and now[name][0] != state:
                yield f"{name} was {state} and is {now[name][0]}"
        self.before = now
        for name, given in self.kept.items():
            work = self.state.work[name.rpartition(".")[0]]
            if work.versions[name].notes != given:
                yield f"{name} is not what was sent in"
        for batch, versions in self.batches.items():
            for item, version in versions.items():
                if self.state.work[item].exported.get(version) != batch:
                    yield f"{version} left {batch}"


def run(ledger: Ledger, seed: int, steps: int = STEPS) -> Trace:
    """Run a trace, and stop where something does not hold."""
    trace = Trace(ledger, seed)
    for at in range(steps):
        did = trace.step()
        found = list(trace.look())
        assert not found, f"seed {seed}, step {at} ({did}): {'; '.join(found)}"
    return trace
