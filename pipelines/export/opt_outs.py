"""Opt-outs: keys, digests and addresses that nobody may export, and which samples they name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from pipelines.export.lines import read_lines
from pipelines.export.parts import Parts
from pipelines.shelf.table import uuid_hexes
from schemas.errors import BadInput

NAMED_BY = ("key", "parent", "uri")
"""The columns of a catalogue that an opt-out may name a sample by, beside the digests of its parts."""


class OptOuts(Struct, frozen=True):
    """Keys, digests and addresses that nobody may export."""

    listed: frozenset[str] = frozenset()

    def naming(self, catalog: pa.Table, parts: Parts) -> tuple[NDArray[np.int64], frozenset[str]]:
        """Return the samples that are named by their key, parent, address or one of their parts, and by which entries.

        `parts`: those that were ingested, also where the recipe left some out.
        """
        found = list(self._found(catalog, parts)) if self.listed else []
        return np.array([sample for sample, _ in found], np.int64), frozenset(name for _, name in found)

    def _found(self, catalog: pa.Table, parts: Parts) -> Iterator[tuple[int, str]]:
        whole = range(len(catalog))
        columns: list[tuple[Sequence[int], list[str]]] = [(whole, uuid_hexes(catalog["key"]))]
        columns += [(whole, catalog[name].to_pylist()) for name in ("parent", "uri")]
        of, digests = parts.digests()
        for samples, names in (*columns, (of.tolist(), digests)):
            yield from ((sample, name) for sample, name in zip(samples, names, strict=True) if name in self.listed)


def read_opt_outs(url: str, sha256_hex: str = "") -> tuple[OptOuts, str]:
    """Read an opt-out list, a key, SHA-256 or address a line, and return it with its file's SHA-256."""
    if not url:
        return OptOuts(), ""
    lines, digest = read_lines(url, "the opt-out list", sha256_hex)
    return OptOuts(frozenset(_entry(url, number, line) for number, line in lines)), digest


def _entry(url: str, number: int, line: str) -> str:
    """Return a key, digest or address in the one form they are compared in, without the remark behind it.

    Raises BadInput for anything else: a line that cannot be understood must not be an opt-out that nobody honours.
    """
    said = line.split(" #", maxsplit=1)[0].split("\t#", maxsplit=1)[0].strip()
    plain = said.lower().removeprefix("sha256:").replace("-", "")
    if len(plain) in (32, 64) and all(digit in "0123456789abcdef" for digit in plain):
        return plain
    if "://" in said:
        return said
    raise BadInput(
        f"line {number} is no key, SHA-256 or address: {said[:80]!r}",
        where=url,
        remedy="write 32 or 64 hex digits, or an address with ://",
    )
