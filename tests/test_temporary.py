"""Temporary files and folders: gone when their owner ends, and when it was killed, with the run or the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.engines.local import Local
from pipelines.engines.temporary import temporary_folder
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf

ROOT = Path(__file__).resolve().parent.parent

HOLDS = """
import sys
from pipelines.engines.temporary import temporary_folder

with temporary_folder("listing") as folder:
    open(f"{folder}/large", "w").write("rows")
    print(folder, flush=True)
    sys.stdin.read()
"""


def holder(tmp: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that holds a temporary folder until its standard input ends."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", HOLDS], env=env, text=True, **pipes)
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_goes_with_the_next_folder_and_what_is_held_or_not_ours_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "ostraka-notes-of-mine").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / ".held").touch()
    (tmp_path / "ostraka-link").symlink_to(tmp_path / "elsewhere")
    killed, left = holder(tmp_path)
    living, held = holder(tmp_path)
    assert killed.stdin and living.stdin
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (left / "large").exists()
    with temporary_folder("beam") as folder:
        assert Path(folder).parent == tmp_path and not left.exists() and (held / "large").exists()
    living.communicate()
    assert not held.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "ostraka-link", "ostraka-notes-of-mine"]


def test_what_a_worker_that_died_was_writing_goes_when_its_run_ends(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "one.jpg").write_bytes(picture(1))
    shelf = Shelf(str(tmp_path / "shelf"))

    def leaving(folder: str) -> Callable[[str, Any, Any], Iterator[Any]]:
        def progress(what: str, shards: Any, answers: Any) -> Iterator[Any]:
            yield from answers
            (tmp_path / "shelf" / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / "shelf" / folder / ".ostraka-tmp-torn").write_text("torn")

        return progress

    ingest(shelf, str(tmp_path / "source"), Local(1), progress=leaving("media"))
    assert not list((tmp_path / "shelf").rglob(".ostraka-tmp-*"))
    run(shelf, find_recipe("headers-only"), Local(1), progress=leaving("catalog"))
    assert not list((tmp_path / "shelf").rglob(".ostraka-tmp-*"))
    export(shelf, "all", "", Local(1), ExportOptions(), leaving("exports/all"))
    assert not list((tmp_path / "shelf").rglob(".ostraka-tmp-*"))
