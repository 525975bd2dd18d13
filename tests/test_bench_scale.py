"""The bench of size: rows that it makes are a shelf like any other, and nothing that a question costs is lost."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bench.scale.make import Corpus, make
from bench.scale.measure import measured
from bench.scale.recipe import decided
from pipelines.cli import main
from pipelines.engines.local import Local
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.sample import Part, Text

ROWS, SHARD_ROWS = 3_000, 1_000
SMALL = Corpus(ROWS, SHARD_ROWS)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """A made shelf, decided."""
    return _made(tmp_path_factory.mktemp("made"), SMALL)


def _made(folder: Path, corpus: Corpus) -> Shelf:
    shelf = Shelf(str(folder / "shelf"))
    assert list(make(shelf.url, corpus, workers=1))[-1] == len(corpus.shards)
    run(shelf, decided(), Local(1))
    return shelf


def _column(shelf: Shelf, name: str, *folder: str) -> pa.ChunkedArray:
    return pa.concat_tables([pq.read_table(path) for path in sorted(Path(shelf.path(*folder)).iterdir())])[name]


def test_a_run_looks_at_nothing_that_was_made_and_decides_every_row(shelf: Shelf) -> None:
    again = run(shelf, decided(), Local(1))
    records = [msgspec.json.decode(path.read_bytes()) for path in Path(shelf.path("runs")).glob("*/record.json")]
    assert not [name for record in records for name in record["counts"] if name.startswith("looked_at")]
    outcomes = pc.value_counts(_column(shelf, "outcome", "verdicts", decided().id)).to_pylist()
    assert {one["values"]: one["counts"] for one in outcomes} == again
    assert sum(again.values()) == ROWS and min(again.values()) > 0


def test_every_kind_of_loss_is_among_them(shelf: Shelf) -> None:
    reasons = set(_column(shelf, "reason", "verdicts", decided().id).to_pylist())
    assert {"side_too_short", "exact_duplicate", "near_duplicate", "no_concept", "undecodable"} <= reasons


def test_parts_are_as_the_door_writes_them(shelf: Shelf) -> None:
    catalog = shelf.catalog("000001").to_pylist()
    for row in catalog:
        parts = msgspec.json.decode(row["parts"], type=tuple[Part, ...])
        assert msgspec.json.encode(parts).decode() == row["parts"]
        texts = [(place, len(part.text)) for place, part in enumerate(parts) if isinstance(part, Text)]
        assert texts == list(zip(row["text_parts"], row["text_chars"], strict=True))
        if not row["failed"]:
            assert (parts[0].digest[:32], parts[0].size_bytes) == (row["digest"].hex, row["size_bytes"])
    assert any(row["failed"] for row in catalog) and len({row["key"] for row in catalog}) == len(catalog)


def test_copies_share_whatever_is_said_of_the_picture(shelf: Shelf) -> None:
    catalog = pa.table({name: _column(shelf, name, "catalog") for name in ("digest", "size_bytes", "failed")})
    there = catalog.filter(pc.equal(catalog["failed"], ""))
    digests, both = there["digest"].to_pylist(), list(zip(*there.select([0, 1]).to_pydict().values(), strict=True))
    assert len(set(digests)) == len(set(both)) < 0.95 * len(digests)


def test_the_same_rows_come_of_two_workers_and_of_a_second_try(
    shelf: Shelf, tmp_path: Path, tree_digest: Callable[..., dict[str, str]]
) -> None:
    other = Shelf(str(tmp_path / "other"))
    for _ in make(other.url, SMALL, workers=2):
        pass
    first = tree_digest(Path(shelf.root) / "notes"), tree_digest(Path(shelf.root) / "catalog")
    assert (tree_digest(tmp_path / "other" / "notes"), tree_digest(tmp_path / "other" / "catalog")) == first
    Path(other.path("catalog", "000002.parquet")).unlink()
    Path(other.path("notes", decided().ids[0], "000000-0000.parquet")).unlink()
    assert list(make(other.url, SMALL, workers=1)) == [1, 2, 3]
    assert (tree_digest(tmp_path / "other" / "notes"), tree_digest(tmp_path / "other" / "catalog")) == first


def test_notes_in_many_pieces_say_the_same(
    shelf: Shelf, tmp_path: Path, tree_digest: Callable[..., dict[str, str]]
) -> None:
    pieces = _made(tmp_path, msgspec.structs.replace(SMALL, piece_rows=100))
    assert len(list(Path(pieces.path("notes", decided().ids[0])).iterdir())) == ROWS / 100
    assert tree_digest(Path(pieces.path("verdicts"))) == tree_digest(Path(shelf.path("verdicts")))


def test_funnel_and_why_read_it(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    main(["funnel", "--shelf", shelf.url])
    assert f"{ROWS} in = " in capsys.readouterr().out
    key = shelf.catalog("000002", ["key"])["key"][500].as_py().hex
    main(["why", key, "--shelf", shelf.url])
    assert key in capsys.readouterr().out


def test_what_a_command_leaves_behind_is_waited_for_and_its_memory_counts(tmp_path: Path) -> None:
    touch = f"pathlib.Path({str(tmp_path / 'late')!r}).touch()"
    late = f"import pathlib, time; held = b'x' * (200 << 20); time.sleep(1); {touch}"
    leave = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {late!r}], start_new_session=True)"
    cost = measured([sys.executable, "-c", leave], str(tmp_path))
    assert (tmp_path / "late").exists() and cost.status == "done"
    assert 200 <= cost.peak_mib <= cost.peak_tree_mib < 400


def test_what_goes_over_the_cap_is_stopped_with_its_children(tmp_path: Path) -> None:
    hold = "import time; held = b'x' * (150 << 20); time.sleep(60)"
    both = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}]); {hold}"
    cost = measured([sys.executable, "-c", both], str(tmp_path), cap_mib=100)
    assert cost.status == "over the cap"


def test_a_command_that_fails_says_so_and_what_it_said(tmp_path: Path) -> None:
    cost = measured([sys.executable, "-c", "raise SystemExit('no such shelf')"], str(tmp_path))
    assert (cost.status, cost.said.strip()) == ("failed", "no such shelf")
