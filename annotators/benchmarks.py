"""Benchmarks as annotators are given them: a folder of tables, by path or URL."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import fsspec

from schemas.benchmark import SUFFIX, Benchmark, from_lines
from schemas.errors import BadInput

_REMEDY = "give the folder that `ostraka benchmark FILE --to FOLDER` wrote"


def read_benchmarks(url: str) -> tuple[Benchmark, ...]:
    """Read the tables of a folder, by name; raises BadInput where there are none, or one is none."""
    return tuple(from_lines(data, path) for path, data in _files(url))


def digest_of_benchmarks(url: str) -> str:
    """Return the digest of the tables of a folder, whatever they are called."""
    return sha256("".join(sorted(sha256(data).hexdigest() for _, data in _files(url))).encode()).hexdigest()


def _files(url: str) -> list[tuple[str, bytes]]:
    if not url:
        raise BadInput("no benchmarks are given", remedy=_REMEDY)
    try:
        fs, root = fsspec.core.url_to_fs(url)
        paths = sorted(str(path) for path in fs.glob(f"{str(root).rstrip('/')}/*{SUFFIX}"))
        found = [(path, _content(fs, path)) for path in paths]
    except (OSError, ImportError, ValueError) as error:
        raise BadInput(f"the benchmarks cannot be read ({error})", where=url, remedy=_REMEDY) from None
    if not found:
        raise BadInput("no benchmark is there", where=url, remedy=_REMEDY)
    return found


def _content(fs: Any, path: str) -> bytes:
    data: bytes = fs.cat_file(path)
    return data
