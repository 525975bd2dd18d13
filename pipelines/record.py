"""Run records: what each run did and cost. The one place on a shelf with clocks in it."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.shelf import Shelf
from schemas.errors import Unavailable
from schemas.publish import put

_PINS = ("ostraka", "duckdb", "fsspec", "msgspec", "numpy", "pillow", "pyarrow")

MOST_DETAILS = 10_000
FEW_FAILED = 10


class Failure(Struct, frozen=True):
    """A sample that failed, with the detail that only a run's record keeps."""

    shard: str
    key: str
    annotator: str
    reason: str
    detail: str


def too_many(failed: int, count: int, share: float) -> bool:
    """Say whether more samples of a shard failed than may: more than the share, and more than FEW_FAILED."""
    return failed > max(FEW_FAILED, share * count)


class Record:
    """A run's record, published when the run begins and when it ends."""

    def __init__(self, shelf: Shelf, verb: str, config: Mapping[str, Any]) -> None:
        self._shelf = shelf
        self._began = time.monotonic()
        now = datetime.now(UTC)
        self.id = f"{now:%Y%m%dT%H%M%S.%f}-{os.getpid()}"
        self.fields: dict[str, Any] = {
            "id": self.id,
            "verb": verb,
            "status": "running",
            "began": now.isoformat(timespec="seconds"),
            "seconds": 0.0,
            "config": dict(config),
            "counts": {},
            "peak_rss_mib": 0.0,
            "versions": {name: metadata.version(name) for name in _PINS},
            "error": "",
        }
        self._failures: list[Failure] = []

    def count(self, name: str, number: int) -> None:
        """Add to one of the run's counts."""
        counts = self.fields["counts"]
        counts[name] = counts.get(name, 0) + number

    def failed(self, failures: list[Failure]) -> None:
        """Keep the details of samples that failed, of the first ten thousand."""
        self._failures.extend(failures[: MOST_DETAILS - len(self._failures)])

    def publish(self) -> None:
        """Write the record as it stands."""
        self.fields["seconds"] = round(time.monotonic() - self._began, 3)
        mine, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        self.fields["peak_rss_mib"] = round(max(mine, children) / 1024, 1)
        put(self._shelf.fs, self._shelf.path("runs", self.id, "record.json"), msgspec.json.encode(self.fields) + b"\n")
        if self._failures:
            lines = b"".join(msgspec.json.encode(failure) + b"\n" for failure in self._failures)
            put(self._shelf.fs, self._shelf.path("runs", self.id, "failures.jsonl"), lines)


@contextmanager
def recorded(shelf: Shelf, verb: str, config: Mapping[str, Any]) -> Iterator[Record]:
    """Record what happens inside, however it ends; where the record itself cannot be written, what stopped the run is
    said all the same."""
    record = Record(shelf, verb, config)
    record.publish()
    try:
        yield record
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        record.fields["status"] = "interrupted" if interrupted else "stopped"
        record.fields["error"] = "" if interrupted else str(error)
        with suppress(Unavailable):
            record.publish()
        raise
    record.fields["status"] = "done"
    record.publish()
