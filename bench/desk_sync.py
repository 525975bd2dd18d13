"""Sending tasks with predictions to a real Label Studio and reading back what people said, against a plain SDK loop.

The loop is what the SDK's own pages show: a request to make a task, one for its prediction, one for its annotations. It
is given fewer tasks, since its rate does not hang on how many there are. `make desk-server` first.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from itertools import count

from annotators.desk.label_studio.find import SHEETS
from annotators.desk.label_studio.http import Editor, Secret
from annotators.desk.label_studio.project import Project, changes, open_project, send_tasks
from annotators.desk.label_studio.server import Login, start, stop
from annotators.desk.label_studio.task import Said, Shown, make_task
from bench.duel import Row, require, row
from schemas.note import Note

TASKS, PEER_TASKS, PAIRS = 10_000, 200, 3
ENVIRONMENT = os.path.join("build", "desk-server")


def rows(folder: str) -> Iterator[Row]:
    who = Login("desk@example.com", Secret(secrets.token_hex(10)), Secret(secrets.token_hex(20)))
    try:
        url = start(folder, ENVIRONMENT, who).url
        with Editor(url, who.token) as editor:
            desks = count()
            times_s = [(_ours(editor, next(desks)), _peer(url, who)) for _ in range(PAIRS)]
    finally:
        stop(folder)
    yield row("sync tasks with a Label Studio server", times_s, TASKS, 5.0, "the server", PEER_TASKS)


def _ours(editor: Editor, desk: int) -> float:
    sheet = SHEETS["plain_words"]
    said = [Said("m", (Note("person_choice", "good"),), 0.5)]
    began_s = time.perf_counter()
    project = open_project(editor, Project(f"bench-{desk}", sheet))
    tasks = [make_task(sheet, str(one), Shown(words=f"The text of item {one}."), said) for one in range(TASKS)]
    send_tasks(editor, project, tasks)
    found, _ = changes(editor, project)
    took_s = time.perf_counter() - began_s
    require(len({one.item for one in found}) == TASKS, "not every task came back")
    return took_s


def _peer(url: str, who: Login) -> float:
    python = os.path.join(ENVIRONMENT, "bin", "python")
    command = [python, "-m", "bench.desk_peer", url, str(PEER_TASKS)]
    env = os.environ | {"OSTRAKA_DESK_TOKEN": who.token.shown}
    return float(subprocess.run(command, env=env, capture_output=True, check=True, text=True).stdout)
