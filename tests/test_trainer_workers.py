"""Workers: every task is answered once with whole arrays, whatever dies or hangs, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadInput, Unavailable
from trainer.workers.workers import AHEAD, Workers

OWN = '''
import os, signal, time
from contextlib import contextmanager
from typing import NamedTuple
import numpy as np
from schemas.errors import BadInput

class Does(NamedTuple):
    """Answers a number with an array of so many ones; `folder` is where it notes what it tried."""

    folder: str
    dies: int = -1
    deaths: int = 1
    hangs: int = -1
    raises: int = -1
    breaks: int = -1
    opens: bool = True

    @contextmanager
    def open(self):
        if not self.opens:
            raise BadInput("the tokenizer is not there", where="tokenizer.json")
        yield self.do

    def do(self, task):
        tries = f"{self.folder}/{task}"
        with open(tries, "a") as file:
            file.write(f"{os.getpid()}\\n")
        times = len(open(tries).readlines())
        if task == self.dies and times <= self.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        if task == self.hangs and times == 1:
            time.sleep(60)
        if task == self.raises:
            raise BadInput("no such number", where=str(task), remedy="count again")
        if task == self.breaks:
            raise EOFError("cut short")
        return {"by": os.getpid(), "ones": np.ones(task, np.float32), "none": np.ones((0, 3))}
'''


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_trainer_work.py").write_text(OWN)
    sys.path.insert(0, str(folder))
    yield import_module("own_trainer_work")
    sys.path.remove(str(folder))


def answered(workers: Workers, tasks: list[int]) -> dict[int, Any]:
    found, waiting = {}, list(reversed(tasks))
    while waiting or len(found) < len(tasks):
        while waiting and workers.has_room():
            task = waiting.pop()
            workers.submit(f"task {task}", task)
        name, answer = workers.next()
        found[int(name.split()[1])] = answer
    return found


def children() -> set[str]:
    return {pid for pid in os.listdir("/proc") if pid.isdigit() and parent_of(pid) == os.getpid()}


def parent_of(pid: str) -> int:
    try:
        return int(Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


@pytest.mark.parametrize("count", [0, 1, 3])
def test_every_task_is_answered_with_its_arrays(own: ModuleType, tmp_path: Path, count: int) -> None:
    with Workers(own.Does(str(tmp_path)), count) as workers:
        found = answered(workers, list(range(3, 30)))
    assert sorted(found) == list(range(3, 30))
    for task, answer in found.items():
        assert answer["ones"].tolist() == [1.0] * task and answer["ones"].flags.writeable
        assert answer["none"].shape == (0, 3)
    assert len({answer["by"] for answer in found.values()}) == max(1, count)


@pytest.mark.parametrize("spoilt", [{"dies": 5}, {"dies": 5, "deaths": 2}, {"hangs": 5}], ids=str)
def test_a_worker_that_is_lost_costs_an_attempt(own: ModuleType, tmp_path: Path, spoilt: dict[str, int]) -> None:
    limit_s = 6.0 if "hangs" in spoilt else 600.0
    with Workers(own.Does(str(tmp_path), **spoilt), 2, limit_s) as workers:
        found = answered(workers, list(range(12)))
    assert {task: len(answer["ones"]) for task, answer in found.items()} == {task: task for task in range(12)}
    assert len((tmp_path / "5").read_text().split()) == 1 + spoilt.get("deaths", 1)


def test_a_task_that_kills_every_worker_stops_the_run_by_its_name(own: ModuleType, tmp_path: Path) -> None:
    with (
        Workers(own.Does(str(tmp_path), dies=5, deaths=99), 2) as workers,
        pytest.raises(Unavailable, match=r"task 5: its worker was lost 3 times \(died of signal 9\)"),
    ):
        answered(workers, list(range(12)))


def test_what_a_worker_raises_is_raised_here(own: ModuleType, tmp_path: Path) -> None:
    with (
        Workers(own.Does(str(tmp_path), raises=4), 2) as workers,
        pytest.raises(BadInput, match=r"4: no such number; count again"),
    ):
        answered(workers, list(range(9)))
    with (
        Workers(own.Does(str(tmp_path), breaks=4), 2) as workers,
        pytest.raises(Unavailable, match=r"(?s)a worker failed: .*EOFError: cut short"),
    ):
        answered(workers, list(range(9)))
    with (
        Workers(own.Does(str(tmp_path), opens=False), 2) as workers,
        pytest.raises(BadInput, match=r"tokenizer.json: the tokenizer is not there"),
    ):
        answered(workers, list(range(9)))


def test_a_worker_has_a_few_tasks_ahead_and_no_more(own: ModuleType, tmp_path: Path) -> None:
    with Workers(own.Does(str(tmp_path)), 2) as workers:
        given = 0
        while workers.has_room():
            workers.submit(f"task {given}", given)
            given += 1
        assert given == 2 * AHEAD
    with Workers(own.Does(str(tmp_path)), 0) as here:
        here.submit("task 0", 0)
        assert not here.has_room()


def test_no_process_and_no_descriptor_is_left(own: ModuleType, tmp_path: Path) -> None:
    gc.collect()
    before = children(), len(os.listdir("/proc/self/fd"))
    with Workers(own.Does(str(tmp_path), dies=3), 2) as workers:
        found = answered(workers, list(range(9)))
        assert children() > before[0]
    del found
    assert children() <= before[0] and len(os.listdir("/proc/self/fd")) <= before[1]


def test_workers_end_when_their_parent_is_killed(own: ModuleType, tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from own_trainer_work import Does; from trainer.workers.workers import Workers\n"
        "workers = Workers(Does(sys.argv[1]), 2).__enter__()\n"
        "for task in (1, 2): workers.submit(str(task), task)\n"
        "pids = [workers.next()[1]['by'] for _ in range(2)]\n"
        "print(*pids, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    import subprocess

    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    said = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    pids = said.stdout.split()
    assert len(pids) == 2, said.stderr
    until = time.monotonic() + 300
    while any(Path("/proc", pid).exists() and "Z" not in Path("/proc", pid, "stat").read_text() for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.05)


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(0, 3))
def test_what_is_handed_over_is_what_is_taken(parts: list[bytes], more: int) -> None:
    import socket

    from trainer.workers.handed import hand, take

    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    value = [np.frombuffer(part, np.uint8) for part in parts], "x" * more, [np.arange(more * 1000)]
    with here, there:
        hand(here, value)
        taken = take(there)
    assert [one.tobytes() for one in taken[0]] == parts and taken[1] == "x" * more
    assert taken[2][0].tolist() == list(range(more * 1000))
