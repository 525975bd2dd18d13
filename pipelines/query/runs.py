"""The runs of a shelf, as their records tell."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from pipelines.record.record import Fields, may_live, read_record
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput

LAST = "last"
KILLED = "stopped (killed?)"
SHORT_CHARS = len("20260101T000000")


class Flow(Struct, frozen=True):
    """In = kept + dropped + failed."""

    kept: int
    dropped: int
    failed: int

    @property
    def came(self) -> int:
        """Return how many came in."""
        return self.kept + self.dropped + self.failed


def all_runs(shelf: Shelf) -> list[Fields]:
    """Return the records of all runs, the latest last. Raises BadInput where nothing was run here."""
    found = [run for one in shelf.folders("runs") if (run := _read(shelf, one))]
    if not found:
        raise BadInput("nothing was run on this shelf", where=shelf.url, remedy="begin with `ostraka ingest SOURCE`")
    return found


def find_run(shelf: Shelf, asked: str) -> Fields:
    """Return the one run whose id begins so; `last` is the latest. Raises BadInput where there is none, or several."""
    found = all_runs(shelf)
    if asked == LAST:
        return found[-1]
    fitting = [run for run in found if run.id.startswith(asked)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise BadInput(f"no run's id begins with {asked!r}", where=shelf.url, remedy="`ostraka runs` lists them")
    few = ", ".join(run.id for run in fitting[:3])
    raise BadInput(f"{len(fitting)} runs begin with {asked!r}: {few}", where=shelf.url, remedy="give more of the id")


def short_ids(runs: Sequence[Fields]) -> list[str]:
    """Return as much of every id as tells them apart, and never less than the time to the second."""
    chars, longest = SHORT_CHARS, max((len(run.id) for run in runs), default=0)
    while chars < longest and len({run.id[:chars] for run in runs}) < len(runs):
        chars += 1
    return [run.id[:chars] for run in runs]


def status_of(run: Fields) -> str:
    """Return how a run stands; one that says `running` on this machine while its process is gone was killed."""
    return KILLED if run.status == "running" and not may_live(run) else run.status


def flow_of(run: Fields) -> Flow | None:
    """Return what became of the samples that came, or nothing of an export and of a run that did not get that far."""
    counts = run.counts
    if "kept" in counts:
        return Flow(counts["kept"], counts.get("dropped", 0), counts.get("failed", 0))
    if run.verb == "ingest" and counts:
        samples = counts.get("samples", 0)
        return Flow(samples, 0, sum(counts.values()) - samples)
    return None


def samples_of(run: Fields) -> int:
    """Return how many samples a run went through to its end."""
    flow = flow_of(run)
    return flow.came if flow else run.counts.get("samples", 0)


def subject_of(run: Fields) -> str:
    """Return what a run was about: its export, its dataset, its recipe."""
    return next((str(run.config[name]) for name in ("name", "dataset", "recipe") if run.config.get(name)), "")


def failures_path(shelf: Shelf, run: Fields) -> str:
    """Return the path of the details of what failed in a run, or nothing where none did."""
    path = shelf.path("runs", run.id, "failures.jsonl")
    return path if shelf.fs.isfile(path) else ""


def _path(shelf: Shelf, run: str) -> str:
    return shelf.path("runs", run, "record.json")


def _read(shelf: Shelf, run: str) -> Fields | None:
    path = _path(shelf, run)
    try:
        return read_record(shelf, run)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise BadInput(
            f"it is no run's record ({error})", where=path, remedy="move this folder out of the shelf"
        ) from None
