"""What the guard and its child say to each other: msgpack messages over two pipes, each behind its length."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import IO, Any

import msgspec
from msgspec import Struct

from pipelines.recipes.value import Value
from schemas.note import Failed, Noted
from schemas.sample import Sample

_LENGTH = struct.Struct("!Q")


class Request(Struct, frozen=True, array_like=True):
    """A sample to look at: where its bytes are, and the notes that the annotator reads."""

    sample: Sample
    media: str
    offsets: tuple[int, ...]
    notes: Mapping[str, Any] = {}


class Found(Struct, frozen=True, tag=True, array_like=True):
    """What the annotator noted."""

    noted: Noted


class Broken(Struct, frozen=True, tag=True, array_like=True):
    """A failure that is no sample's."""

    what: str


class Ready(Struct, frozen=True, tag=True, array_like=True):
    """The annotator is open."""


class Start(Struct, frozen=True, array_like=True):
    """The annotator to open, the digests of the weights that it had, and the process to die with."""

    annotator: Value
    weights: tuple[str, ...]
    parent: int


class Frame(Struct, frozen=True, array_like=True):
    """Samples to look at, `batch` at a time."""

    batch: int
    requests: list[Request]


Answer = Failed | Found | Broken | Ready
Result = Noted | Failed
_answers = msgspec.msgpack.Decoder(Answer)


def send(number: int, message: object) -> None:
    """Write a message to a pipe, whole; raises BrokenPipeError where nobody reads it."""
    data = msgspec.msgpack.encode(message)
    view = memoryview(_LENGTH.pack(len(data)) + data)
    while view:
        view = view[os.write(number, view) :]


def receive(file: IO[bytes]) -> bytes:
    """Read the next message's bytes, none at the end of the pipe."""
    head = file.read(_LENGTH.size)
    return file.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""


def take_answer(buffer: bytearray) -> Answer | None:
    """Take the first whole answer out of what was read so far, None where there is none yet."""
    if len(buffer) < _LENGTH.size:
        return None
    end = _LENGTH.size + _LENGTH.unpack_from(buffer)[0]
    if len(buffer) < end:
        return None
    data = bytes(buffer[_LENGTH.size : end])
    del buffer[:end]
    answer: Answer = _answers.decode(data)
    return answer
