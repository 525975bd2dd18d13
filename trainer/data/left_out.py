"""What is left out of a training, sample by sample: what can be no document, and what this stage does not take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from msgspec import Struct, json

from schemas.publish import put
from trainer.data.choose import Chosen
from trainer.data.export_index import file_system
from trainer.data.lengths import LengthsFolder


class Line(Struct, frozen=True):
    """One sample that is left out."""

    export: str
    key: str
    reason: str
    detail: str


def left_out(chosen: Sequence[Chosen]) -> Iterator[Line]:
    """Yield every sample that is left out, by export."""
    for one in chosen:
        counted = LengthsFolder(one.lengths.export, one.lengths.about.rule).left_out()
        for found in chain(counted, one.each_left_out()):
            yield Line(one.pool.name, found.key, found.reason, found.detail)


def write_left_out(chosen: Sequence[Chosen], to: str) -> int:
    """Write a line of JSON for every sample that is left out; return how many."""
    lines = list(left_out(chosen))
    put(*file_system(to), json.Encoder().encode_lines(lines))
    return len(lines)
