"""Loops over columns, compiled: by numba, without the interpreter's lock, so that threads share the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])
Found = TypeVar("Found")


def compiled(function: Function) -> Function:
    """Compile, and keep what was compiled for the next process where there is a folder to write to."""
    try:
        found: Any = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        found = numba.njit(nogil=True)(function)
    return cast(Function, found)


def on_threads(function: Callable[..., Found], arguments: Iterable[tuple[Any, ...]], threads: int = 0) -> list[Found]:
    """Call a function once for each tuple of arguments, and return what it returned, in their order.

    `threads`: 0 means one a core.
    """
    with ThreadPoolExecutor(threads or cores()) as pool:
        return [done.result() for done in [pool.submit(function, *one) for one in arguments]]


def cores() -> int:
    """Return how many threads are worth their while; NUMBA_NUM_THREADS lowers that."""
    return int(vars(numba.config)["NUMBA_NUM_THREADS"])
