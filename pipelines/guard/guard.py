"""The guard: whatever looks at samples does so in a disposable child.

What a sample kills, hangs or bloats is the child; the sample is one `failed` row and the shard goes on, on every
engine alike. The child is started as a module, holds one annotator, dies with its parent, and speaks msgpack over two
pipes. A sample that is lost with its child is tried once more alone before it is blamed, since a child can also be
killed from outside. Resource failures all carry the reason `resource`: which limit is met first differs from machine
to machine.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import IO

from annotators.annotator import Annotator, Needs
from pipelines.guard.talk import Answer, Broken, Found, Frame, Ready, Request, Result, Start, send, take_answer
from pipelines.recipes.value import value_of
from pipelines.record import log
from schemas.errors import Unavailable
from schemas.note import Failed

FRAME = 128
POLL_S = 0.05
GATHER_S = 0.0003
OPEN_LIMIT_S = 300.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class _LostError(Exception):
    """The child died, hung or grew; the sample in its hands is suspect."""


class Guard:
    """Looks at samples with one annotator in a child; a context manager."""

    def __init__(self, annotator: Annotator) -> None:
        self._annotator = annotator
        self._child: _Child | None = None

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        child, self._child = self._child, None
        if child:
            child.end()

    def look(self, requests: Sequence[Request]) -> Iterator[Result]:
        """Yield what was found on each request, in order.

        Raises Unavailable for every failure that is not the sample's own.
        """
        at = 0
        while at < len(requests):
            frame, answered = requests[at : at + max(FRAME, self._annotator.batch)], 0
            try:
                for result in self._ask(frame, self._annotator.batch):
                    answered += 1
                    yield result
            except _LostError as lost:
                suspects = frame[answered : answered + self._annotator.batch]
                self._tell(lost, suspects[0])
                for suspect in suspects:
                    yield self._ask_alone(suspect)
                answered += len(suspects)
            at += answered

    def _ask_alone(self, request: Request) -> Result:
        try:
            [result] = self._ask([request], 1)
            return result
        except _LostError as lost:
            self._tell(lost, request)
            return Failed("resource", str(lost))

    def _tell(self, lost: _LostError, request: Request) -> None:
        log.event("child_lost", key=request.sample.key, annotator=self._annotator.name, detail=str(lost))

    def _ask(self, frame: Sequence[Request], batch: int) -> Iterator[Result]:
        if self._child is None:
            self._child = _Child(self._annotator)
        try:
            self._child.send(Frame(batch, list(frame)))
            for _ in frame:
                answer = self._child.receive(self._annotator.needs.limit_s * batch)
                if isinstance(answer, Found):
                    yield answer.noted
                elif isinstance(answer, Failed):
                    yield answer
                else:
                    what = answer.what if isinstance(answer, Broken) else "the annotator's process answered out of turn"
                    raise Unavailable(what, where=f"annotator {self._annotator.name}")
        except BaseException:
            self._end()
            raise


class _Child:
    """The parent's end of one child process."""

    def __init__(self, annotator: Annotator) -> None:
        self._needs: Needs = annotator.needs
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        log_to = os.dup(2)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115, closed by end()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.guard.child", *map(str, (to_child, from_child, log_to))],
            pass_fds=(to_child, from_child, log_to),
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            env=_environment(annotator.needs),
        )
        for given in (to_child, from_child, log_to):
            os.close(given)
        self._from_child: IO[bytes] = os.fdopen(self._read, "rb", buffering=0)
        self._buffer, self._watched = bytearray(), time.monotonic()
        try:
            self.send(Start(value_of(annotator), annotator.weights(), os.getpid()))
            answer = self.receive(OPEN_LIMIT_S)
        except _LostError as lost:
            self.end()
            raise Unavailable(f"its process did not start ({lost})", where=f"annotator {annotator.name}") from None
        if not isinstance(answer, Ready):
            self.end()
            what = answer.what if isinstance(answer, Broken) else "its process answered out of turn"
            raise Unavailable(what, where=f"annotator {annotator.name}")

    def send(self, message: object) -> None:
        try:
            send(self._write, message)
        except BrokenPipeError:
            raise _LostError(self._how_it_ended()) from None

    def receive(self, limit_s: float) -> Answer:
        """Return the next answer; raises _LostError where the child ends, takes too long or grows too large.

        Before it waits it lets a few answers gather, since to be woken for each costs more than a quick look.
        """
        until = time.monotonic() + limit_s
        while (answer := take_answer(self._buffer)) is None:
            self._watch()
            time.sleep(GATHER_S)
            if select.select([self._read], [], [], POLL_S)[0]:
                chunk = os.read(self._read, 1 << 20)
                if not chunk:
                    raise _LostError(self._how_it_ended())
                self._buffer += chunk
            elif time.monotonic() > until:
                raise _LostError(f"took longer than {limit_s:g} s")
        return answer

    def _watch(self) -> None:
        """Look at the child's memory every now and then, however fast it answers."""
        now = time.monotonic()
        if now - self._watched >= POLL_S:
            self._watched = now
            if self._rss_mib() > self._needs.memory_mib:
                raise _LostError(f"took more than {self._needs.memory_mib} MiB")

    def _rss_mib(self) -> float:
        try:
            with open(f"/proc/{self._process.pid}/statm", "rb") as file:
                return int(file.read().split()[1]) * _PAGE_BYTES / 2**20
        except (OSError, IndexError):
            return 0.0

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 2000))
        said = self._errors.read().decode(errors="replace").strip()
        how = f"died of signal {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return f"{how}: {said}" if said else how

    def end(self) -> None:
        os.close(self._write)
        self._from_child.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()


def _environment(needs: Needs) -> dict[str, str]:
    threads = str(needs.cpus)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {**os.environ, **dict.fromkeys(names, threads), "PYTHONPATH": path}
