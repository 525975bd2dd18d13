"""What a billion rows would take on a cluster, reckoned from what 50M took here; nothing of it was run."""

from __future__ import annotations

from math import log

from bench.scale.asked import Answers, Step
from bench.scale.real import real
from bench.scale.recipe import decided
from filters.corpus import CorpusFilter

ROWS = 1_000_000_000
MACHINES, CORES, CORES_HERE = 16, 16, 2
NETWORK_BYTES_S, STORE_BYTES_S = 1_250_000_000, 500_000_000
"""Of one machine: 10 Gbit/s between machines; 500 MB/s to and from the store."""

BUSY = 0.7
"""Share of the time that a core works while others still do."""

COLUMN_BYTES = {"key": 16, "digest": 16, "phash": 8, "width_px": 4, "height_px": 4}
AT_BYTES, LOST_BYTES = 8, 8 + 2 + 8 + 16 + 1 + 8
"""A row's place in a bucket; and of a row that lost: place, reason, measure, witness, whether there is one, merit."""


def cluster(found: Answers) -> str:
    """Return the section, empty where 50M rows were not decided."""
    small, large = (found.get((size, "run: notes to verdicts")) for size in ("5M", "50M"))
    if not small or not large or large.cost.status != "done" or not large.steps:
        return ""
    before = {step.name: step for step in small.steps}
    rows = [_row(step, before.get(step.name), large.rows) for step in large.steps]
    core_s = sum(row[1] for row in rows)
    spread_bytes = sum(row[2] for row in rows)
    compute_s = core_s / (MACHINES * CORES * BUSY)
    network_s = 2 * spread_bytes / (MACHINES * NETWORK_BYTES_S)
    read_bytes = sum(large.disk_bytes.get(folder, 0) for folder in ("notes", "catalog")) / large.rows * ROWS
    store_s = read_bytes / (MACHINES * STORE_BYTES_S)
    steps = "\n".join(f"| {name} | {core:,.0f} | {spread / 2**30:,.0f} |" for name, core, spread in rows)
    deciding = [step.samples for step in large.steps if _filter_of(step.name)]
    lost = (max(deciding, default=0) - large.counts.get("kept", 0)) / large.rows * ROWS
    return f"""## One billion rows on a cluster

Reckoned from the run of 50M rows above; nothing of it was run. Assumed: {MACHINES} machines of {CORES} cores like
these, {NETWORK_BYTES_S / 1.25e8:.0f} Gbit/s between them, {STORE_BYTES_S / 1e6:.0f} MB/s of each to the store, cores
busy {BUSY:.0%} of the time; notes are there. A step's core seconds are its wall seconds here times {CORES_HERE}, as if
both cores had worked throughout, times 20 to the power of its exponent from 5M to 50M (at least 1). Bytes are what is
spread into buckets: the columns that the filter reads and the key, for as many buckets as a row is compared in.

| step | core seconds | GiB spread |
| --- | --: | --: |
{steps}

{core_s:,.0f} core seconds are {_time(compute_s)} on {MACHINES * CORES} cores. {spread_bytes / 2**30:,.0f} GiB written
to the buckets and read again take {_time(network_s)} of the network, and {read_bytes / 2**40:.1f} TiB of catalogue and
notes, read once and whole, {_time(store_s)} of the store. One after another, and with nothing for machines that die or
wait: **{_time(compute_s + network_s + store_s)}**. What stays on one machine: some {lost / 1e6:,.0f} million rows that
lost are joined there ({lost * LOST_BYTES / 2**30:.0f} GiB), {ROWS // 10_000:,} shards are listed, and a byte a row says
who lives, {ROWS / 2**30:.1f} GiB, which every task reads. These are the first to be cut up."""


def _row(step: Step, before: Step | None, rows: int) -> tuple[str, float, float]:
    """Return a step's name, core seconds and bytes spread, at ROWS."""
    exponent = 1.0
    if before and before.seconds and step.seconds and before.samples:
        exponent = max(1.0, log(step.seconds / before.seconds) / log(step.samples / before.samples))
    core_s = step.seconds * CORES_HERE * (ROWS / rows) ** exponent
    judging = _filter_of(step.name)
    if judging is None:
        return step.name, core_s, 0.0
    reach = step.samples / rows * ROWS
    row_bytes = AT_BYTES + sum(_bytes(name) for name in dict.fromkeys(("key", *judging.reads)))
    return step.name, core_s, reach * judging.copies * row_bytes


def _filter_of(name: str) -> CorpusFilter | None:
    recipe = decided()
    filters = (recipe.steps[place].filter for place in recipe.barriers())
    return next((one for one in filters if name == f"decide {one.name}"), None)


def _bytes(name: str) -> float:
    if name == "concepts":
        return 8 + 4 * sum(count * share for count, share in enumerate(real().concepts))
    return COLUMN_BYTES[name]


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"
