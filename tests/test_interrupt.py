"""Ctrl-C ends a run at once, leaves no process, and the same command finishes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
Picture = Callable[..., bytes]

SLOW = """
import sys
import time
from typing import ClassVar

from annotators.annotator import Annotator, Subject
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.engines.local import Local
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf
from schemas.note import Noted
from schemas.vocabulary import Name


class Slow(Annotator, frozen=True):
    writes: ClassVar = (Name("slow", "float64", "", "none"),)

    def look(self, subject: Subject) -> Noted:
        with open("begun", "w"):
            pass
        with open("pause_s") as file:
            time.sleep(float(file.read()))
        return Noted({"slow": 1.0})


def main() -> None:
    from slow import Slow

    engine = Local(int(sys.argv[1]))
    ingest(Shelf("s"), "in", engine, cut=Cut(rows=4))
    run(Shelf("s"), Recipe("slow", Annotate(Slow())), engine, RunOptions(block=2))


if __name__ == "__main__":
    main()
"""


def session(leader: int) -> list[str]:
    """Return the command lines of the processes of a session that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z" and int(fields[3]) == leader:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (OSError, ValueError, IndexError):
            continue
    return found


@pytest.mark.parametrize(("workers", "whole_group"), [(1, False), (2, True)])
def test_an_interrupt_ends_a_run_leaves_no_process_and_the_same_command_finishes_it(
    tmp_path: Path, picture: Picture, tree_digest: Callable[..., dict[str, str]], workers: int, whole_group: bool
) -> None:
    (tmp_path / "in").mkdir()
    for n in range(12):
        (tmp_path / "in" / f"{n:02d}.jpg").write_bytes(picture(n))
    (tmp_path / "slow.py").write_text(SLOW)

    def job(workers: int, pause_s: float) -> subprocess.Popen[str]:
        (tmp_path / "pause_s").write_text(str(pause_s))
        return subprocess.Popen(
            [sys.executable, "slow.py", str(workers)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
            start_new_session=True,
            stderr=subprocess.PIPE,
            text=True,
        )

    interrupted = job(workers, 60)
    while not (tmp_path / "begun").exists() and interrupted.poll() is None:
        time.sleep(0.05)
    (os.killpg if whole_group else os.kill)(interrupted.pid, signal.SIGINT)
    _, said = interrupted.communicate(timeout=300)
    assert interrupted.returncode in (1, -signal.SIGINT) and "KeyboardInterrupt" in said
    until = time.monotonic() + 300
    while (left := session(interrupted.pid)) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == []
    newest = max(path for path in (tmp_path / "s" / "runs").iterdir() if path.is_dir())
    assert json.loads((newest / "record.json").read_text())["status"] == "interrupted"
    assert job(workers, 0).wait() == 0
    (tmp_path / "s").rename(tmp_path / "interrupted")
    assert job(1, 0).wait() == 0
    assert tree_digest(tmp_path / "interrupted") == tree_digest(tmp_path / "s")
    assert not list((tmp_path / "interrupted").rglob(".ostraka-tmp-*"))
