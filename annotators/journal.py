"""A journal: what an endpoint answered, a line each, synced before anyone builds on it.

On a local disk a file grows by whole lines under a lock, and a line that a kill tore is cut off by whoever opens the
file next. Other file systems cannot append: there each answer is an object of its own.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from schemas.errors import Unavailable
from schemas.publish import put


class Answer(Struct, frozen=True, omit_defaults=True):
    """What was said: `finish` is the endpoint's word for why it ended, or `rejected`; tokens are those it counted.

    `thinking` is what a server tells apart from the text, `weights` what it calls those that answered. Of several
    answers to one request the first has its tokens.
    """

    text: str
    finish: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    thinking: str = ""
    weights: str = ""


class Line(Struct, frozen=True):
    """An answer under the digest of what was asked, and whom it is about."""

    asked: str
    about: str
    answer: Answer


class Journal:
    """Answers in the files of a folder, a path or a URL; one file is held at a time."""

    def __init__(self, folder: str) -> None:
        import fsspec

        self._fs, self._folder = fsspec.core.url_to_fs(folder)
        self._local = bool(getattr(self._fs, "local_file", False))
        self._name, self._read_bytes = "", 0
        self._answers: dict[str, Answer] = {}

    def turn_to(self, name: str) -> None:
        """Hold the answers of a file, those too that others wrote since; raises Unavailable where it cannot be read."""
        if name != self._name:
            self._name, self._read_bytes, self._answers = name, 0, {}
        with self._failing():
            if self._local:
                with self._locked() as number:
                    self._take(self._rest(number))
            elif self._fs.isdir(self._path()):
                found = self._fs.cat(self._fs.ls(self._path(), detail=False, refresh=True))
                self._take(b"".join(found[path] for path in sorted(found)))

    def find(self, asked: str) -> Answer | None:
        """Return what was answered, None where nobody has asked."""
        return self._answers.get(asked)

    def keep(self, line: Line) -> None:
        """Write an answer; it is on disk when this returns. Raises Unavailable where it cannot be written."""
        data = msgspec.json.encode(line) + b"\n"
        self._answers[line.asked] = line.answer
        with self._failing():
            if not self._local:
                put(self._fs, f"{self._path()}/{line.asked}.jsonl", data)
                return
            with self._locked() as number:
                view = memoryview(data)
                while view:
                    view = view[os.write(number, view) :]
                os.fsync(number)

    def _path(self) -> str:
        return f"{self._folder}/{self._name}" + (".jsonl" if self._local else "")

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Open the file, which nobody else writes meanwhile, and whose last line is whole."""
        os.makedirs(self._folder, exist_ok=True)
        number = os.open(self._path(), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            _cut_torn_line(number)
            yield number
        finally:
            os.close(number)

    def _rest(self, number: int) -> bytes:
        """Return the lines that were not read yet."""
        size_bytes, found = os.fstat(number).st_size, b""
        if size_bytes < self._read_bytes:
            self._read_bytes = 0
        while len(found) < size_bytes - self._read_bytes:
            found += os.pread(number, size_bytes - self._read_bytes - len(found), self._read_bytes + len(found))
        self._read_bytes = size_bytes
        return found

    def _take(self, lines: bytes) -> None:
        for line in msgspec.json.Decoder(Line).decode_lines(lines):
            self._answers[line.asked] = line.answer

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except msgspec.DecodeError as error:
            what = f"the journal of answers is malformed ({error})"
            raise Unavailable(what, where=self._path(), remedy="take the malformed line out of it") from None
        except OSError as error:
            what = f"the journal of answers cannot be read and written ({error.strerror or error})"
            raise Unavailable(what, where=self._path(), remedy="make room, or mend the place") from error


def _cut_torn_line(number: int) -> None:
    """Cut off what a killed writer left behind the last line break."""
    end = size_bytes = os.fstat(number).st_size
    while end and os.pread(number, 1, end - 1) != b"\n":
        end -= 1
    if end < size_bytes:
        os.ftruncate(number, end)


def file_name(asked: str) -> str:
    """Return the letters, digits, - and _ of what is asked for, others as _; `none` where it is empty."""
    return "".join(mark if mark.isascii() and (mark.isalnum() or mark in "-_") else "_" for mark in asked) or "none"
