"""Words: what stands at a desk as it leaves it, with its provenance and without a person's name."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, structs

from annotators.desk.after import Standing, standing
from annotators.desk.events import AcceptedNotes
from annotators.desk.ledger import Ledger
from annotators.desk.log import BEGIN, event_of
from annotators.desk.pseudonym import desk_id, pseudonym
from annotators.desk.state import STANDS, State
from schemas.errors import BadInput
from schemas.names import snake_case
from schemas.note import At, Note, Whole
from schemas.people import Shown, Word

_ACCEPTED = snake_case(AcceptedNotes.__name__)


class Spoken(Struct, frozen=True):
    """What stands at a desk: a word of each item, by the sample's key, what was accepted last first.

    Where two items are about one name and place, the first is believed. `quarantined` counts items of which something
    stands and that are in quarantine: they say nothing.
    """

    desk: str
    words: tuple[tuple[str, Word], ...]
    quarantined: tuple[str, ...] = ()


class Accepted(Struct, frozen=True):
    """The event that accepted a version: its number, and the digest of the log up to it."""

    seq: int
    chain: str


def spoken(ledger: Ledger) -> Spoken:
    """Return what stands. Costs a reading of the whole log; raises BadInput where it holds nothing."""
    state = ledger.refresh()
    secret, accepted = _accepted(ledger, state.seq)
    if not secret:
        raise BadInput("this desk holds nothing", where=ledger.where, remedy="give the ledger that people work at")
    words, gone = list[tuple[str, Word]](), list[str]()
    for one in standing(state):
        if state.work[one.item.id].state == "quarantined":
            gone.append(one.item.id)
        else:
            words.append((one.item.sample, _word(state, one, accepted[one.item.id, one.version.id], secret)))
    return Spoken(desk_id(secret), tuple(sorted(words, key=lambda word: -word[1].seq)), tuple(gone))


def _accepted(ledger: Ledger, last: int) -> tuple[str, dict[tuple[str, str], Accepted]]:
    """Return the first event's digest, and by item and version the last event that accepted it."""
    secret, before, found = "", BEGIN, dict[tuple[str, str], Accepted]()
    for row in ledger.rows():
        if row.seq > last:
            break
        secret = secret or row.chain
        if _ACCEPTED in row.event:
            event = event_of(row, before, ledger.where)
            if isinstance(event, AcceptedNotes):
                found[event.item, event.version] = Accepted(row.seq, row.chain)
        before = row.chain
    return secret, found


def _word(state: State, one: Standing, accepted: Accepted, secret: str) -> Word:
    work, version, desk = state.work[one.item.id], one.version, desk_id(secret)
    by = f"{desk}/{one.item.id}"
    notes = tuple(structs.replace(note, at=_at(note, one.item.at), by=by) for note in version.notes)
    names = dict.fromkeys((*(note.name for note in version.notes), *(note.name for note in one.item.machine)))
    return Word(
        desk,
        one.item.id,
        one.item.layer,
        one.item.at,
        tuple(names),
        notes,
        one.how,
        tuple(sorted(pseudonym(author, secret) for author in one.authors)),
        pseudonym(one.accepted_by, secret),
        version.id,
        version.config,
        version.taxonomy,
        version.guideline,
        version.round,
        accepted.seq,
        accepted.chain,
        tuple(Shown(note.name, note.value, note.by) for note in one.item.machine),
        None if work.machine is None else round(work.machine, 4),
        "" if work.state in STANDS else work.state,
    )


def _at(note: Note, item: At) -> At:
    """Return where a note stands: what is said of the whole of an item is said of the item's place."""
    return item if isinstance(note.at, Whole) else note.at


def standing_now(state: State, versions: Mapping[str, str]) -> list[str]:
    """Return those of these items (item, version) that are accepted, did not go out yet, and of which it stands."""
    return [
        item
        for item, version in versions.items()
        if state.work[item].state == "accepted" and state.work[item].standing == version
    ]
