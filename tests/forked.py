"""Commands as forks of a process that has imported what they need: see `fork_server.py`.

For tests of what a command does and prints. Those of how a process starts, dies or is killed with its group start one.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

SERVER = Path(__file__).with_name("fork_server.py")
COMMAND = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({path!r})
    asked = {{"argv": ["pipelines.cli:main", *sys.argv[1:]], "cwd": os.getcwd(), "env": dict(os.environ)}}
    socket.send_fds(server, [json.dumps(asked).encode() + b"\\n"], [0, 1, 2])
    code = int(server.makefile().read().split()[1])
sys.exit(code if code >= 0 else 128 - code)
"""


class ForkServer:
    """The client's side of a server that runs."""

    def __init__(self, path: str) -> None:
        self._path = path

    def write_command(self, path: Path) -> None:
        """Write an `ostraka` that the server answers."""
        path.write_text(COMMAND.format(python=sys.executable, path=self._path))
        path.chmod(0o755)

    def start(self, argv: Sequence[str], env: Mapping[str, str], cwd: str = ".") -> Fork:
        """Start a script, or a `module:function`, with what it prints in pipes."""
        return Fork(self._path, {"argv": list(argv), "cwd": os.path.abspath(cwd), "env": dict(env)})


class Fork:
    """A forked process, with as much of Popen as tests use; `wait` reads nothing, `communicate` all that is printed."""

    def __init__(self, path: str, asked: Mapping[str, object]) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(path)
        pipes = [os.pipe(), os.pipe()]
        with open(os.devnull) as nothing:
            line = json.dumps(asked).encode() + b"\n"
            socket.send_fds(self._server, [line], [nothing.fileno(), *(to for _, to in pipes)])
        for _, to in pipes:
            os.close(to)
        self.stdout: IO[str] = os.fdopen(pipes[0][0])
        self.stderr: IO[str] = os.fdopen(pipes[1][0])
        self._said = self._server.makefile("r")
        self.pid = int(self._said.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._server], [], [], 0)[0]:
            self.returncode = int(self._said.readline())
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self) -> tuple[str, str]:
        said = {self.stdout: "", self.stderr: ""}
        left = [*said]
        while left:
            for stream in select.select(left, [], [])[0]:
                said[stream] += stream.read()
                left.remove(stream)
        if self.returncode is None:
            self.returncode = int(self._said.readline())
        self.close()
        return said[self.stdout], said[self.stderr]

    def close(self) -> None:
        for one in (self.stdout, self.stderr, self._said, self._server):
            one.close()


@contextmanager
def fork_server(*modules: str) -> Iterator[ForkServer]:
    """Run a server that has imported these modules."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        root = str(SERVER.parent.parent)
        env = {
            **os.environ,
            "PYTHONPATH": f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "OMP_NUM_THREADS": "1",
        }
        env["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
        command = [sys.executable, str(SERVER), path, *modules]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=env)
        assert server.stdin
        try:
            while not os.path.exists(path):
                assert server.poll() is None, f"{SERVER} did not start"
                select.select([], [], [], 0.01)
            yield ForkServer(path)
        finally:
            server.stdin.close()
            server.wait()
