"""What an engine and its work are: an engine carries shards and survives machines, and cannot change an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Work(Protocol):
    """A frozen msgspec value; `open` is one shape for a process initializer, a Ray actor and a Beam DoFn.setup.

    One whose workers take more than a CPU each says so as `needs`.
    """

    def open(self) -> AbstractContextManager[Callable[[str], Any]]:
        """Open once per worker and yield what does one shard and returns its answer, plain data."""
        ...


class Engine(Protocol):
    """Carries shards to workers, in any order, and brings each one's answer back.

    `workers`: how many share a machine's memory.
    """

    @property
    def workers(self) -> int: ...

    def map(self, work: Work, shards: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield every shard with its answer as it is done.

        Raises Unavailable where a worker dies again and again, and whatever the work raises.
        """
        ...
