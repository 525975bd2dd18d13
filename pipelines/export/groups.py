"""Groups: what has to stay on one side of a split, where one sample belongs to two of them.

A sample's group is its parent, or else its picture's digest: a pure function of the sample, so a grown corpus leaves it
where it is. Copies of one picture under two parents, or a parent beside its children, tie groups together; only those
ties are looked for and held, and DuckDB finds them in bounded memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa

from pipelines.sql_text import quoted
from schemas.sample import Sample, part_digest

BATCH = 8192
MEMORY_LIMIT = "1GB"


def group_of(sample: Sample) -> str:
    """Return what stays on one side of a split: the parent where there is one, else the first picture's digest."""
    first = next(iter(sample.media()), None)
    return sample.source.parent or part_digest(first[1] if first else sample.parts[0])


def tied(samples: Iterable[Sample]) -> dict[str, str]:
    """Return, for each group that is tied to another, the one name that all of them draw by."""
    import duckdb

    with tempfile.TemporaryDirectory() as scratch, duckdb.connect(f"{scratch}/groups.duckdb") as db:
        db.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET temp_directory = {quoted(scratch)}; SET threads = 1")
        db.execute("CREATE TABLE links (label VARCHAR, name VARCHAR)")
        links = ((label, group_of(sample)) for sample in samples for label in _labels(sample))
        while batch := list(islice(links, BATCH)):
            labels, names = zip(*batch, strict=True)
            db.register("batch", pa.table({"label": labels, "name": names}))
            db.execute("INSERT INTO links SELECT * FROM batch")
            db.unregister("batch")
        ties = db.execute(
            "SELECT list_sort(list(DISTINCT name)) FROM links GROUP BY label HAVING count(DISTINCT name) > 1 ORDER BY 1"
        )
        return _joined(_rows(ties))


def _labels(sample: Sample) -> set[str]:
    digests = (part_digest(part) for _, part in sample.media())
    return {label for label in (sample.key, sample.source.parent, *digests) if label}


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
