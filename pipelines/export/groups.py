"""Groups: what has to stay on one side of a split, where one sample belongs to two of them.

A sample's group is its parent, or else its picture's digest: a pure function of the sample, so a grown corpus leaves it
where it is. Copies of one picture under two parents, or a parent beside its children, tie groups together; only those
ties are looked for and held, and DuckDB finds them in bounded memory. Samples with one picture and no parent tie
nothing by themselves: where there are no others, nothing is looked for at all.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from pipelines.engines.engine import Engine
from pipelines.engines.temporary import temporary_folder
from pipelines.export.choose import Choosing, Kept, Rule
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.sql_text import quoted
from pipelines.shelf.table import uuid_hexes

BATCH = 8192
MEMORY_LIMIT = "1GB"
_LINKS = pa.schema([("label", pa.string()), ("name", pa.string())])


class LinkShard(Struct, frozen=True):
    """Work: return the links of a shard's samples that leave, as an Arrow stream, empty where there is none.

    `tying`: those of samples that have a parent or several pictures; else those of the others.
    """

    shelf_url: str
    recipe_id: str
    rule: Rule
    tying: bool

    @contextmanager
    def open(self) -> Iterator[Callable[[str], bytes]]:
        """Yield what links one shard."""
        shelf = Shelf(self.shelf_url)
        choosing = Choosing(shelf, self.recipe_id, self.rule, ("key", "parent"))
        yield lambda shard: self._links(shelf, choosing, shard)

    def _links(self, shelf: Shelf, choosing: Choosing, shard: str) -> bytes:
        catalog = shelf.catalog(shard, ["parent", "images", "videos"])
        media = pc.add(catalog["images"].cast(pa.int32()), catalog["videos"])
        tying = pc.or_(pc.not_equal(catalog["parent"], ""), pc.greater(media, 1)).to_numpy()
        rows = np.flatnonzero(tying == self.tying)
        found = [links(kept.leaving()) for kept in choosing.choose(shard, rows)] if len(rows) else []
        return _stream(pa.concat_tables(found)) if found else b""


def links(kept: Kept) -> pa.Table:
    """Return, for each sample, whatever another could share with it (its key, its parent, the digest of a picture), as
    `label`, with the `name` of its group. Pictures of a document tie nothing: a logo would tie a whole site."""
    names, parents = kept.groups(), kept.catalog["parent"].to_pylist()
    of, digests = kept.parts.media()
    tying = ~kept.parts.documents()[of]
    of, digests = of[tying], [digest for digest, ties in zip(digests, tying.tolist(), strict=True) if ties]
    said = [(parent, name) for parent, name in zip(parents, names, strict=True) if parent]
    labels = [*uuid_hexes(kept.catalog["key"]), *(parent for parent, _ in said), *digests]
    return pa.table([labels, [*names, *(name for _, name in said), *(names[at] for at in of.tolist())]], schema=_LINKS)


class Holding(Struct, frozen=True):
    """What holds samples that leave: a shelf, under a recipe and a rule."""

    shelf: Shelf
    recipe_id: str
    rule: Rule


def tied(holdings: Sequence[Holding], engine: Engine) -> dict[str, str]:
    """Return, for each group that is tied to another, the one name that all of them draw by."""

    def found(tying: bool) -> Iterator[pa.Table]:
        for one in holdings:
            work = LinkShard(one.shelf.url, one.recipe_id, one.rule, tying)
            for _, stream in engine.map(work, one.shelf.need_shards()):
                if stream:
                    yield pa.ipc.open_stream(stream).read_all()

    return ties_of(found(True), lambda: found(False))


def ties_of(tying: Iterable[pa.Table], others: Callable[[], Iterable[pa.Table]]) -> dict[str, str]:
    """Return the ties among links; `others` tie nothing by themselves, and are asked for only where some do."""
    with _database() as db:
        if not _insert(db, tying):
            return {}
        _insert(db, others())
        ties = db.execute(
            "SELECT list(DISTINCT name) FROM links SEMI JOIN (SELECT label FROM links GROUP BY label "
            "HAVING min(md5_number(name)) <> max(md5_number(name))) USING (label) GROUP BY label"
        )
        return _joined(_rows(ties))


@contextmanager
def _database() -> Iterator[Any]:
    import duckdb

    with temporary_folder("groups") as scratch, duckdb.connect(f"{scratch}/groups.duckdb") as db:
        db.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET temp_directory = {quoted(scratch)}; SET threads = 1")
        db.execute("SET preserve_insertion_order = false; CREATE TABLE links (label VARCHAR, name VARCHAR)")
        yield db


def _insert(db: Any, tables: Iterable[pa.Table]) -> int:
    """Insert links and return how many there were."""
    count = 0
    for table in tables:
        db.register("batch", table)
        db.execute("INSERT INTO links SELECT * FROM batch")
        db.unregister("batch")
        count += table.num_rows
    return count


def _stream(table: pa.Table) -> bytes:
    memory = io.BytesIO()
    with pa.ipc.new_stream(memory, table.schema) as writer:
        writer.write_table(table)
    return memory.getvalue()


def _rows(found: Any) -> Iterator[list[str]]:
    while batch := found.fetchmany(BATCH):
        yield from (names for (names,) in batch)


def _joined(ties: Iterable[list[str]]) -> dict[str, str]:
    """Join the sets that share a name, and call each by its smallest."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while (above := root.setdefault(name, name)) != name:
            root[name] = root[above]
            name = above
        return name

    for names in ties:
        low, *others = sorted({find(name) for name in names})
        root.update(dict.fromkeys(others, low))
    return {name: find(name) for name in sorted(root)}
