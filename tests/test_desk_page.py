"""The page that sets up a desk: its commands are ten at the most, and they do what it says that they do."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from annotators.desk.label_studio.environment import is_ready
from annotators.desk.label_studio.server import find, stop
from pipelines.desk.folder import Folder

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "desk.md"
ENVIRONMENT = os.environ.get("OSTRAKA_DESK_SERVER", str(ROOT / "build" / "desk-server"))
DATA = Path(os.environ.get("OSTRAKA_DATA", ROOT.parent / "shared" / "data")) / "video" / "mdn_cc0"
CLIPS = ("rabbit320.mp4", "frog.webm")
MARK = "== what this command printed =="
MOST_COMMANDS = 10

_spec = importlib.util.spec_from_file_location("docs_printed", ROOT / "docs" / "printed.py")
assert _spec and _spec.loader
printed = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(printed)


def blocks(page: str) -> list[str]:
    """Return the console blocks of a page."""
    return [found["body"] for found in printed.BLOCK.finditer(page) if not found["file"]]


def said(commands: list[str], folder: Path) -> list[str]:
    """Run commands in one shell, on a free port, and return what each prints, as the page would show it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = "set -e\n" + "".join(f"{command}\necho '{MARK}'\n" for command in commands)
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    own = {"OSTRAKA_DESK_SERVER": os.path.abspath(ENVIRONMENT), "OSTRAKA_DESK_PORT": str(port)}
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, **own, "PATH": path, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    told = ended.stdout.decode().replace(f":{port}", ":8080").replace(str(folder), printed.FOLDER)
    assert ended.returncode == 0, told
    every = ["".join(f"{line.rstrip()}\n" for line in one.splitlines()) for one in told.split(f"{MARK}\n")[:-1]]
    return [re.sub(r"\n\n+$", "\n", re.sub(r"\n{3,}", "\n\n", one)) for one in every]


def filled(page: str, folder: Path) -> str:
    """Return the page with what its commands print now, run in a folder with its files and a shelf of clips."""
    for found in printed.BLOCK.finditer(page):
        if found["file"]:
            (folder / found["file"]).write_text(found["body"])
    commands = [command for block in blocks(page) for command in printed.commands(block)]
    answers = iter(zip(commands, said(commands, folder), strict=True))

    def block(found: re.Match[str]) -> str:
        if found["file"]:
            return found[0]
        told = "".join(f"$ {command}\n{next(answers)[1]}" for command in printed.commands(found["body"]))
        return f"{found[1]}console\n{told}{found[1]}"

    return str(printed.BLOCK.sub(block, page))


def test_the_page_sets_up_a_desk_of_ten_annotators_in_ten_commands_at_the_most(tmp_path: Path) -> None:
    if not is_ready(ENVIRONMENT):
        pytest.skip(f"no Label Studio in {ENVIRONMENT}: run `make desk-server`, or set OSTRAKA_DESK_SERVER")
    if not DATA.is_dir():
        pytest.skip(f"no clips in {DATA}: set OSTRAKA_DATA")
    page = PAGE.read_text(encoding="utf-8")
    assert len(list(printed.commands(blocks(page)[0]))) <= MOST_COMMANDS
    (tmp_path / "clips").mkdir()
    for name in CLIPS:
        shutil.copyfile(DATA / name, tmp_path / "clips" / name)
    said(["ostraka ingest clips --shelf shelf"], tmp_path)
    try:
        assert filled(page, tmp_path) == page
        with Folder(str(tmp_path / "desk")).ledger() as ledger:
            roles = [one.roles for one in ledger.state.people.values()]
            assert roles.count(("annotator",)) == 10 and ("reviewer",) in roles and ("adjudicator",) in roles
            assert {task.person for task in ledger.held()} and all(task.task for task in ledger.held())
        assert find(str(tmp_path / "desk"))
    finally:
        stop(str(tmp_path / "desk"))
