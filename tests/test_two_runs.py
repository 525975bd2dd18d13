"""Two commands at once, one worker or two: no row twice, and the bytes of one command alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parent.parent
LONG = ROOT / "tests" / "long"
Digest = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two") / "source"
    subprocess.run([sys.executable, LONG / "job.py", "make", folder], cwd=ROOT, check=True)
    return folder


def start(shelf: Path, source: Path, workers: int, *verbs: str, mutation: str = "") -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": f"{LONG / 'hook'}{os.pathsep}{ROOT}"}
    if mutation:
        env |= {"CROSSINGS": str(shelf.with_suffix(".log")), "MUTATION": mutation}
    command = [sys.executable, str(LONG / "job.py"), str(shelf), str(source), str(workers), *verbs]
    return subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)


def ended_well(*jobs: subprocess.Popen[str]) -> None:
    for job in jobs:
        _, said = job.communicate()
        assert job.returncode == 0, said


@pytest.fixture(scope="module")
def alone(source: Path, tmp_path_factory: pytest.TempPathFactory, tree_digest: Digest) -> dict[str, str]:
    shelf = tmp_path_factory.mktemp("alone") / "shelf"
    ended_well(start(shelf, source, 1))
    return tree_digest(shelf)


def rows_seen(shelf: Path) -> Counter[tuple[str, str, int]]:
    """Return how often each annotator's pieces hold each row of each shard."""
    return Counter(
        (piece.parent.name, piece.name[:6], row)
        for piece in shelf.glob("notes/*/*.parquet")
        for row in pq.read_table(piece)["row"].to_pylist()
    )


def test_two_workers_write_the_bytes_of_one(
    source: Path, alone: dict[str, str], tmp_path: Path, tree_digest: Digest
) -> None:
    ended_well(start(tmp_path / "s", source, 2))
    assert tree_digest(tmp_path / "s") == alone


def test_two_commands_at_once_write_no_row_twice_and_the_bytes_of_one(
    source: Path, alone: dict[str, str], tmp_path: Path, tree_digest: Digest
) -> None:
    for verb in ("ingest", "run"):
        ended_well(*(start(tmp_path / "s", source, 1, verb) for _ in range(2)))
    ended_well(start(tmp_path / "s", source, 1, "export"))
    assert set(rows_seen(tmp_path / "s").values()) == {1}
    assert tree_digest(tmp_path / "s") == alone


def test_a_planted_bug_writes_rows_twice_when_two_commands_run_at_once(source: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "s"
    ended_well(start(shelf, source, 1, "ingest"))
    ended_well(*(start(shelf, source, 1, "run", mutation="coverage ignored") for _ in range(2)))
    assert max(rows_seen(shelf).values()) == 2
