"""People on a shelf: what a desk's people say, beside the annotators' notes, and the first to be read.

`notes/people@<fp>/` belongs to one desk, by a fingerprint of the first event of its ledger. A shard has one piece,
which is written anew where what stands has changed; `words` holds all of it with its provenance, the other columns the
same notes for who asks with SQL. `collected.json` is written last: it says that all is whole, and what each piece says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.shelf.notes import piece_path, places_json
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import put_if_changed, table_if_there
from schemas.note import Note, Whole
from schemas.people import Word, words_in, words_json
from schemas.publish import put
from schemas.tables import PLACES, SEEN, Column
from schemas.vocabulary.answers import DIFFICULTY
from schemas.vocabulary.people import PERSON_DIFFICULTY

PEOPLE = "people@"
WORDS = "words"
RECEIPT = "collected.json"
COLLECTING = "collecting"

Words = Mapping[int, Sequence[Word]]
"""What people say of the rows of a shard, in the order in which it is believed: desk by desk, the latest first."""


class OfLayer(Struct, frozen=True):
    """Items and notes of a layer, and its items by the taxonomy that they were answered under."""

    items: int
    notes: int
    taxonomies: dict[str, int]


class Receipt(Struct, frozen=True):
    """What was collected from a desk: a digest of what each shard's piece says, counts by layer, and
    the columns of whole samples with their kinds.

    `status` is `collecting` while pieces are written; then some may be of this collection and some of the one before.
    """

    desk: str
    status: str
    layers: dict[str, OfLayer]
    columns: dict[str, str] = {}
    files: dict[str, str] = {}


def people_ids(shelf: Shelf) -> list[str]:
    """Return the desks whose people have notes on this shelf, in the order in which they are believed."""
    return [name for name in shelf.folders("notes") if name.startswith(PEOPLE)]


class People:
    """What people say on a shelf; its desks are listed once, when the first shard is asked for."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    @cached_property
    def desks(self) -> list[str]:
        """The desks, in the order in which they are believed."""
        return people_ids(self._shelf)

    def words(self, shard: str) -> Words:
        """Return what people say of a shard's rows."""
        found: dict[int, list[Word]] = {}
        for desk in self.desks:
            with table_if_there(self._shelf.fs, piece_path(self._shelf, desk, shard, 0)) as piece:
                if piece is None:
                    continue
                table = piece.read(columns=["row", WORDS], use_threads=False)
            for row, said in zip(table["row"].to_pylist(), table[WORDS].to_pylist(), strict=True):
                found.setdefault(row, []).extend(words_in(said))
        return found


def people_digest(shelf: Shelf) -> str:
    """Return a digest of what people say on this shelf, empty where no desk was collected."""
    seen = [receipt_bytes(shelf, one) for one in people_ids(shelf)]
    return sha256(b"\n".join(seen)).hexdigest() if seen else ""


def receipt_bytes(shelf: Shelf, people_id: str) -> bytes:
    """Return the receipt of a desk as it is written, nothing where there is none."""
    try:
        return bytes(shelf.fs.cat_file(shelf.path("notes", people_id, RECEIPT)))
    except FileNotFoundError:
        return b""


def read_receipts(shelf: Shelf) -> list[Receipt]:
    """Return the receipts of the desks on this shelf."""
    found = (receipt_bytes(shelf, one) for one in people_ids(shelf))
    return [msgspec.json.decode(one, type=Receipt) for one in found if one]


def names_by_people(shelf: Shelf) -> set[str]:
    """Return the names under which people say something of whole samples, and what follows from it."""
    names = {name for one in read_receipts(shelf) for name in one.columns}
    return names | ({DIFFICULTY.name} if PERSON_DIFFICULTY.name in names else set())


def put_receipt(shelf: Shelf, people_id: str, receipt: Receipt) -> bytes:
    """Write a desk's receipt where it says something else than the one that is there, and return its bytes."""
    data = msgspec.json.format(msgspec.json.encode(receipt, order="deterministic"), indent=1) + b"\n"
    if receipt_bytes(shelf, people_id) != data:
        put(shelf.fs, shelf.path("notes", people_id, RECEIPT), data)
    return data


def put_words(shelf: Shelf, people_id: str, shard: str, words: Words, kinds: Mapping[str, str]) -> bool:
    """Write the piece of a shard with a column for each name of `kinds`; return whether it says something new."""
    columns = (*SEEN, *(Column(name, kind) for name, kind in kinds.items()), Column(PLACES, "string"), _WORDS)
    rows = sorted(words)
    values: dict[str, list[Any]] = {"row": rows, "failed": [""] * len(rows)}
    for name in kinds:
        values[name] = [_whole(words[row], name) for row in rows]
    values[PLACES] = [places_json([note for word in words[row] for note in on_places(word)]) for row in rows]
    values[WORDS] = [words_json(words[row]) for row in rows]
    return put_if_changed(shelf.fs, piece_path(shelf, people_id, shard, 0), columns, values)


_WORDS = Column(WORDS, "string")


def on_places(word: Word) -> list[Note]:
    """Return the notes of a word that stand on places."""
    return [note for note in word.notes if not isinstance(note.at, Whole)]


def _whole(words: Sequence[Word], name: str) -> Any:
    """Return what people say under a name of a whole sample, None where they say nothing."""
    said = (note.value for word in words for note in word.notes if note.name == name and isinstance(note.at, Whole))
    return next(said, None)
