"""A benchmark as a table: its items, with their texts and what tells their pictures apart, as lines of JSON.

The first line says what it is, every other one is an item. A folder of such files is what a recipe is given; their
bytes are its fingerprint, so they hold no clock and no path.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from schemas.errors import BadInput

FORMAT = 1
SUFFIX = ".jsonl"
SMALL_SIDE = 32
"""A picture's small copy is so many pixels wide and high, a byte of brightness each, whatever its shape was."""

RUN_WORDS, RUN_SHARE, LONG_WORDS = 13, 0.5, 50
"""A text holds an item where they share a run of RUN_WORDS words and, in all runs, RUN_SHARE of the item's words; or
where they share LONG_WORDS words in one run. What looks for items and what drops samples agree in this by default."""


class Picture(Struct, frozen=True):
    """A picture: its name among the benchmark's files, its perceptual hash, and its small copy, rows from the top."""

    name: str
    phash: int
    small: bytes
    embedding: tuple[float, ...] = ()


class Item(Struct, frozen=True):
    """An item: its id, what it asks (each text by itself is the whole question), what it tells besides (solutions),
    and its pictures."""

    item: str
    asked: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


class Head(Struct, frozen=True):
    """What a table is; `embedded_by`: the annotator@fingerprint that its pictures' embeddings are by, if any."""

    benchmark: str
    items: int
    format: int = FORMAT
    embedded_by: str = ""


class Benchmark(Struct, frozen=True):
    """A benchmark, read."""

    head: Head
    items: tuple[Item, ...]

    @property
    def name(self) -> str:
        return self.head.benchmark


def to_lines(name: str, items: Sequence[Item], embedded_by: str = "") -> bytes:
    """Return a table's bytes."""
    lines: Iterable[Struct] = (Head(name, len(items), embedded_by=embedded_by), *items)
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def from_lines(data: bytes, where: str) -> Benchmark:
    """Read a table; raises BadInput that names the line where it is none, or was cut."""
    first, _, rest = data.partition(b"\n")
    remedy = "write it again with `ostraka benchmark`"
    try:
        head = msgspec.json.decode(first, type=Head)
    except msgspec.DecodeError as error:
        raise BadInput(f"no benchmark's table ({error})", where=f"{where}, line 1", remedy=remedy) from None
    if head.format != FORMAT:
        raise BadInput(f"it has format {head.format}, this ostraka reads {FORMAT}", where=where, remedy=remedy)
    items = list[Item]()
    for number, line in enumerate(rest.splitlines(), start=2):
        try:
            items.append(msgspec.json.decode(line, type=Item))
        except msgspec.DecodeError as error:
            raise BadInput(f"no item ({error})", where=f"{where}, line {number}", remedy=remedy) from None
    if len(items) != head.items:
        raise BadInput(f"{len(items)} items, its first line says {head.items}", where=where, remedy=remedy)
    return Benchmark(head, tuple(items))
