"""Asking a question of a shelf and measuring what it cost: every process that came of it counts, whoever its parent is.

A process of its own does it and becomes the parent of orphans, so it waits for all that a command leaves behind, a fork
server and its workers too, and the kernel's own account of each is added up. Memory is looked at every EVERY_S: pages
that are resident, of which those that processes share count once for each. A cap is kept by killing: what goes over it
is stopped and said.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from bench.scale.real import ROOT
from pipelines.record.memory import stat_of

EVERY_S = 0.2
CAP_MIB = 12 * 1024
LIMIT_S = 4 * 3600
SAID_CHARS = 1500
_PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Cost(Struct, frozen=True):
    """What a command took; `status` is done, failed, over the cap or over the time; `said` is the end of what it said.

    `cpu_s`: user and system of all processes. `peak_tree_mib`: the most that all held at once, `peak_mib` the largest.
    """

    status: str
    wall_s: float
    cpu_s: float
    peak_tree_mib: float
    peak_mib: float
    said: str


def measured(command: Sequence[str], cwd: str, cap_mib: float = CAP_MIB, limit_s: float = LIMIT_S) -> Cost:
    """Run a command in a folder and return what it took; a process that has no other children does the measuring."""
    asked = msgspec.json.encode((list(command), cwd, cap_mib, limit_s)).decode()
    done = subprocess.run([sys.executable, "-m", __name__, asked], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Cost)


def _measure(command: Sequence[str], cwd: str, cap_mib: float, limit_s: float) -> Cost:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        child = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        watch = _Watch(child.pid, cap_mib, began + limit_s)
        code, wall_s, ended = _wait_for_all(child.pid, began)
        child.returncode = code
        watch.end()
        peak_mib = max(usage.ru_maxrss for usage in ended) / 1024
        cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in ended)
        size = said.seek(0, os.SEEK_END)
        said.seek(max(0, size - SAID_CHARS))
        text = said.read().decode("utf-8", "replace")
    status = watch.stopped or ("done" if code == 0 else "failed")
    peak_tree_mib = max(watch.peak_mib, peak_mib)
    return Cost(status, round(wall_s, 3), round(cpu_s, 3), round(peak_tree_mib, 1), round(peak_mib, 1), text)


def _wait_for_all(pid: int, began: float) -> tuple[int, float, list[resource.struct_rusage]]:
    """Wait for a child and for all that it left; return its exit code, its wall seconds and what each one used."""
    code, wall_s, ended = -1, 0.0, []
    while True:
        try:
            gone, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return code, wall_s, ended
        ended.append(usage)
        if gone == pid:
            code, wall_s = os.waitstatus_to_exitcode(status), time.monotonic() - began


class _Watch:
    """Looks at the memory of all below this process, and ends them where they go over the cap or the time."""

    def __init__(self, pid: int, cap_mib: float, deadline: float) -> None:
        self.peak_mib, self.stopped = 0.0, ""
        self._cap_mib, self._deadline, self._over = cap_mib, deadline, threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._over.wait(EVERY_S):
            tree = _below(os.getpid())
            held_mib = sum(tree.values())
            self.peak_mib = max(self.peak_mib, held_mib)
            if held_mib > self._cap_mib:
                self._stop(tree, "over the cap")
            elif time.monotonic() > self._deadline:
                self._stop(tree, "over the time")

    def _stop(self, tree: dict[int, float], why: str) -> None:
        self.stopped = self.stopped or why
        for pid in tree:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _below(root: int) -> dict[int, float]:
    """Return the resident MiB of every process below this one."""
    children: dict[int, list[int]] = {}
    rss_mib: dict[int, float] = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if fields := stat_of(pid):
            children.setdefault(int(fields[1]), []).append(pid)
            rss_mib[pid] = int(fields[21]) * _PAGE_BYTES / 2**20
    found, waiting = dict[int, float](), children.get(root, [])
    while waiting:
        pid = waiting.pop()
        found[pid] = rss_mib[pid]
        waiting += children.get(pid, [])
    return found


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(_measure(*msgspec.json.decode(sys.argv[1]))))
