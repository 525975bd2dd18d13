"""Values handed from one of our processes to another: arrays in memory that both map, never copied through a pipe.

A message is two numbers and the descriptor of an anonymous file, which holds the arrays as they lie in memory and a
pickle of everything around them. It has no name anywhere, so nothing is left behind when a process is killed, and it
is not bounded by /dev/shm, which containers keep small. Only our own parent and child hold an end of the socket.
"""

from __future__ import annotations

import mmap
import os
import pickle
import socket
import struct
import tempfile
from typing import Any

_HEAD = struct.Struct("!QQ")
_ALIGN = 64


def hand(to: socket.socket, value: object) -> None:
    """Send a value; raises OSError where nobody is there to take it."""
    buffers = list[pickle.PickleBuffer]()
    around = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    tail = pickle.dumps(([view.nbytes for view in views], around))
    tail_at = sum(_padded(view.nbytes) for view in views)
    number = _memory()
    try:
        at = 0
        for view in views:
            _write(number, view, at)
            at += _padded(view.nbytes)
        _write(number, memoryview(tail), tail_at)
        socket.send_fds(to, [_HEAD.pack(tail_at, tail_at + len(tail))], [number])
    finally:
        os.close(number)


def take(from_: socket.socket) -> Any:
    """Receive the next value, its arrays mapped; raises EOFError where the other end is gone.

    An end that dies with something unread is told as an error once, before what it had still sent.
    """
    try:
        head, numbers, _, _ = socket.recv_fds(from_, _HEAD.size, 1)
    except ConnectionResetError:
        return take(from_)
    except ConnectionError:
        head, numbers = b"", []
    if len(head) != _HEAD.size or not numbers:
        raise EOFError
    tail_at, size_bytes = _HEAD.unpack(head)
    memory = mmap.mmap(numbers[0], size_bytes)
    os.close(numbers[0])
    sizes, around = pickle.loads(memory[tail_at:])  # noqa: S301, our own process wrote it
    views, at = list[memoryview](), 0
    for size in sizes:
        views.append(memoryview(memory)[at : at + size])
        at += _padded(size)
    return pickle.loads(around, buffers=views)  # noqa: S301


def _padded(size_bytes: int) -> int:
    return size_bytes + -size_bytes % _ALIGN


def _write(number: int, view: memoryview, at: int) -> None:
    """Write bytes at a place of a file: half of what it costs to touch the pages of a map, one by one."""
    while view.nbytes:
        written = os.pwrite(number, view, at)
        view, at = view[written:], at + written


def _memory() -> int:
    """Return an anonymous file."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("ostraka")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
