"""Loops over letters and words, compiled by numba: import it only where a sample is looked at, since numba is heavy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile, and keep what was compiled for the next process where there is a folder to write to."""
    try:
        found: Any = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        found = numba.njit(nogil=True)(function)
    return cast(Function, found)
