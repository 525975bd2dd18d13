"""The ledger: what a desk knows, and the one way to change it.

Each method is a turn: under the writer's lock the events that others wrote are folded in, guards look at the state,
and what follows is appended; so two people who ask at once are one after the other. A turn that fails writes nothing.
The whole log is folded when a ledger is opened and held in memory, which takes seconds for a million events; a table of
the current state would be a second truth.

Times are Unix milliseconds by the caller's clock. A ledger belongs to one thread; any number of processes may hold one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from annotators.desk import after, incoming, judging, queue, setting_up
from annotators.desk.events import Role
from annotators.desk.fold import fold
from annotators.desk.item import Item
from annotators.desk.log import BEGIN, Log, Recorded, Row, event_of, open_log, row_of
from annotators.desk.measure import Measure
from annotators.desk.rules import Accepted, Layer
from annotators.desk.settle import settle
from annotators.desk.state import State, digest_of
from annotators.desk.submission import Outcome, Review, Submission
from annotators.desk.tasks import Task, task_of
from annotators.desk.turn import Turn
from schemas.errors import BadInput

T = TypeVar("T")


@contextmanager
def open_ledger(url: str, desk: str = "main", measures: Mapping[str, Measure] | None = None) -> Iterator[Ledger]:
    """Open a desk's ledger, a path or postgresql://, with how its layers are compared."""
    log = open_log(url, desk)
    try:
        yield Ledger(log, measures or {})
    finally:
        log.close()


class Ledger:
    """A desk's events, and what they come to."""

    def __init__(self, log: Log, measures: Mapping[str, Measure]) -> None:
        self._log, self._measures = log, measures
        self._state, self._chain = State(), BEGIN
        self._open: Turn | None = None
        self.refresh()

    @property
    def where(self) -> str:
        """Where the log lies, without what opens it."""
        return self._log.where

    @property
    def state(self) -> State:
        """The state as it was last read; only turns change it."""
        return self._state

    def refresh(self) -> State:
        """Fold in what others wrote."""
        if self._open is not None:
            return self._state
        for row in self._log.after(self._state.seq):
            event = event_of(row, self._chain, self._log.where)
            fold(self._state, event, row.at_ms)
            self._chain = row.chain
        return self._state

    def digest(self) -> str:
        """Return the SHA-256 of the state's canonical bytes."""
        return digest_of(self._state)

    def history(self, item: str = "") -> tuple[Recorded, ...]:
        """Return what happened, to one item where it is named."""
        found, chain = list[Recorded](), BEGIN
        for row in self._log.after(0):
            event, chain = event_of(row, chain, self._log.where), row.chain
            about = getattr(event, "item", None)
            exported = getattr(event, "versions", {})
            if not item or item in (about, getattr(about, "id", None)) or item in exported:
                found.append(Recorded(row.seq, row.at_ms, event))
        return tuple(found)

    @contextmanager
    def together(self, now_ms: int) -> Iterator[None]:
        """Take what is called inside in one turn: written and synced once, all of it or none.

        A guard's refusal may be caught inside where it came before anything happened; later it ends the turn.
        """
        with self._writing(now_ms) as turn:
            self._open = turn
            try:
                yield
            finally:
                self._open = None

    def _turn(self, now_ms: int, do: Callable[[Turn], T]) -> T:
        """Do something in a turn of its own, or in the one that is open."""
        if self._open is None:
            with self._writing(now_ms) as turn:
                return do(turn)
        turn, before = self._open, len(self._open.events)
        try:
            return do(turn)
        except BaseException:
            turn.torn = turn.torn or len(turn.events) > before
            raise

    @contextmanager
    def _writing(self, now_ms: int) -> Iterator[Turn]:
        """Hold the lock, and write what came of it; where that fails, what is known is read anew."""
        turn = None
        try:
            with self._log.writing():
                self.refresh()
                turn, chain, rows = Turn(self._state, now_ms), self._chain, list[Row]()
                yield turn
                if turn.torn:
                    raise RuntimeError(
                        "a refusal in the middle of something was caught: nothing of the turn is written"
                    )
                for seq, event in enumerate(turn.events, self._state.seq - len(turn.events) + 1):
                    rows.append(row_of(seq, now_ms, event, chain))
                    chain = rows[-1].chain
                if rows:
                    self._log.append(rows)
        except BaseException:
            if turn is not None and turn.events:
                self._state, self._chain = State(), BEGIN
            raise
        self._chain = chain

    def set_layer(
        self, layer: Layer, now_ms: int, accepted: Accepted = "keep", items: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """Set a layer, and do with its accepted notes what is said; return the items that are looked at again."""
        return self._turn(now_ms, lambda turn: setting_up.set_layer(turn, layer, accepted, items))

    def set_person(
        self,
        name: str,
        roles: Sequence[Role],
        now_ms: int,
        layers: Sequence[str] = (),
        cost_per_hour: float = 0.0,
    ) -> None:
        """Add a person, or change roles, layers or cost."""
        self._turn(now_ms, lambda turn: setting_up.set_person(turn, name, roles, layers, cost_per_hour))

    def pause(self, name: str, why: str, now_ms: int) -> None:
        """Give a person no more work, and free what they hold; what they send in late still counts."""
        self._turn(now_ms, lambda turn: setting_up.pause(turn, name, why))

    def resume(self, name: str, now_ms: int) -> None:
        """Give a person work again."""
        self._turn(now_ms, lambda turn: setting_up.resume(turn, name))

    def retake(self, name: str, layer: str, now_ms: int) -> None:
        """Let a person take the exam of a layer again."""
        self._turn(now_ms, lambda turn: setting_up.retake(turn, name, layer))

    def select(self, items: Sequence[Item], now_ms: int) -> int:
        """Ask about items, of which those that are known count no more; return how many came."""
        return self._turn(now_ms, lambda turn: setting_up.select(turn, items))

    def prioritise(self, item: str, priority: int, now_ms: int) -> None:
        """Move an item in the queue: higher comes first."""
        self._turn(now_ms, lambda turn: setting_up.prioritise(turn, item, priority))

    def take(self, name: str, role: Role, now_ms: int, layers: Sequence[str] = (), most: int = 1) -> tuple[Task, ...]:
        """Lease to a person what comes next, `most` items at the most."""

        def taking(turn: Turn) -> tuple[Task, ...]:
            self._settle(turn)
            taken = queue.take(turn, name, role, layers, most)
            return tuple(task_of(turn.state, item, name, role) for item in taken)

        return self._turn(now_ms, taking)

    def held(self, name: str = "", role: Role | None = None) -> tuple[Task, ...]:
        """Return what is held, by one person or in one role where they are named."""
        state = self.refresh()
        return tuple(task_of(state, item, who, as_) for item, who, as_ in after.held(state, name, role))

    def sent(self, item: str, name: str, role: Role, task: str, now_ms: int) -> None:
        """Remember the editor's task for what a person holds."""
        self._turn(now_ms, lambda turn: queue.sent(turn, item, name, role, task))

    def renew(self, item: str, name: str, role: Role, now_ms: int) -> None:
        """Hold for another term what a person holds."""
        self._turn(now_ms, lambda turn: queue.renew(turn, item, name, role))

    def release(self, item: str, name: str, role: Role, now_ms: int) -> None:
        """Give back what a person holds."""
        self._turn(now_ms, lambda turn: queue.release(turn, item, name, role))

    def reassign(self, item: str, name: str, to: str, now_ms: int) -> None:
        """Give what one annotator holds to another."""
        self._turn(now_ms, lambda turn: queue.reassign(turn, item, name, to))

    def expire(self, now_ms: int) -> int:
        """Free what ran out, and return how much."""
        return self._turn(now_ms, queue.expire)

    def settle(self, now_ms: int) -> None:
        """Compare what is whole and whose grace is over."""
        self._turn(now_ms, self._settle)

    def _settle(self, turn: Turn) -> None:
        for work in list(turn.state.work.values()):
            settle(turn, work, self._measures)

    def submit(self, given: Submission, now_ms: int) -> Outcome:
        """Take an annotation, or an edit of one."""
        return self._turn(now_ms, lambda turn: incoming.submit(turn, given, self._measures))

    def skip(
        self,
        item: str,
        person: str,
        reason: str,
        now_ms: int,
        external: str = "",
        updated: str = "",
        spent_s: float = 0.0,
    ) -> Outcome:
        """Take a person's word that an item cannot be annotated."""
        return self._turn(now_ms, lambda turn: incoming.skip(turn, item, person, reason, external, updated, spent_s))

    def deleted(self, external: str, now_ms: int) -> Outcome:
        """Take that an editor has something no longer."""
        return self._turn(now_ms, lambda turn: incoming.deleted(turn, external))

    def refuse(
        self,
        item: str,
        person: str,
        reason: str,
        detail: str,
        now_ms: int,
        external: str = "",
        updated: str = "",
        digest: str = "",
    ) -> Outcome:
        """Put on record that what came in does not count."""
        given = (item, person, reason, detail, external, updated, digest)
        return self._turn(now_ms, lambda turn: incoming.refuse(turn, *given))

    def review(self, given: Review, now_ms: int) -> Outcome:
        """Take a reviewer's word."""
        return self._turn(now_ms, lambda turn: judging.review(turn, given, self._measures))

    def adjudicate(self, given: Submission, now_ms: int) -> Outcome:
        """Take the version that resolves a disagreement."""
        return self._turn(now_ms, lambda turn: judging.adjudicate(turn, given, self._measures))

    def reopen(self, items: Sequence[str], by: str, why: str, now_ms: int) -> None:
        """Ask anew about items that are accepted, exported or quarantined."""
        self._turn(now_ms, lambda turn: after.reopen(turn, items, by, why))

    def quarantine(self, item: str, why: str, now_ms: int) -> None:
        """Take an item out of the queues."""
        self._turn(now_ms, lambda turn: after.quarantine(turn, item, why))

    def export(
        self, batch: str, manifest: str, licence: str, now_ms: int, items: Sequence[str] | None = None
    ) -> tuple[after.Standing, ...]:
        """Put on record that what stands went out: all of these items, or none."""
        return self._turn(now_ms, lambda turn: after.export(turn, batch, manifest, licence, items))

    def standing(self) -> tuple[after.Standing, ...]:
        """Return what stands, in the order in which the items were selected."""
        return after.standing(self.refresh())

    def rows(self) -> Iterator[Row]:
        """Yield the log as it is written."""
        return self._log.after(0)

    def fill(self, rows: Sequence[Row]) -> None:
        """Write a log whole into a desk that holds nothing."""
        with self._log.writing():
            if self.refresh().seq:
                remedy = "give a database, or the name of a desk, that holds nothing"
                raise BadInput(f"it holds {self._state.seq} events already", where=self.where, remedy=remedy)
            self._log.append(rows)
        self.refresh()
