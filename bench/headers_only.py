"""Filters over headers, end to end: the recipe `headers-only` on a shelf against data-juicer, two processes each.

The pictures are the photographs over and over, each a file of its own by a numbered JPEG comment; every 97th has a side
of 20 pixels and every 101st is over 200 times as long as it is high, so that there is something to drop. Ours leaves
notes and a verdict a sample, synced; the peer the list of what is kept and its measurements. The peer decodes each
picture, so it is given fewer. What either spends before its first sample is measured on 16 pictures, and apart.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from statistics import median

from PIL import Image

from bench import data_juicer
from bench.duel import PAIRS, Pair, Row, interleave, require, row
from bench.photographs import marked, photographs
from bench.shards import write_tar
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.ingest.source import Options
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table

PICTURES, PEER_PICTURES, FEW = 20_000, 2_000, 16
SHARDS, WORKERS = 8, 2
GOAL = 100
BOUND = "the interpreter, and the pipe between worker and guard"


def ours(shelf: str) -> None:
    run(Shelf(shelf), find_recipe("headers-only"), Local(WORKERS))


def peer(command: str, config: str) -> None:
    data_juicer.filter_pictures(command, config)


def rows(folder: str) -> Iterator[Row]:
    large, small = _shelf(folder, "large", PICTURES), _shelf(folder, "small", FEW)
    try:
        command = data_juicer.install()
        config = data_juicer.write_input(f"{folder}/peer", list(_pictures(PEER_PICTURES)), WORKERS)
        few = data_juicer.write_input(f"{folder}/peer-few", list(_pictures(FEW)), WORKERS)
        starts_s, times_s = _fight(small, large, command, few, config)
    except data_juicer.NotHereError as missing:
        alone_s = interleave(lambda: ours(_clean(large)), lambda: None, cpus=WORKERS)
        own = row("header filters: end to end", [(one, one) for one, _ in alone_s], PICTURES, GOAL, BOUND)
        yield Row(own.duel, own.ours, float("nan"), (), GOAL, BOUND, missing=str(missing))
        return
    require(_kept(large) == data_juicer.kept(f"{folder}/peer"), "which pictures are kept")
    started_s = [median(side) for side in zip(*starts_s, strict=True)]
    print(f"start-up, on {FEW} pictures: ours {started_s[0]:.1f} s, data-juicer {started_s[1]:.1f} s")
    net_s = [(one, other - start) for (one, other), (_, start) in zip(times_s, starts_s, strict=True)]
    yield row("header filters: our start-up in it, the peer's left out", net_s, PICTURES, GOAL, BOUND, PEER_PICTURES)
    net_s = [(one - start, other) for (one, other), (start, _) in zip(net_s, starts_s, strict=True)]
    yield row("header filters: start-up of both left out", net_s, PICTURES, GOAL, BOUND, PEER_PICTURES)


def _fight(small: str, large: str, command: str, few: str, config: str) -> tuple[list[Pair], list[Pair]]:
    """Return the seconds of both sides on few pictures and on all, a run on few beside each on all."""
    starts_s, times_s = list[Pair](), list[Pair]()
    for pair in range(PAIRS):
        how = {"cpus": WORKERS, "pairs": 1, "warm": not pair}
        starts_s += interleave(lambda: ours(_clean(small)), lambda: peer(command, few), **how)
        times_s += interleave(lambda: ours(_clean(large)), lambda: peer(command, config), **how)
    return starts_s, times_s


def _shelf(folder: str, name: str, count: int) -> str:
    """Return a shelf whose tars are taken by reference."""
    source, shelf = f"{folder}/{name}-tars", f"{folder}/{name}-shelf"
    os.makedirs(source)
    pictures, per_shard = _pictures(count), count // SHARDS
    for shard in range(SHARDS):
        numbers = range(shard * per_shard, (shard + 1) * per_shard)
        write_tar(f"{source}/{shard:05d}.tar", ((f"{n:08d}", {"jpg": next(pictures)}) for n in numbers))
    ingest(Shelf(shelf), source, Local(), Options(by_reference=True), cut=Cut(rows=per_shard))
    return shelf


def _pictures(count: int) -> Iterator[bytes]:
    found, short, long = photographs(), _blank(640, 20), _blank(6_000, 29)
    for number in range(count):
        shape = short if number % 97 == 96 else long if number % 101 == 100 else found[number % len(found)]
        yield marked(shape, number)


def _blank(width_px: int, height_px: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width_px, height_px), "olive").save(out, "JPEG")
    return out.getvalue()


def _clean(shelf: str) -> str:
    for name in ("notes", "verdicts", "recipes", "runs"):
        shutil.rmtree(f"{shelf}/{name}", ignore_errors=True)
    return shelf


def _kept(url: str) -> set[int]:
    """Return the numbers of the kept pictures among those that the peer is given."""
    shelf, [recipe] = Shelf(url), os.listdir(f"{url}/verdicts")
    kept: set[int] = set()
    for shard in shelf.shards():
        names = shelf.catalog(shard, ["name"])["name"].to_pylist()
        verdicts = read_table(shelf.fs, shelf.path("verdicts", recipe, f"{shard}.parquet"))["outcome"].to_pylist()
        kept |= {int(n[-8:]) for n, outcome in zip(names, verdicts, strict=True) if outcome == "kept"}
    return {number for number in kept if number < PEER_PICTURES}
