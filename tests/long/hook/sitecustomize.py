"""Imported by Python at its start where this folder is on PYTHONPATH: count a job's crossings and kill at one.

CROSSINGS: a file that gets a line for each crossing, of all processes of the job. KILL_AT: at the crossing of this
number, the process dies of SIGKILL, and a temporary that was just written is cut to its half first. INTERRUPT: the
whole group gets SIGINT instead, as a terminal sends it, and nothing is cut. MUTATION: plant a bug that
the kill test has to see.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time


def _crossing(point: str, path: str) -> None:
    with open(os.environ["CROSSINGS"], "a+") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        log.seek(0)
        number = sum(1 for _ in log) + 1
        log.write(f"{point} {path}\n")
    if number == int(os.environ.get("KILL_AT", "0")):
        if os.environ.get("INTERRUPT"):
            os.killpg(os.getpgrp(), signal.SIGINT)
            return
        if point == "written":
            os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)


def _write_in_place(path: str, write, exclusive: bool) -> bool:  # type: ignore[no-untyped-def]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if exclusive and os.path.exists(path):
        return False
    _crossing("before", path)
    with open(path, "wb") as file:
        write(file)
        file.flush()
        _crossing("written", path)
    _crossing("published", path)
    return True


def _write_slowly_in_place(path: str, write, exclusive: bool) -> bool:  # type: ignore[no-untyped-def]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if exclusive and os.path.exists(path):
        return False
    with open(path, "w+b") as file:
        write(file)
        file.seek(0)
        whole = file.read()
        file.truncate(len(whole) // 2)
        time.sleep(0.2)
        file.seek(0)
        file.write(whole)
    return True


def _ignore_coverage() -> None:
    from pipelines.run.judge import KEPT, UNKNOWN, Judged
    from pipelines.shelf.notes import Notes

    def whoever_lives(self: Judged, step: int) -> list[int]:
        return self.rows[((self.outcome == UNKNOWN) & (self.step == step)) | (self.outcome == KEPT)].tolist()

    Judged.unknown_at = whoever_lives
    Judged.waiting = lambda self: self.rows
    Notes.covers = lambda self, row: False


if "CROSSINGS" in os.environ:
    from schemas import publish

    publish.crossing = _crossing
    mutation = os.environ.get("MUTATION", "")
    if mutation == "write in place":
        publish._publish_local = _write_in_place
    elif mutation == "write in place, slowly":
        publish._publish_local = _write_slowly_in_place
    elif mutation == "coverage ignored":
        _ignore_coverage()
