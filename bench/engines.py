"""Engines against the local one: `caption-light` on the same shelf with two workers each, and two workers against one.

Shards hold 1,000 photographs, each a file of its own by a numbered JPEG comment. What an engine spends before its first
sample and after its last is measured on two shards of 16 beside each run, taken off both sides, and reported apart.
Shelves of both sides are compared, file by file, before anything is timed. Three pairs, as each takes a minute.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from hashlib import sha256
from itertools import cycle, islice
from statistics import median

from bench.duel import Pair, Row, interleave, require, row
from bench.photographs import marked, photographs
from bench.shards import write_tar
from pipelines.engines.asked import Asked, engine_of
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.ingest.source import Options
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf

SHARDS, SHARD_ROWS, FEW, CPUS, ROUNDS = 4, 1_000, 16, 2, 3
ONE, TWO = Asked(workers=1), Asked(workers=2)
LEARNT = ("notes", "decisions", "verdicts", "recipes")
RAY_GOAL, BEAM_GOAL, TWO_GOAL = 1 / 1.15, 1 / 1.5, 1.8


def curate(shelf: str, asked: Asked) -> None:
    for name in (*LEARNT, "runs"):
        shutil.rmtree(f"{shelf}/{name}", ignore_errors=True)
    run(Shelf(shelf), find_recipe("caption-light"), engine_of(asked))


def rows(folder: str) -> Iterator[Row]:
    large, small = _shelf(folder, "large", SHARDS, SHARD_ROWS), _shelf(folder, "small", CPUS, FEW)
    duels = (
        ("caption-light on Ray against local", Asked("ray", 2), TWO, RAY_GOAL, "as local; 2 workers each"),
        ("caption-light on Beam against local", Asked("beam", 2), TWO, BEAM_GOAL, "as local; 2 workers each"),
        ("caption-light, two workers against one", TWO, ONE, TWO_GOAL, "two processors, which the guards share"),
    )
    for duel, ours, peer, goal, bound in duels:
        starts_s, times_s = _fight(large, small, ours, peer)
        for asked, side in zip((ours, peer), zip(*starts_s, strict=True), strict=True):
            print(f"{duel}: start-up, on {CPUS * FEW} pictures, {asked.engine} {asked.workers}: {median(side):.1f} s")
        net_s = [(a - b, c - d) for (a, c), (b, d) in zip(times_s, starts_s, strict=True)]
        yield row(duel, net_s, SHARDS * SHARD_ROWS, goal, bound)


def _fight(large: str, small: str, ours: Asked, peer: Asked) -> tuple[list[Pair], list[Pair]]:
    """Return the seconds of both sides on few pictures and on all, a run on few beside each on all."""
    digests = []
    for asked in (ours, peer):
        curate(large, asked)
        digests.append(_digest(large))
    require(digests[0] == digests[1], "the bytes that were written")
    starts_s, times_s = list[Pair](), list[Pair]()
    for _ in range(ROUNDS):
        for shelf, seen in ((small, starts_s), (large, times_s)):
            work = [lambda asked=asked, shelf=shelf: curate(shelf, asked) for asked in (ours, peer)]
            seen += interleave(work[0], work[1], cpus=CPUS, pairs=1, warm=False)
    return starts_s, times_s


def _shelf(folder: str, name: str, shards: int, rows: int) -> str:
    """Return a shelf whose tars are taken by reference."""
    source, shelf = f"{folder}/{name}-tars", f"{folder}/{name}-shelf"
    os.makedirs(source)
    found = islice(cycle(photographs()), shards * rows)
    for shard in range(shards):
        numbers = range(shard * rows, (shard + 1) * rows)
        members = ({"jpg": marked(next(found), n), "txt": b"photograph %d of something seen" % n} for n in numbers)
        write_tar(f"{source}/{shard:05d}.tar", ((f"{n:08d}", one) for n, one in zip(numbers, members, strict=True)))
    ingest(Shelf(shelf), source, Local(), Options(by_reference=True), cut=Cut(rows=rows))
    return shelf


def _digest(shelf: str) -> str:
    seen = sha256()
    for name in LEARNT:
        for root, folders, files in os.walk(f"{shelf}/{name}"):
            folders.sort()
            for file in sorted(files):
                seen.update(f"{root}/{file}".encode())
                with open(f"{root}/{file}", "rb") as opened:
                    seen.update(sha256(opened.read()).digest())
    return seen.hexdigest()
