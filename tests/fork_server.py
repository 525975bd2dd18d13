"""A process that has imported what commands need, and forks one for each that is asked for over a socket.

`fork_server.py SOCKET MODULE[:FUNCTION] ...` imports modules, calls functions, and serves. A client (`forked.py`, or
the `ostraka` that it writes) sends one JSON line with its standard streams beside it, and reads the process's id, then
its exit code, a line each. What is imported once is what most of a command's time goes into. The server has one
thread, so that a fork of it is a whole process.
"""

from __future__ import annotations

import json
import os
import runpy
import selectors
import signal
import socket
import sys
import time
from importlib import import_module
from typing import Any


def serve(path: str, modules: list[str]) -> dict[str, Any]:
    """Answer until standard input ends; returns in the forked process alone, with what it was asked."""
    for module in modules:
        _found(module)
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose threads"
    woken, wakes = socket.socketpair()
    for end in (woken, wakes):
        end.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    waiting: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX) as listening, selectors.DefaultSelector() as ready:
        listening.bind(path)
        listening.listen(64)
        for one in (listening, woken, sys.stdin.buffer.raw):
            ready.register(one, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is listening:
                    client, _ = listening.accept()
                    asked, streams = _asked(client)
                    if (child := os.fork()) == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for place, stream in enumerate(streams):
                            os.dup2(stream, place)
                        os.closerange(3, 256)
                        for one in (listening, client, woken, wakes, *waiting.values()):
                            one.detach()
                        return asked
                    for stream in streams:
                        os.close(stream)
                    client.sendall(b"%d\n" % child)
                    waiting[child] = client
                elif key.fileobj is woken:
                    woken.recv(4096)
                    _tell(waiting)
                else:
                    os._exit(0)


def _found(name: str) -> None:
    """Import a module, and call a function of it where one is named behind a colon."""
    module, _, function = name.partition(":")
    found = import_module(module)
    if function:
        getattr(found, function)()


def _asked(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    line, streams, _, _ = socket.recv_fds(client, 1 << 20, 3)
    while not line.endswith(b"\n"):
        line += client.recv(1 << 20)
    return json.loads(line), streams


def _tell(waiting: dict[int, socket.socket]) -> None:
    """Tell the clients of all processes that have ended how they did."""
    while waiting:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        with waiting.pop(child) as client:
            try:
                client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
            except OSError:
                continue


def become(asked: dict[str, Any]) -> None:
    """Do what was asked, as a process that was started with these arguments would."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(asked["env"])
    time.tzset()
    os.chdir(asked["cwd"])
    sys.argv = asked["argv"]
    del sys.path[0]
    if ":" in sys.argv[0]:
        _found(sys.argv[0])
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    become(serve(sys.argv[1], sys.argv[2:]))
