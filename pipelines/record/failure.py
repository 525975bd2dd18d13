"""Failure: a sample that could not be looked at, as the log and the record of a run tell it."""

from __future__ import annotations

from msgspec import Struct


class Failure(Struct, frozen=True):
    """A sample that failed, with the detail that only a run's record keeps."""

    shard: str
    key: str
    annotator: str
    reason: str
    detail: str
