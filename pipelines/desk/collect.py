"""Collecting: what stands at a desk becomes notes on a shelf, whole shard by whole shard, and the ledger knows of it.

Pieces are computed anew from the ledger and written where they say something else, so the same state gives the same
bytes whenever and however often it is collected, and what was corrected meanwhile takes the place of what it corrects.
The receipt comes last, then the ledger's event; killed anywhere between, the same call again ends as if it were not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from annotators.desk.label_studio.sheet import Sheet
from annotators.desk.ledger import Ledger
from annotators.desk.words import Spoken, spoken, standing_now
from pipelines.desk.kinds import Kinds, kinds_of
from pipelines.record.failure import Failure
from pipelines.record.record import Record, recorded
from pipelines.shelf.held import alone
from pipelines.shelf.notes import piece_path
from pipelines.shelf.people import (
    COLLECTING,
    OfLayer,
    Receipt,
    Words,
    people_ids,
    put_receipt,
    put_words,
    read_receipts,
)
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.people import Word
from schemas.sample import Part, Source, from_columns

DONE = "done"
NOT_ON_SHELF, NO_SUCH_PART, FAILED_ROW, QUARANTINED = "not_on_shelf", "no_such_part", "failed_row", "quarantined"


class Collected(Struct, frozen=True):
    """What came of it: items and notes by layer, pieces that say something new, items that went out in which batch,
    items that were left out by reason with the first of them, and where people were asked under several taxonomies."""

    desk: str
    layers: dict[str, OfLayer]
    pieces: int
    batch: str
    went_out: int
    left_out: dict[str, tuple[str, ...]]
    reopened: int

    @property
    def items(self) -> int:
        """How many items stand on the shelf."""
        return sum(one.items for one in self.layers.values())


def collect(
    ledger: Ledger,
    shelf: Shelf,
    now_ms: int,
    sheets: Sequence[Sheet] = (),
    licence: str = "",
    *,
    beside: bool = False,
) -> Collected:
    """Put what stands at a desk on a shelf; `sheets` are those that were ever asked, `licence` is that of the notes.

    `beside`: another desk's notes may lie there already; of two, the one whose name comes first is believed. Raises
    BadInput where the ledger is of another shelf, Unavailable where the shelf cannot be written.
    """
    told = spoken(ledger)
    others = [one for one in people_ids(shelf) if one != told.desk]
    if others and not beside:
        raise BadInput(
            f"it holds the notes of another desk, {others[0]}",
            where=shelf.url,
            remedy="collect that desk, or say --beside to have both, or remove its folder in notes/",
        )
    kinds = kinds_of(sheets)
    with alone(shelf, "collect", "collection"), recorded(shelf, "collect", {"desk": told.desk}) as record:
        return _Collecting(ledger, shelf, told, kinds, record).run(now_ms, licence)


class _Collecting:
    """A collection as it goes on."""

    def __init__(self, ledger: Ledger, shelf: Shelf, told: Spoken, kinds: Kinds, record: Record) -> None:
        self._ledger, self._shelf, self._told, self._kinds, self._record = ledger, shelf, told, kinds, record
        self._left_out = dict[str, list[str]]()
        self._shards = dict[str, dict[int, list[Word]]]()

    def run(self, now_ms: int, licence: str) -> Collected:
        for item in self._told.quarantined:
            self._leave(item, QUARANTINED)
        self._place()
        placed = [word for rows in self._shards.values() for words in rows.values() for word in words]
        if self._told.words and not placed and set(self._left_out) <= {NOT_ON_SHELF, QUARANTINED}:
            raise BadInput(
                f"none of the {len(self._told.words)} samples that people noted is on this shelf",
                where=self._shelf.url,
                remedy="give the shelf that the desk's items were taken from",
            )
        layers = _layers(placed)
        with self._record.step("write", len(placed)):
            pieces, manifest = self._write(placed, layers)
        batch, went_out = self._went_out(placed, manifest, licence, now_ms)
        for name, number in (("items", len(placed)), ("pieces", pieces), ("went_out", went_out)):
            self._record.count(name, number)
        left_out = {reason: tuple(items) for reason, items in sorted(self._left_out.items())}
        reopened = sum(bool(word.reopened) for word in placed)
        return Collected(self._told.desk, layers, pieces, batch, went_out, left_out, reopened)

    def _leave(self, item: str, reason: str, detail: str = "", key: str = "", shard: str = "") -> None:
        self._left_out.setdefault(reason, []).append(item)
        self._record.failed([Failure(shard, key, self._told.desk, reason, f"item {item}{detail and f': {detail}'}")])

    def _place(self) -> None:
        """Find the rows that words are about, and leave out those that cannot stand there, each with its reason."""
        waiting = dict[str, list[Word]]()
        for key, word in self._told.words:
            waiting.setdefault(key, []).append(word)
        for shard in self._shelf.need_shards():
            for row, key, failed, parts in _rows_of(self._shelf, shard, waiting):
                for word in waiting.pop(key):
                    reason, detail = (FAILED_ROW, failed) if failed else self._unfit(word, parts)
                    if reason:
                        self._leave(word.item, reason, detail, key, shard)
                    else:
                        self._shards.setdefault(shard, {}).setdefault(row, []).append(word)
        for key, words in waiting.items():
            for word in words:
                self._leave(word.item, NOT_ON_SHELF, f"sample {key}", key)

    def _unfit(self, word: Word, parts: Sequence[Part]) -> tuple[str, str]:
        """Return why a word cannot stand, and of what; nothing where it can."""
        for note in word.notes:
            part = getattr(note.at, "part", None)
            if part is not None and part >= len(parts):
                return NO_SUCH_PART, f"{note.name} on part {part}, of {len(parts)}"
            if reason := self._kinds.problem(note):
                return reason, f"{note.name} of layer {word.layer}"
        return "", ""

    def _write(self, placed: Sequence[Word], layers: dict[str, OfLayer]) -> tuple[int, str]:
        """Write the pieces and the receipt; return how many pieces are new, and the receipt's digest."""
        shelf, desk = self._shelf, self._told.desk
        before = next((one for one in read_receipts(shelf) if one.desk == desk), None)
        shards = sorted({*self._shards, *(before.files if before else ())})
        if not shards:
            return 0, ""
        columns = self._kinds.columns(placed)
        rows = {shard: self._shards.get(shard, {}) for shard in shards}
        digests = {shard: _digest_of(rows[shard], columns) for shard in shards}
        done = Receipt(desk, DONE, layers, columns, digests)
        if before == done and all(shelf.fs.isfile(piece_path(shelf, desk, shard, 0)) for shard in shards):
            return 0, sha256(put_receipt(shelf, desk, done)).hexdigest()
        put_receipt(shelf, desk, Receipt(desk, COLLECTING, {}, {}, dict.fromkeys(shards, "")))
        written = sum(put_words(shelf, desk, shard, rows[shard], columns) for shard in shards)
        return written, sha256(put_receipt(shelf, desk, done)).hexdigest()

    def _went_out(self, placed: Sequence[Word], manifest: str, licence: str, now_ms: int) -> tuple[str, int]:
        """Put on record what went out; what was opened again while it was written waits for the next time."""
        versions = {word.item: word.version for word in placed}
        with self._ledger.together(now_ms):
            items = standing_now(self._ledger.state, versions)
            if not items:
                return "", 0
            said = msgspec.json.encode([manifest, licence, [(item, versions[item]) for item in items]])
            batch = f"{self._told.desk}:{sha256(said).hexdigest()[:16]}"
            return batch, len(self._ledger.export(batch, manifest, licence, now_ms, items))


def _digest_of(rows: Words, columns: dict[str, str]) -> str:
    """Return a digest of what a piece says."""
    return sha256(msgspec.json.encode([columns, sorted(rows.items())], order="deterministic")).hexdigest()


def _rows_of(shelf: Shelf, shard: str, asked: dict[str, list[Word]]) -> list[tuple[int, str, str, tuple[Part, ...]]]:
    """Return row, key, why it failed at the door, and parts of those rows of a shard that are asked for."""
    keys = shelf.catalog(shard, ["key"])["key"].combine_chunks()
    storage = keys.storage if isinstance(keys, pa.ExtensionArray) else keys
    wanted = [bytes.fromhex(key) for key in asked if _is_key(key)]
    found = pc.is_in(storage, pa.array(wanted, storage.type)).to_numpy(zero_copy_only=False).nonzero()[0].tolist()
    if not found:
        return []
    told = shelf.catalog(shard, ["parts", "failed"]).take(found).to_pylist()
    return [
        (row, storage[row].as_py().hex(), one["failed"], from_columns("", one["parts"], Source("", "")).parts)
        for row, one in zip(found, told, strict=True)
    ]


def _is_key(key: str) -> bool:
    return len(key) == 32 and set(key) <= set("0123456789abcdef")


def _layers(placed: Sequence[Word]) -> dict[str, OfLayer]:
    found = dict[str, OfLayer]()
    for layer in sorted({word.layer for word in placed}):
        mine = [word for word in placed if word.layer == layer]
        taxonomies = Counter(word.taxonomy for word in mine)
        found[layer] = OfLayer(len(mine), sum(len(word.notes) for word in mine), dict(sorted(taxonomies.items())))
    return found
