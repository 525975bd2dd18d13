"""Concepts: what a step that balances did to the entries of a vocabulary, for the card, the manifest and a table.

The counts are those of the run: of the samples that came to the step, and of those that it let go on, whatever became
of them later.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct, structs
from numpy.typing import NDArray

from filters.balance import Balance
from pipelines.recipes.recipe import Recipe, Spec
from pipelines.recipes.value import annotator_id
from pipelines.run.decisions import counts_path
from pipelines.run.stored import Stored, stored_recipe
from pipelines.shelf.arrow_columns import flat
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import arrow_schema, parquet_bytes, read_table, table_of
from schemas.errors import BadInput
from schemas.tables import columns

MOST_TOLD = 20
_TABLE = columns(step="uint8", entry="string", before="uint64", after="uint64")
_OF_PARTS = (*columns(part="string"), *_TABLE)
_BALANCE = f"{Balance.__module__}:{Balance.__qualname__}"


class Common(Struct, frozen=True):
    """An entry, the samples that matched it before a step and after it, and the chance that it was drawn with."""

    entry: str
    before: int
    after: int
    chance: float


class Concepts(Struct, frozen=True, omit_defaults=True):
    """What a step did: the entries of its vocabulary, those that match at all and those that more than `per_entry`
    samples match (the head), the entropy of the counts, and the commonest entries; of a mix, the part whose it is."""

    step: int
    name: str
    per_entry: int
    entries: int
    matched: int
    head: int
    entropy_before_bits: float
    entropy_after_bits: float
    commonest: tuple[Common, ...]
    part: str = ""


class Counted(Struct, frozen=True):
    """What each step that balances did, and the counts of all entries that match, as the bytes of the export's table:
    by part of a mix, by step, in the vocabulary's order."""

    concepts: tuple[Concepts, ...] = ()
    table: bytes = b""


def read_counts(shelf: Shelf, recipe_id: str, snapshot: str) -> Counted:
    """Return what the last run of a recipe counted on these shards; nothing where no step of it balances.

    Raises BadInput where the vocabulary is gone or is not the one that the recipe ran with, or the counts are gone.
    """
    stored = stored_recipe(shelf, recipe_id)
    balances = [place for place, (_, value) in enumerate(stored.spec["steps"]) if value["at"] == _BALANCE]
    if not balances:
        return Counted()
    recipe, found, tables = msgspec.convert(stored.spec, Spec).build(), list[Concepts](), list[pa.Table]()
    for step in balances:
        name, balance = recipe.step_name(step), recipe.corpus_filter(step)
        assert isinstance(balance, Balance)
        vocabulary = _vocabulary(recipe, stored, balance.reads[0])
        if vocabulary is None:
            continue
        counts = _counts(shelf, counts_path(shelf, recipe_id, snapshot, step, name), recipe.name)
        texts = pa.array(vocabulary, pa.string()).take(counts["entry"])
        values = {"step": np.full(len(counts), step), "entry": texts, **{n: counts[n] for n in ("before", "after")}}
        tables.append(table_of(_TABLE, values))
        found.append(tell(step, name, balance.per_entry, len(vocabulary), tables[-1]))
    if not found:
        return Counted()
    file = io.BytesIO()
    parquet_bytes(pa.concat_tables(tables), _TABLE, file)
    return Counted(tuple(found), file.getvalue())


def of_parts(parts: Sequence[tuple[str, Counted]]) -> Counted:
    """Return what was counted for the parts of a mix, by their names, as one."""
    found, tables = list[Concepts](), list[pa.Table]()
    for name, counted in parts:
        if counted.concepts:
            found += (structs.replace(one, part=name) for one in counted.concepts)
            table = pq.read_table(io.BytesIO(counted.table))
            tables.append(table.add_column(0, "part", pa.array([name] * len(table), pa.string())))
    if not found:
        return Counted()
    file = io.BytesIO()
    parquet_bytes(pa.concat_tables(tables).cast(arrow_schema(_OF_PARTS)), _OF_PARTS, file)
    return Counted(tuple(found), file.getvalue())


def _counts(shelf: Shelf, path: str, recipe_name: str) -> pa.Table:
    if not shelf.fs.isfile(path):
        raise BadInput("the counts of its concepts are gone", where=path, remedy=f"run `ostraka run {recipe_name}`")
    return read_table(shelf.fs, path)


def _vocabulary(recipe: Recipe, stored: Stored, note: str) -> Sequence[str] | None:
    """Return the entries that a note's numbers stand for, None where its annotator has none to tell."""
    place = recipe.writer[note]
    [annotator] = (one for step, one in recipe.annotators() if step == place)
    entries: Callable[[], Sequence[str]] | None = getattr(annotator, "entries", None)
    if entries is None:
        return None
    ids_it_reads = sorted({stored.names[recipe.writer[name]] for name in annotator.reads if name in recipe.writer})
    remedy = f"put the vocabulary that {recipe.name} ran with back there, or run {recipe.name} with another"
    try:
        found, now = entries(), annotator_id(annotator, tuple(ids_it_reads))
    except BadInput as error:
        raise BadInput(error.what, where=error.where, remedy=remedy) from error
    if now != stored.names[place]:
        raise BadInput(
            f"the vocabulary or what matches it is not what it was: {now} is here, {stored.names[place]} ran",
            where=f"step {place} of {recipe.name}",
            remedy=remedy,
        )
    return found


def tell(step: int, name: str, per_entry: int, entries: int, table: pa.Table) -> Concepts:
    """Return what a step did, from its rows of the table."""
    before, after = (flat(table[column]).astype(np.int64) for column in ("before", "after"))
    commonest = np.argsort(-before, kind="stable")[:MOST_TOLD]
    rows = table.take(pa.array(commonest)).select(["entry", "before", "after"]).to_pylist()
    return Concepts(
        step,
        name,
        per_entry,
        entries,
        len(before),
        int((before > per_entry).sum()),
        _entropy_bits(before),
        _entropy_bits(after),
        tuple(Common(**row, chance=min(1.0, per_entry / row["before"])) for row in rows),
    )


def told_wrong(concepts: Sequence[Concepts], table: pa.Table) -> Iterator[str]:
    """Yield the steps of which something is told that is not what their table says."""
    for one in concepts:
        rows = _rows_of(one, table)
        if (
            rows is None
            or structs.replace(tell(one.step, one.name, one.per_entry, one.entries, rows), part=one.part) != one
        ):
            yield f"step {one.step} ({one.name}){f' of part {one.part}' if one.part else ''}"


def _rows_of(concepts: Concepts, table: pa.Table) -> pa.Table | None:
    """Return a step's rows of the table, None where the table is of another form."""
    if table.schema != arrow_schema(_OF_PARTS if concepts.part else _TABLE):
        return None
    rows = table.filter(pc.equal(table["step"], concepts.step))
    return rows.filter(pc.equal(rows["part"], concepts.part)) if concepts.part else rows


def _entropy_bits(counts: NDArray[np.int64]) -> float:
    """Return the entropy of a histogram, rounded to what every machine agrees on; 0 where it is empty."""
    shares = counts[counts > 0] / max(int(counts.sum()), 1)
    return round(float(-(shares * np.log2(shares)).sum()), 6) + 0.0
