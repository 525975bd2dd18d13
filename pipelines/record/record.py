"""Run records: what each run did and cost. The one place on a shelf with clocks in it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.record import log
from pipelines.record.failure import Failure
from pipelines.record.memory import Watch, stat_of, watching
from pipelines.record.stamp import Stamp, stamp, versions
from pipelines.shelf.shelf import Shelf
from schemas.errors import Unavailable
from schemas.mask import masked, masked_in
from schemas.publish import put

MOST_DETAILS = 10_000
FEW_FAILED = 10
PUBLISH_EVERY_S = 10.0

_ended: dict[str, Fields] = {}


class Step(Struct):
    """A step of a run: how many samples went through it in how many seconds, and the peaks up to its end.

    `peak_rss_mib` is of the largest process, `peak_tree_mib` of all together.
    """

    name: str
    status: str = "running"
    seconds: float = 0.0
    samples: int = 0
    samples_per_s: float = 0.0
    peak_rss_mib: float = 0.0
    peak_tree_mib: float = 0.0


class Machine(Struct, frozen=True):
    """The machine that a run was started on; `cpus` are those that it may use."""

    cpus: int = 0
    memory_mib: int = 0
    platform: str = ""


class Fields(Struct):
    """What a record holds. `failed` counts by annotator and reason; `process` tells whether the run still lives."""

    id: str
    verb: str
    began: str
    config: dict[str, Any]
    status: str = "running"
    seconds: float = 0.0
    counts: dict[str, int] = {}
    failed: dict[str, dict[str, int]] = {}
    steps: list[Step] = []
    peak_rss_mib: float = 0.0
    peak_tree_mib: float = 0.0
    versions: dict[str, str] = {}
    stamp: Stamp = Stamp()
    machine: Machine = Machine()
    host: str = ""
    pid: int = 0
    process: str = ""
    error: str = ""


def read_records(shelf: Shelf) -> Iterator[Fields]:
    """Yield the records of a shelf's runs, the earliest first; a folder without one that can be read is passed over."""
    for run in shelf.folders("runs"):
        with suppress(FileNotFoundError, msgspec.MsgspecError):
            yield read_record(shelf, run)


def read_record(shelf: Shelf, run: str) -> Fields:
    """Return a run's record; raises FileNotFoundError and msgspec's errors.

    From a store, that of a run which has ended is read once: it says the same for ever, and each costs a request.
    """
    path = shelf.path("runs", run, "record.json")
    if path in _ended:
        return _ended[path]
    found = msgspec.json.decode(shelf.fs.cat_file(path), type=Fields)
    if found.status != "running" and not shelf.is_local:
        _ended[path] = found
    return found


def too_many(failed: int, count: int, share: float) -> bool:
    """Say whether more samples of a shard failed than may: more than the share, and more than FEW_FAILED."""
    return failed > max(FEW_FAILED, share * count)


def process_of(pid: int) -> str:
    """Return what tells a living process from a later one under its number: when it began; empty where it is gone."""
    fields = stat_of(pid)
    return fields[19].decode() if fields and fields[0] not in (b"Z", b"X") else ""


def may_live(run: Fields) -> bool:
    """Say whether a run may still be at work: of one on another machine nobody here can tell."""
    here = run.host == platform.node() and run.process
    return run.status == "running" and not (here and process_of(run.pid) != run.process)


class Record:
    """A run's record, published when the run begins and ends, and as it goes on."""

    def __init__(
        self, shelf: Shelf, verb: str, config: Mapping[str, Any], packages: Sequence[str], memory: Watch
    ) -> None:
        self._shelf, self._memory = shelf, memory
        self._began = self._published = time.monotonic()
        now = datetime.now(UTC)
        self.fields = Fields(
            f"{now:%Y%m%dT%H%M%S.%f}-{os.getpid()}",
            verb,
            now.isoformat(timespec="seconds"),
            masked_in(dict(config)),
            versions=versions(packages),
            stamp=stamp(packages),
            machine=_machine(),
            host=platform.node(),
            pid=os.getpid(),
            process=process_of(os.getpid()),
        )
        self.id = self.fields.id
        self._failures: list[Failure] = []
        self._told = 0

    def count(self, name: str, number: int) -> None:
        """Add to one of the run's counts."""
        self.fields.counts[name] = self.fields.counts.get(name, 0) + number

    def failed(self, failures: Sequence[Failure]) -> None:
        """Count samples that failed, each by its annotator and reason, and keep the details of the first 10,000."""
        for failure in failures:
            reasons = self.fields.failed.setdefault(failure.annotator, {})
            reasons[failure.reason] = reasons.get(failure.reason, 0) + 1
        for failure in failures[: MOST_DETAILS - len(self._failures)]:
            self._failures.append(msgspec.structs.replace(failure, detail=masked(failure.detail)))

    @contextmanager
    def step(self, name: str, samples: int = 0) -> Iterator[Callable[[int], None]]:
        """Time what happens inside as a step of the run; yield what counts samples that are known only as they come.

        Published when it begins, every PUBLISH_EVERY_S while samples are counted, and with whatever comes next.
        """
        step, began = Step(name, samples=samples), time.monotonic()
        self.fields.steps.append(step)
        self.publish()
        log.event("step_began", run=self.id, step=name)

        def add(more: int) -> None:
            step.samples += more
            if time.monotonic() - self._published >= PUBLISH_EVERY_S:
                self._measure(step, began)
                self.publish()

        try:
            yield add
            step.status = "done"
        except BaseException:
            step.status = "stopped"
            raise
        finally:
            self._measure(step, began)
            log.event(
                "step_ended", run=self.id, step=name, status=step.status, seconds=step.seconds, samples=step.samples
            )

    def _measure(self, step: Step, began: float) -> None:
        seconds = time.monotonic() - began
        step.seconds, step.samples_per_s = round(seconds, 3), round(step.samples / max(seconds, 1e-9), 1)
        step.peak_rss_mib, step.peak_tree_mib = self._memory.peaks_mib()

    def end(self, status: str, error: str = "") -> None:
        """Say how the run ended."""
        self.fields.status, self.fields.error = status, masked(error)
        log.event("run_ended", run=self.id, verb=self.fields.verb, status=status, error=self.fields.error)

    def publish(self) -> None:
        """Write the record as it stands."""
        self._published = time.monotonic()
        self.fields.seconds = round(self._published - self._began, 3)
        self.fields.peak_rss_mib, self.fields.peak_tree_mib = self._memory.peaks_mib()
        folder = self._shelf.path("runs", self.id)
        put(self._shelf.fs, f"{folder}/record.json", msgspec.json.encode(self.fields) + b"\n")
        if len(self._failures) > self._told:
            lines = b"".join(msgspec.json.encode(failure) + b"\n" for failure in self._failures)
            put(self._shelf.fs, f"{folder}/failures.jsonl", lines)
            self._told = len(self._failures)


@contextmanager
def recorded(shelf: Shelf, verb: str, config: Mapping[str, Any], packages: Sequence[str] = ()) -> Iterator[Record]:
    """Record what happens inside, however it ends, and remove what workers that stopped or died were writing.

    Where the record itself cannot be written, what stopped the run is said all the same. `packages` are those whose
    versions matter besides ostraka's own.
    """
    with watching() as memory:
        record = Record(shelf, verb, config, packages, memory)
        record.publish()
        log.event("run_began", run=record.id, verb=verb)
        try:
            yield record
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            record.end("interrupted" if interrupted else "stopped", "" if interrupted else str(error))
            with suppress(Unavailable, OSError):
                shelf.sweep()
                record.publish()
            raise
        record.end("done")
        with suppress(OSError):
            shelf.sweep()
        record.publish()


def _machine() -> Machine:
    memory_mib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(cpus, memory_mib, platform.platform())
