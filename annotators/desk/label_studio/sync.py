"""Syncing a desk with its editor: what people did comes in, and what they hold goes out.

A whole pass lists every task of the desk's projects, so it finds all that changed, was deleted or got lost, whatever
was known before: nothing is kept between passes but the ledger. A quick pass asks for what changed since the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field

from annotators.desk.item import Item
from annotators.desk.label_studio.hand_out import Shows, send_held, take_back, top_up
from annotators.desk.label_studio.http import Editor
from annotators.desk.label_studio.owned import Owned, owned_projects
from annotators.desk.label_studio.people import people
from annotators.desk.label_studio.project import Changed, changes
from annotators.desk.label_studio.regions import Clip
from annotators.desk.label_studio.sheet import Sheet
from annotators.desk.label_studio.take_in import TakenIn, take_in, take_out
from annotators.desk.ledger import Ledger


class About(Struct, frozen=True):
    """What a desk is to its editor.

    `name` is told apart from other desks on the server; `sheets` and `guidelines` are those in force, by layer, `older`
    every sheet that was ever asked; `people` names who has which address there; `media` is the folder that a server of
    our own shows.
    """

    name: str
    sheets: Mapping[str, Sheet]
    older: Sequence[Sheet]
    guidelines: Mapping[str, str]
    people: Mapping[str, str]
    shows: Shows
    media: str = ""


class Passed(Struct):
    """What a pass did."""

    taken: TakenIn = field(default_factory=TakenIn)
    leased: int = 0
    sent: int = 0
    taken_back: int = 0
    projects: tuple[int, ...] = ()
    broken: str = ""
    """Why it could not be done."""


class Sync:
    """Passes over one desk and one editor; `clock` says Unix milliseconds."""

    def __init__(self, ledger: Ledger, editor: Editor, about: About, clock: Callable[[], int]) -> None:
        self._ledger, self.editor, self._about, self._clock = ledger, editor, about, clock
        self._since = dict[int, str]()
        self._there = frozenset[str]()

    def whole(self, each: int = 10) -> Passed:
        """Take in and hand out everything, and leave everybody who may work with up to `each` items a role.

        Raises Unavailable where the server breaks off; what was taken in until then stands, and another pass goes on.
        """
        passed = Passed()
        owned = owned_projects(self.editor, self._about.name, self._about.older)
        named, there = self._named(), set[str]()
        listed = dict[int, list[Changed]]()
        for one in owned:
            listed[one.id], self._since[one.id] = changes(self.editor, one.id)
            if one.sheet in self._about.sheets.values():
                there |= {f"{one.id}/{task.task}" for task in listed[one.id]}
            passed.taken.add(self._take(one, listed[one.id], named))
            passed.taken.add(take_out(self._ledger, one, listed[one.id], self._clock()))
        self._renew(passed.taken.at_work)
        self._hand_out(passed, each, frozenset(there))
        passed.taken_back = sum(take_back(self._ledger, self.editor, one, listed[one.id]) for one in owned)
        passed.projects = tuple(one.id for one in owned)
        return passed

    def quick(self, each: int = 10, only: frozenset[int] = frozenset()) -> Passed:
        """Take in what changed since the last pass, in `only` some projects where they are named, and hand out."""
        passed = Passed()
        owned = owned_projects(self.editor, self._about.name, self._about.older)
        named = self._named()
        for one in owned:
            if not only or one.id in only:
                changed, self._since[one.id] = changes(self.editor, one.id, self._since.get(one.id, ""))
                passed.taken.add(self._take(one, changed, named))
        self._renew(passed.taken.at_work)
        self._hand_out(passed, each, self._there)
        passed.projects = tuple(one.id for one in owned)
        return passed

    def _named(self) -> dict[int, str]:
        """Return who works here by the server's number of them; others by their address."""
        names = {email.lower(): name for name, email in self._about.people.items()}
        return {number: names.get(email.lower(), email) for number, email in people(self.editor).items()}

    def _take(self, owned: Owned, changed: Sequence[Changed], named: Mapping[int, str]) -> TakenIn:
        def clips(item: Item) -> Clip | None:
            return self._about.shows(item).clip

        return take_in(self._ledger, owned, changed, named, clips, self._clock())

    def _renew(self, at_work: set[str]) -> None:
        """Hold for another term what people hold who are at work, where less than half of their term is left."""
        now_ms = self._clock()
        with self._ledger.together(now_ms):
            self._ledger.settle(now_ms)
            for held in self._ledger.held():
                left_ms = held.until_ms - now_ms
                if held.person in at_work and 0 < left_ms < held.layer.rules.lease_s * 500:
                    self._ledger.renew(held.item.id, held.person, held.role, now_ms)

    def _hand_out(self, passed: Passed, each: int, there: frozenset[str]) -> None:
        about = self._about
        self._ledger.expire(self._clock())
        passed.leased = top_up(self._ledger, each, self._clock())
        passed.sent = send_held(
            self._ledger,
            self.editor,
            about.name,
            about.sheets,
            about.shows,
            about.guidelines,
            about.media,
            there,
            self._clock(),
        )
        self._there = there | {held.task for held in self._ledger.held() if held.task}
