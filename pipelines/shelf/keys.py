"""The key map: where each key is, sorted. A cache: without it every answer is the same, and takes longer.

A map covers a stretch of shards with consecutive numbers, which its name states. A catalogue never changes once it is
there, so a map stays true for as long as its shards are; one whose shards are not all there is ignored. Row groups are
small enough that their statistics lead a look-up to one or two of them. A tree of files by the key's beginning would
look up as fast, but every ingest would write all of it again.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from pipelines.shelf.arrow_columns import uuids
from pipelines.shelf.in_duckdb import connected, files, shard_of
from pipelines.shelf.shelf import Shelf, shard_name
from pipelines.shelf.table import arrow_schema, open_table
from schemas.errors import Unavailable, Unreachable
from schemas.publish import publish
from schemas.tables import columns

FOLDER = "keys"
KEYS = columns(key="uuid", shard="uint32", row="uint32")
ROW_GROUP = 65_536
BATCH_ROWS = 1 << 18
MEMORY_LIMIT = "256MB"


class Stretch(Struct, frozen=True, order=True):
    """The numbers of the first and the last of shards that follow one another."""

    first: int
    last: int

    @property
    def shards(self) -> range:
        return range(self.first, self.last + 1)

    def path(self, shelf: Shelf) -> str:
        """Return where the map of this stretch lies."""
        return shelf.path(FOLDER, f"{shard_name(self.first)}-{shard_name(self.last)}.parquet")


class Hit(Struct, frozen=True, order=True):
    """A key and where it is."""

    key: bytes
    shard: str
    row: int


def find_keys(shelf: Shelf, low: bytes, high: bytes) -> list[Hit]:
    """Return the keys from `low` to `high`, 16 bytes each, in order: from the maps, and from the catalogues that no map
    covers."""
    maps, bare = _covered(shelf)
    found = set[Hit]()
    for stretch in maps:
        try:
            found.update(_look(shelf, stretch, low, high))
        except Unreachable:
            raise
        except Unavailable:
            found.update(_scan(shelf, stretch.shards, low, high))
    return sorted(found.union(_scan(shelf, bare, low, high)))


def write_maps(shelf: Shelf, shards: Sequence[str]) -> None:
    """Map those of these shards, all of them there, that no map covers."""
    _, bare = _covered(shelf)
    for stretch in _stretches(set(bare) & set(map(int, shards))):
        _write(shelf, stretch, [catalog_path(shelf, number) for number in stretch.shards], ())


def merge_maps(shelf: Shelf) -> None:
    """Make one map of every stretch of shards that are there, and remove those that it covers."""
    maps, bare = _covered(shelf)
    shards = {number for stretch in maps for number in stretch.shards} | set(bare)
    for whole in _stretches(shards):
        inside = [stretch for stretch in maps if whole.first <= stretch.first <= whole.last and _reads(shelf, stretch)]
        if inside != [whole]:
            covered = {number for stretch in inside for number in stretch.shards}
            catalogs = [catalog_path(shelf, number) for number in whole.shards if number not in covered]
            _write(shelf, whole, catalogs, inside)
    for stretch in maps_of(shelf):
        if stretch not in _stretches(shards):
            shelf.fs.rm_file(stretch.path(shelf))


def maps_of(shelf: Shelf) -> list[Stretch]:
    """Return the stretches of the maps that lie on the shelf."""
    named = (re.fullmatch(r"(\d{6,})-(\d{6,})", name) for name in shelf.names(FOLDER, ".parquet"))
    return sorted(Stretch(int(name[1]), int(name[2])) for name in named if name)


def catalog_path(shelf: Shelf, number: int) -> str:
    """Return the path of a shard's catalogue."""
    return shelf.path("catalog", f"{shard_name(number)}.parquet")


def _reads(shelf: Shelf, stretch: Stretch) -> bool:
    """Say whether a map can be read; one that cannot is as good as none."""
    try:
        with open_table(shelf.fs, stretch.path(shelf)):
            return True
    except Unreachable:
        raise
    except Unavailable:
        return False


def _covered(shelf: Shelf) -> tuple[list[Stretch], list[int]]:
    """Return the maps that hold, none inside another, and the numbers of the shards that none covers."""
    there = set(map(int, shelf.shards()))
    hold = list[Stretch]()
    for stretch in sorted(maps_of(shelf), key=lambda one: (one.first, -one.last)):
        if there.issuperset(stretch.shards) and not (hold and stretch.last <= hold[-1].last):
            hold.append(stretch)
    return hold, sorted(there.difference(*(stretch.shards for stretch in hold)))


def _stretches(numbers: Iterable[int]) -> list[Stretch]:
    found = list[Stretch]()
    for number in sorted(numbers):
        if found and number == found[-1].last + 1:
            found[-1] = Stretch(found[-1].first, number)
        else:
            found.append(Stretch(number, number))
    return found


def _look(shelf: Shelf, stretch: Stretch, low: bytes, high: bytes) -> Iterator[Hit]:
    with open_table(shelf.fs, stretch.path(shelf)) as parquet:
        for group in _groups(parquet.metadata, low, high):
            table = parquet.read_row_group(group, use_threads=False)
            keys = table["key"].combine_chunks()
            sorted_keys = uuids(keys)
            begin = int(np.searchsorted(sorted_keys, np.array(low, "S16"), "left"))
            end = int(np.searchsorted(sorted_keys, np.array(high, "S16"), "right"))
            found = [keys.storage, table["shard"], table["row"]]
            for key, shard, row in zip(*(column[begin:end].to_pylist() for column in found), strict=True):
                yield Hit(key, shard_name(shard), row)


def _groups(metadata: Any, low: bytes, high: bytes) -> Iterator[int]:
    """Yield the row groups that can hold a key from `low` to `high`."""

    def statistics(group: int) -> Any:
        return metadata.row_group(group).column(0).statistics

    count = metadata.num_row_groups
    first = bisect_left(range(count), low, key=lambda group: statistics(group).max)
    for group in range(first, count):
        if statistics(group).min > high:
            return
        yield group


def _scan(shelf: Shelf, numbers: Sequence[int], low: bytes, high: bytes) -> Iterator[Hit]:
    if not numbers:
        return
    catalogs = files(shelf, [catalog_path(shelf, number) for number in numbers])
    with connected(shelf) as db:
        found = db.execute(
            f"SELECT key, {shard_of('filename')}, row FROM {catalogs} WHERE key BETWEEN ? AND ?",
            [UUID(bytes=low), UUID(bytes=high)],
        ).fetchall()
    for key, shard, row in found:
        yield Hit(key.bytes, shard, row)


def _write(shelf: Shelf, stretch: Stretch, catalogs: Sequence[str], maps: Sequence[Stretch]) -> None:
    """Write the map of a stretch from catalogues and from maps in order, of which two may share shards."""
    shard = f"CAST({shard_of('filename')} AS UINTEGER) AS shard"
    selects = [f"SELECT key, {shard}, row FROM {files(shelf, catalogs)}"] if catalogs else []
    begins = stretch.first
    for one in maps:
        selects.append(f"SELECT key, shard, row FROM {files(shelf, [one.path(shelf)])} WHERE shard >= {begins}")
        begins = one.last + 1
    with connected(shelf, MEMORY_LIMIT) as db:
        db.execute("SET arrow_lossless_conversion = true")
        found = db.sql(f"{' UNION ALL '.join(selects)} ORDER BY key, shard, row")
        publish(shelf.fs, stretch.path(shelf), lambda file: _write_sorted(found, file))


def _write_sorted(found: Any, file: IO[bytes]) -> None:
    """Write rows as they come, in groups of one size whatever the sizes they come in: same rows, same bytes."""
    schema = arrow_schema(KEYS)
    with pq.ParquetWriter(
        file, schema, compression="zstd", use_dictionary=False, version="2.6", store_schema=False
    ) as writer:
        waiting = schema.empty_table()
        for batch in found.to_arrow_reader(BATCH_ROWS):
            waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch]).cast(schema)])
            while waiting.num_rows >= ROW_GROUP:
                writer.write_table(waiting.slice(0, ROW_GROUP), ROW_GROUP)
                waiting = waiting.slice(ROW_GROUP)
        if waiting.num_rows:
            writer.write_table(waiting, ROW_GROUP)
