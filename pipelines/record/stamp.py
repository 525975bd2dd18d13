"""The stamp of what runs: one digest of the rooms' own code, one of the packages it runs with.

Two processes with one stamp run the same code: a run's record holds it, so that a result can be traced to its code.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib import metadata

from msgspec import Struct

ROOMS = ("schemas", "filters", "annotators", "pipelines")
PACKAGES = ("ostraka", "duckdb", "fsspec", "msgspec", "numpy", "numba", "pillow", "pyarrow")

_INSTALLED = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Stamp(Struct, frozen=True):
    """The first 16 hex digits of two SHA-256: of the code, and of the packages with their versions."""

    code: str = ""
    pins: str = ""


def stamp(packages: Sequence[str] = ()) -> Stamp:
    """Return the stamp of this process; `packages` are counted besides those that always are."""
    return Stamp(code_digest(_INSTALLED), pins_digest(versions(packages)))


def versions(packages: Sequence[str] = ()) -> dict[str, str]:
    """Return the version of Python and of every package that is installed, of those that always count and of these."""
    found = {"python": platform.python_version()}
    for name in dict.fromkeys((*PACKAGES, *packages)):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def pins_digest(found: Mapping[str, str]) -> str:
    """Return a digest of packages and their versions, in whatever order they come."""
    return sha256("".join(f"{name}=={found[name]}\n" for name in sorted(found)).encode()).hexdigest()[:16]


@cache
def code_digest(folder: str) -> str:
    """Return a digest of the rooms' Python files in a folder: their paths and bytes, in the order of the paths."""
    seen = sha256()
    for name in sorted(_files(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            seen.update(f"{name} {sha256(file.read()).hexdigest()}\n".encode())
    return seen.hexdigest()[:16]


def _files(folder: str) -> Iterator[str]:
    for room in ROOMS:
        for here, _, names in os.walk(os.path.join(folder, room)):
            within = os.path.relpath(here, folder).replace(os.sep, "/")
            yield from (f"{within}/{name}" for name in names if name.endswith(".py"))
