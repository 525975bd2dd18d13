"""Memory of this process and of all that it started, watched every now and then from /proc."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_S = 0.5
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Watch:
    """The peaks so far: of the largest process alone, and of all together.

    What lives for less than EVERY_S may be missed by `tree_mib`. Pages that processes share count once for each. Where
    there is no /proc, `tree_mib` stays 0, and `largest_mib` is of this process and the children that it waited for.
    """

    def __init__(self) -> None:
        self.largest_mib, self.tree_mib = 0.0, 0.0
        self._lock = threading.Lock()

    def peaks_mib(self) -> tuple[float, float]:
        """Look once more, and return the peaks so far: of the largest process, of all together."""
        self.look()
        return round(self.largest_mib, 1), round(self.tree_mib, 1)

    def look(self) -> None:
        """Look once."""
        tree = _tree(os.getpid())
        waited_for_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        peaks_mib = [_peak_mib(pid) for pid in tree] or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]
        with self._lock:
            self.largest_mib = max(self.largest_mib, waited_for_mib, *peaks_mib)
            self.tree_mib = max(self.tree_mib, sum(tree.values()), self.largest_mib if tree else 0)


@contextmanager
def watching() -> Iterator[Watch]:
    """Look every EVERY_S while what is inside goes on."""
    watch, over = Watch(), threading.Event()

    def until_over() -> None:
        while not over.wait(EVERY_S):
            watch.look()

    thread = threading.Thread(target=until_over, daemon=True, name="memory")
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def _tree(root: int) -> dict[int, float]:
    """Return the resident MiB of a process and of all below it; nothing where there is no /proc."""
    children: dict[int, list[int]] = {}
    rss_mib: dict[int, float] = {}
    for pid, fields in _processes():
        children.setdefault(int(fields[1]), []).append(pid)
        rss_mib[pid] = int(fields[21]) * _PAGE_BYTES / 2**20
    found, waiting = dict[int, float](), [root]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        if pid in rss_mib:
            found[pid] = rss_mib[pid]
    return found


def _peak_mib(pid: int) -> float:
    """Return the most MiB that a process held since it began; `ru_maxrss` would count its parent's as well."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return next((int(line.split()[1]) / 1024 for line in file if line.startswith(b"VmHWM:")), 0.0)
    except OSError:
        return 0.0


def _processes() -> Iterator[tuple[int, list[bytes]]]:
    """Yield every process with the fields of its `stat` behind its name."""
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit() and (fields := stat_of(int(name))):
            yield int(name), fields


def stat_of(pid: int) -> list[bytes]:
    """Return the fields of a process's `stat` behind its name, state first; nothing where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []
