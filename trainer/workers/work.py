"""Work that a worker process opens once and then does task by task."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from schemas.errors import OstrakaError


class Work(Protocol):
    """What workers do: opened once in each, it answers tasks. It is a value that can be pickled."""

    def open(self) -> AbstractContextManager[Callable[[Any], Any]]:
        """Open what it needs, and yield what answers one task."""
        ...


class Raised:
    """An error as an answer."""

    def __init__(self, error: OstrakaError) -> None:
        self.error = error
