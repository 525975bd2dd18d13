"""Cutting: the samples of each folder, as they come, fill one shard after another."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipelines.shelf.shelf import shard_name


class Span(Struct, frozen=True, array_like=True):
    """Rows [first, end) of a catalogue shard or of another export's shard: those of them that belong to the folder."""

    shard: str
    first: int
    end: int


class Planned(Struct, frozen=True):
    """A shard to be: its path without suffix, how many samples it will hold, and where they come from."""

    path: str
    samples: int
    spans: tuple[Span, ...]

    @property
    def folder(self) -> str:
        return self.path.rsplit("/", 1)[0]


class Cutter:
    """Cuts folders into shards of at most `rows` samples and `mib` MiB, but for a sample that is larger by itself."""

    def __init__(self, rows: int, mib: int) -> None:
        self._rows, self._limit_bytes = rows, mib << 20
        self._done: dict[str, list[Planned]] = {}
        self._open: dict[str, _Filling] = {}

    def add(self, stem: str, shard: str, rows: NDArray[Any], size_bytes: NDArray[Any]) -> None:
        """Put samples of one shard, rows ascending, into the open shard of a stem (`<split>/<form>/<name>`) and those
        that follow it."""
        total, begin = np.cumsum(size_bytes, dtype=np.int64), 0
        while begin < len(rows):
            filling = self._open.setdefault(stem, _Filling())
            before = int(total[begin - 1]) if begin else 0
            fits = int(np.searchsorted(total, before + self._limit_bytes - filling.size_bytes, side="right"))
            end = max(begin, min(fits, begin + self._rows - filling.samples))
            if end == begin and not filling.samples:
                end += 1
            if end > begin:
                span = Span(shard, int(rows[begin]), int(rows[end - 1]) + 1)
                filling.add(span, end - begin, int(total[end - 1]) - before)
            if end < len(rows):
                self._close(stem)
            begin = end

    def _close(self, stem: str) -> None:
        filling, done = self._open.pop(stem), self._done.setdefault(stem, [])
        path = f"{stem}-{shard_name(len(done))}"
        done.append(Planned(path, filling.samples, tuple(filling.spans)))

    def shards(self) -> tuple[Planned, ...]:
        """End every stem's last shard and return them all, in the order of their paths."""
        for stem in list(self._open):
            self._close(stem)
        return tuple(planned for stem in sorted(self._done) for planned in self._done[stem])


class _Filling:
    """A shard that is being filled."""

    def __init__(self) -> None:
        self.samples, self.size_bytes = 0, 0
        self.spans: list[Span] = []

    def add(self, span: Span, samples: int, size_bytes: int) -> None:
        self.samples += samples
        self.size_bytes += size_bytes
        self.spans.append(span)
