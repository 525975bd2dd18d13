"""Compare the index that ostraka wrote with the one that `energon prepare` makes of the same shards."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

TABLES = ("samples", "sample_parts", "sqlite_master")


def tables(export: Path) -> dict[str, list[tuple]]:
    """Return the rows of an index, and what is in its schema, without the spaces."""
    db = sqlite3.connect(f"file:{export}/.nv-meta/index.sqlite?mode=ro", uri=True)
    rows = {name: sorted(db.execute(f"SELECT * FROM {name}")) for name in TABLES[:2]}
    schema = db.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    rows["sqlite_master"] = sorted((kind, name, "".join((sql or "").split())) for kind, name, sql in schema)
    return rows


def main(ours: Path, theirs: Path) -> None:
    """Compare the tables, the tar indexes and the counts."""
    mine, other = tables(ours), tables(theirs)
    for name in TABLES:
        assert mine[name] == other[name], name
    indexes = sorted(theirs.glob("*/*/*.tar.idx"))
    for path in indexes:
        assert path.read_bytes() == (ours / path.relative_to(theirs)).read_bytes(), path
    counts = [json.loads((export / ".nv-meta" / ".info.json").read_text())["shard_counts"] for export in (ours, theirs)]
    assert counts[0] == counts[1]
    print(f"  energon prepare made the index that we write: {len(mine['samples'])} samples, {len(indexes)} shards")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
