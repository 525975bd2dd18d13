"""The record of samples that did not decode: a line of JSON each, with the step that met it and what stood in for it.

Lines are appended as rows are trained; a run that goes on from an earlier step writes those after it again.
"""

from __future__ import annotations

from msgspec import Struct, json

from trainer.data.stream import StreamRow


class Line(Struct, frozen=True):
    """One sample that did not decode, where it should have been trained."""

    step: int
    micro_step: int
    window: int
    offset: int
    key: str
    reason: str
    detail: str
    by: str


class ReplacedLog:
    """A local file that a rank appends to; a context manager."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115, closed on leaving

    def __enter__(self) -> ReplacedLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(self, row: StreamRow) -> None:
        """Append what was replaced in a row: one write, so that a kill leaves whole lines or none of them."""
        lines = [
            Line(row.step, row.micro_step, row.window, row.offset, one.key, one.reason, one.detail, one.by)
            for one in row.replaced
        ]
        if lines:
            self._file.write(json.Encoder().encode_lines(lines))
