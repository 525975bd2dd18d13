"""Killed at a write, and the same command again: the bytes of an undisturbed job. All the points are in tests/long."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

LONG = Path(__file__).resolve().parent / "long"
BEFORE, WRITTEN, PUBLISHED = range(3)


def _long_proof() -> Any:
    spec = importlib.util.spec_from_file_location("kill_everywhere", LONG / "kill_everywhere.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_everywhere"] = module
    spec.loader.exec_module(module)
    return module


proof = _long_proof()


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return proof.Jobs(tmp_path_factory.mktemp("kill"))


def crossing(jobs: Any, kind: str, point: int) -> int:
    """Return the number of the crossing of the middle write of a kind, in the undisturbed job with one worker."""
    crossed = [line.split(" ", 1) for line in (jobs.work / "undisturbed.log").read_text().splitlines()]
    begun = [number for number, (what, path) in enumerate(crossed) if what == "before" and f"/{kind}/" in path]
    return begun[len(begun) // 2] + 1 + point


@pytest.mark.parametrize(
    ("kind", "point", "workers"),
    [
        ("media", WRITTEN, 2),
        ("catalog", BEFORE, 1),
        ("notes", WRITTEN, 1),
        ("notes", PUBLISHED, 1),
        ("decisions", WRITTEN, 1),
        ("exports", WRITTEN, 1),
    ],
)
def test_a_job_killed_at_a_write_ends_with_the_same_bytes(jobs: Any, kind: str, point: int, workers: int) -> None:
    outcome = jobs.run(proof.Case(workers, crossing(jobs, kind, point)))
    assert outcome == proof.Outcome(landed=True, torn=outcome.torn, same=True, temporaries=0, outlived=0)
    assert outcome.torn == (point == WRITTEN) or workers > 1


@pytest.mark.parametrize(("workers", "who"), [(2, "worker"), (2, "group")])
def test_a_job_of_which_somebody_dies_ends_with_the_same_bytes(jobs: Any, workers: int, who: str) -> None:
    outcome = jobs.run(proof.Case(workers, who=who, seed=1))
    assert (outcome.same, outcome.temporaries, outcome.outlived) == (True, 0, 0)


@pytest.mark.parametrize(("kind", "workers"), [("media", 1), ("catalog", 2), ("notes", 1)])
def test_a_job_interrupted_at_a_write_ends_and_the_same_command_finishes_it(jobs: Any, kind: str, workers: int) -> None:
    outcome = jobs.run(proof.Case(workers, crossing(jobs, kind, WRITTEN), interrupt=True))
    assert (outcome.landed, outcome.same, outcome.temporaries, outcome.outlived) == (True, True, 0, 0)
    assert outcome.torn == 0 or workers > 1, "an interrupted write cleans up behind itself"


@pytest.mark.parametrize(
    ("mutation", "kind", "point"),
    [
        ("write in place", "notes", WRITTEN),
        ("coverage ignored", "notes", PUBLISHED),
    ],
)
def test_a_planted_bug_is_seen_by_the_comparison(jobs: Any, mutation: str, kind: str, point: int) -> None:
    case = proof.Case(1, crossing(jobs, kind, point), mutation=mutation)
    assert jobs.same_undisturbed(case), "the bug does not show while nobody is killed"
    assert not jobs.run(case).same
