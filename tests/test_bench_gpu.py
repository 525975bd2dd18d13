"""bench/gpu.py runs on a bare machine: cut to nothing on a processor, every run prints its table."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("msgspec", "click", "rich", "pyarrow", "duckdb", "PIL", "av", "numba", "torchvision")
"""Packages that this project installs and a machine with torch and transformers may lack."""


RUNS = ("H1", "H2", "H3", "H4", "H5", "H7")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the runs print where none of those packages can be imported, started from another folder."""
    folder = tmp_path_factory.mktemp("bare")
    return run(folder, RUNS, OURS)


def run(folder: Path, runs: tuple[str, ...], lacking: tuple[str, ...]) -> dict[str, str]:
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({lacking!r}))\n")
    path = os.pathsep.join([str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "gpu.py"), *runs, "--device", "cpu", "--tiny"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout
    return dict(zip(runs, done.stdout.split("# H")[1:], strict=True))


def table(printed: str) -> list[dict[str, str]]:
    lines = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    assert lines[1] == ["---"] * len(lines[0])
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


@pytest.mark.parametrize(("run", "sides"), [("H1", 2), ("H2", 1), ("H3", 1), ("H4", 2)])
def test_a_run_prints_its_table(pages: dict[str, str], run: str, sides: int) -> None:
    assert "no GPU: sizes cut, figures mean nothing" in pages[run]
    assert "One product of square matrices" in pages[run] and "transformers 5" in pages[run]
    rows = table(pages[run])
    assert len(rows) == sides
    for row in rows:
        first, last = (float(loss) for loss in row["loss"].split(" to "))
        assert last < first


def test_packed_and_padded_sides_learn_the_same(pages: dict[str, str]) -> None:
    padded, packed = table(pages["H4"])
    assert padded["loss"] == packed["loss"] and padded["tokens a step"] == packed["tokens a step"]


@pytest.mark.skipif(find_spec("trl") is not None, reason="TRL is installed")
def test_a_run_that_lacks_its_peer_says_so(pages: dict[str, str]) -> None:
    [row] = table(pages["H5"])
    assert "not installed here" in row["side"]


def test_a_step_of_grpo_says_what_it_lacks_and_runs_where_only_that_is_there(
    pages: dict[str, str], tmp_path: Path
) -> None:
    [row] = table(pages["H7"])
    assert row["side"].endswith("msgspec and numba not installed here")
    page = run(tmp_path, ("H7",), tuple(set(OURS) - {"msgspec", "numba"}))["H7"]
    rolling, learning, both, saving = table(page)
    first, _ = rolling["loss"].split(" to ")
    assert abs(float(first) - math.log(512)) < 0.1, "a model that knows nothing takes each of 512 words alike"
    assert rolling["tokens a step"] == "128" and learning["tokens a step"] == both["tokens a step"] == "320"
    assert learning["operations"] != "-" and learning["goals"].startswith("of 989")
    apart = [float(row["step (min-max)"].split()[0]) for row in (rolling, learning, both)]
    assert apart[0] + apart[1] == pytest.approx(apart[2], rel=0.02)
    assert "bench.experiments rlcs" in saving["side"]
