"""The guard: whatever looks at samples does so in a disposable child.

What a sample kills, hangs or bloats is the child; the sample is one `failed` row and the shard goes on, on every
engine alike. The child is started as a module, holds one annotator, dies with its parent, and speaks msgpack over two
pipes. A sample that is lost with its child is tried once more alone before it is blamed, since a child can also be
killed from outside. Resource failures all carry the reason `resource`: which limit is met first differs from machine
to machine.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO, Any

import msgspec
from msgspec import Struct

from annotators.annotator import Annotator, Look, Needs, Subject
from pipelines.media import MediaReader
from pipelines.value import Value, value_of
from schemas.errors import BadSample, OstrakaError, Unavailable
from schemas.names import snake_case
from schemas.note import Noted
from schemas.sample import Sample

FRAME = 128
POLL_S = 0.05
GATHER_S = 0.0003
OPEN_LIMIT_S = 300.0
_PR_SET_PDEATHSIG = 1
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Request(Struct, frozen=True, array_like=True):
    """A sample to look at: where its bytes are, and the notes that the annotator reads."""

    sample: Sample
    media: str
    offsets: tuple[int, ...]
    notes: Mapping[str, Any] = {}


class Failed(Struct, frozen=True, tag=True, array_like=True):
    """The sample cannot be used: `reason` goes into its row, `detail` into the run's record."""

    reason: str
    detail: str = ""


class _Found(Struct, frozen=True, tag=True, array_like=True):
    noted: Noted


class _Broken(Struct, frozen=True, tag=True, array_like=True):
    what: str


class _Ready(Struct, frozen=True, tag=True, array_like=True):
    pass


class _Start(Struct, frozen=True, array_like=True):
    annotator: Value
    parent: int


class _Frame(Struct, frozen=True, array_like=True):
    batch: int
    requests: list[Request]


_Answer = Failed | _Found | _Broken | _Ready
Result = Noted | Failed
_answers = msgspec.msgpack.Decoder(_Answer)


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
        if self._child:
            self._child.end()

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
            except _LostError:
                suspects = frame[answered : answered + self._annotator.batch]
                for suspect in suspects:
                    yield self._ask_alone(suspect)
                answered += len(suspects)
            at += answered

    def _ask_alone(self, request: Request) -> Result:
        try:
            [result] = self._ask([request], 1)
            return result
        except _LostError as lost:
            return Failed("resource", str(lost))

    def _ask(self, frame: Sequence[Request], batch: int) -> Iterator[Result]:
        if self._child is None:
            self._child = _Child(self._annotator)
        try:
            self._child.send(_Frame(batch, list(frame)))
            for _ in frame:
                answer = self._child.receive(self._annotator.needs.limit_s * batch)
                if isinstance(answer, _Found):
                    yield answer.noted
                elif isinstance(answer, Failed):
                    yield answer
                else:
                    what = (
                        answer.what if isinstance(answer, _Broken) else "the annotator's process answered out of turn"
                    )
                    raise Unavailable(what, where=f"annotator {self._annotator.name}")
        except BaseException:
            self._child.end()
            self._child = None
            raise


class _Child:
    """The parent's end of one child process."""

    def __init__(self, annotator: Annotator) -> None:
        self._needs: Needs = annotator.needs
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115, closed by end()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.guard", str(to_child), str(from_child)],
            pass_fds=(to_child, from_child),
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            env=_environment(annotator.needs),
        )
        os.close(to_child)
        os.close(from_child)
        self._from_child: IO[bytes] = os.fdopen(self._read, "rb", buffering=0)
        self._buffer = bytearray()
        try:
            self.send(_Start(value_of(annotator), os.getpid()))
            answer = self.receive(OPEN_LIMIT_S)
        except _LostError as lost:
            self.end()
            raise Unavailable(f"its process did not start ({lost})", where=f"annotator {annotator.name}") from None
        if not isinstance(answer, _Ready):
            self.end()
            what = answer.what if isinstance(answer, _Broken) else "its process answered out of turn"
            raise Unavailable(what, where=f"annotator {annotator.name}")

    def send(self, message: object) -> None:
        data = msgspec.msgpack.encode(message)
        try:
            _write_all(self._write, struct.pack("!Q", len(data)) + data)
        except BrokenPipeError:
            raise _LostError(self._how_it_ended()) from None

    def receive(self, limit_s: float) -> _Answer:
        """Return the next answer; raises _LostError where the child ends, takes too long or grows too large.

        Before it waits it lets a few answers gather, since to be woken for each costs more than a quick look.
        """
        until = time.monotonic() + limit_s
        while True:
            if len(self._buffer) >= 8:
                size = struct.unpack_from("!Q", self._buffer)[0]
                if len(self._buffer) >= 8 + size:
                    data = bytes(self._buffer[8 : 8 + size])
                    del self._buffer[: 8 + size]
                    answer: _Answer = _answers.decode(data)
                    return answer
            time.sleep(GATHER_S)
            if select.select([self._read], [], [], POLL_S)[0]:
                chunk = os.read(self._read, 1 << 20)
                if not chunk:
                    raise _LostError(self._how_it_ended())
                self._buffer += chunk
            elif time.monotonic() > until:
                raise _LostError(f"took longer than {limit_s:g} s")
            elif self._rss_mib() > self._needs.memory_mib:
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


def _write_all(number: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]


def _child(read: int, write: int) -> None:
    """Run in the child: open the annotator, then answer frames until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file = os.fdopen(read, "rb")

    def answer(message: _Answer) -> None:
        data = msgspec.msgpack.encode(message)
        _write_all(write, struct.pack("!Q", len(data)) + data)

    start = msgspec.msgpack.decode(_frame(file), type=_Start)
    _die_with_parent(start.parent)
    try:
        with closing(MediaReader()) as read_media, start.annotator.build().open() as look:
            answer(_Ready())
            decoder = msgspec.msgpack.Decoder(_Frame)
            while data := _frame(file):
                frame = decoder.decode(data)
                for first in range(0, len(frame.requests), frame.batch):
                    for message in _look(look, frame.requests[first : first + frame.batch], read_media):
                        answer(message)
    except OstrakaError as error:
        answer(_Broken(str(error)))
    except BrokenPipeError:
        return
    except BaseException:
        answer(_Broken(traceback.format_exc(limit=-6)))


def _look(look: Look, requests: Sequence[Request], read: MediaReader) -> list[_Answer]:
    subjects = [Subject(r.sample, r.media, r.offsets, r.notes, read) for r in requests]
    try:
        found = look(subjects)
    except (OstrakaError, ImportError, NotImplementedError):
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if len(requests) > 1:
            return [answer for request in requests for answer in _look(look, [request], read)]
        found = [_as_bad_sample(error)]
    if len(found) != len(requests):
        raise Unavailable(
            f"it answered for {len(found)} of {len(requests)} samples",
            remedy="answer for each, with BadSample if need be",
        )
    return [
        Failed(noted.reason, noted.detail[:500]) if isinstance(noted, BadSample) else _Found(noted) for noted in found
    ]


def _as_bad_sample(error: BaseException) -> BadSample:
    if isinstance(error, BadSample):
        return error
    if isinstance(error, MemoryError):
        return BadSample("resource", "MemoryError")
    return BadSample(snake_case(type(error).__name__), str(error))


def _frame(file: IO[bytes]) -> bytes:
    head = file.read(8)
    return file.read(struct.unpack("!Q", head)[0]) if len(head) == 8 else b""


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    _child(int(sys.argv[1]), int(sys.argv[2]))
