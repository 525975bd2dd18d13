"""Workers: processes that answer tasks, each with its own socket; one that dies or hangs costs one attempt of one task.

They are started as modules and not forked: a process that holds a GPU or threads cannot be forked safely, and a user's
script needs no guard around its main part. Nothing runs here between two calls: tasks lie ahead of each worker, and
answers wait in its socket.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import ExitStack
from typing import Any

from schemas.errors import Unavailable
from trainer.workers.handed import hand, take
from trainer.workers.work import Raised, Work

ATTEMPTS = 3
AHEAD = 4
"""Tasks that one worker has at a time, the one in its hands counted."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Workers:
    """Answers tasks in `count` processes, in this one where that is 0; a context manager.

    A task that takes longer than `limit_s`, or whose worker dies, is tried again in another process, and the third
    time it raises Unavailable.
    """

    def __init__(self, work: Work, count: int, limit_s: float = 600.0) -> None:
        self._work, self._count, self._limit_s = work, count, limit_s
        self._stack = ExitStack()
        self._children: list[_Child] = []
        self._here: Any = None
        self._answered = deque[tuple[Any, Any]]()

    def __enter__(self) -> Workers:
        if self._count:
            self._children = [_Child(self._work) for _ in range(self._count)]
        else:
            self._here = self._stack.enter_context(self._work.open())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for child in self._children:
            child.end()

    def has_room(self) -> bool:
        """Say whether a task would find a worker that is not full."""
        if self._here:
            return not self._answered
        return any(len(child.tasks) < AHEAD for child in self._children)

    def submit(self, name: Any, task: Any) -> None:
        """Give a task to the worker that has the fewest; done here, it is done at once."""
        if self._here:
            self._answered.append((name, self._here(task)))
        else:
            min(self._children, key=lambda child: len(child.tasks)).give(_Task(name, task))

    def next(self) -> tuple[Any, Any]:
        """Return a task's name and its answer, whichever comes first; raises what a worker raises."""
        while not self._answered:
            busy = {child.socket: child for child in self._children if child.tasks}
            ready, _, _ = select.select(list(busy), [], [], min(1.0, self._limit_s))
            for one in ready:
                self._take(busy[one])
            for child in busy.values():
                if child.tasks and time.monotonic() - child.since > self._limit_s:
                    self._lost(child, f"took longer than {self._limit_s:g} s")
        return self._answered.popleft()

    def _take(self, child: _Child) -> None:
        try:
            answer = take(child.socket)
        except EOFError:
            self._lost(child, child.how_it_ended())
            return
        if isinstance(answer, Raised):
            raise answer.error
        self._answered.append((child.tasks.popleft().name, answer))
        child.since = time.monotonic()

    def _lost(self, child: _Child, how: str) -> None:
        """Start another worker with the tasks of one that is lost; the first of them is what it was lost with."""
        child.end()
        suspect = child.tasks[0]
        suspect.attempts += 1
        if suspect.attempts >= ATTEMPTS:
            raise Unavailable(
                f"its worker was lost {ATTEMPTS} times ({how})",
                where=str(suspect.name),
                remedy="look for a lack of memory, or a file that no decoder survives",
            )
        other = _Child(self._work)
        self._children[self._children.index(child)] = other
        for task in child.tasks:
            other.give(task)


class _Task:
    def __init__(self, name: Any, task: Any) -> None:
        self.name, self.task, self.attempts = name, task, 0


class _Child:
    """The parent's end of one worker."""

    def __init__(self, work: Work) -> None:
        self.tasks, self.since = deque[_Task](), 0.0
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "trainer.workers.worker", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env=_environment(),
            )
        self._say(work)

    def give(self, task: _Task) -> None:
        if not self.tasks:
            self.since = time.monotonic()
        self.tasks.append(task)
        self._say(task.task)

    def _say(self, value: object) -> None:
        """Send something; that nobody is there to take it shows when the answer is waited for."""
        try:
            hand(self.socket, value)
        except ConnectionError:
            return

    def how_it_ended(self) -> str:
        code = self._process.wait()
        return f"died of signal {-code}" if code < 0 else f"ended with code {code}"

    def end(self) -> None:
        self.socket.close()
        self._process.kill()
        self._process.wait()


def _environment() -> dict[str, str]:
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {**os.environ, **dict.fromkeys(_THREADS, "1"), "PYTHONPATH": path}
