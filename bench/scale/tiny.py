"""Tiny samples that are ingested and annotated: does memory grow with how many there are?

Each is a PNG of 28 x 28 pixels of its own and a caption, some 500 bytes in a tar of 10,000.
"""

from __future__ import annotations

import os
import shutil
import sys
import zlib
from struct import pack

import numpy as np
from numpy.typing import NDArray

from bench.scale.asked import Answer, answers, keep
from bench.scale.drawn import bits
from bench.scale.measure import measured
from bench.scale.questions import VERB, WORKERS
from bench.scale.real import ROOT, real
from bench.scale.shelves import path_of
from bench.scale.texts import Texts
from schemas.publish import PREFIX
from schemas.tar import Writer

COUNTS = {"10,000 tiny samples": 10_000, "1,000,000 tiny samples": 1_000_000}
PER_TAR, SHARD_ROWS = 10_000, 1_000
INGEST = "ingest"
COARSE_PX, FINE_PX = 4, 7
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def make_source(folder: str, count: int) -> None:
    """Write the tars that are not there."""
    os.makedirs(folder, exist_ok=True)
    for first in range(0, count, PER_TAR):
        path = os.path.join(folder, f"{first // PER_TAR:05d}.tar")
        if os.path.exists(path):
            continue
        temporary = os.path.join(folder, f"{PREFIX}{os.getpid()}")
        with open(temporary, "wb") as file:
            _write(Writer(file), np.arange(first, min(first + PER_TAR, count), dtype=np.uint64), count)
        os.replace(temporary, path)


def _write(tar: Writer, numbers: NDArray[np.uint64], count: int) -> None:
    texts = Texts(numbers, count, real())
    flat, first = texts.flat.to_pylist(), np.cumsum(texts.count) - texts.count
    words = np.stack([bits(numbers, f"pixels {place}") for place in range(2)], axis=1)
    coarse_NHW = words.view(np.uint8).reshape(-1, COARSE_PX, COARSE_PX)
    for number, text, coarse_HW in zip(numbers.tolist(), first.tolist(), coarse_NHW, strict=True):
        tar.add(f"{number:09d}.png", png(coarse_HW.repeat(FINE_PX, axis=0).repeat(FINE_PX, axis=1)))
        tar.add(f"{number:09d}.txt", flat[text].encode())
    tar.close()


def png(luma_HW: NDArray[np.uint8]) -> bytes:
    """Return a grey PNG."""
    height, width = luma_HW.shape
    lines = np.pad(luma_HW, ((0, 0), (1, 0))).tobytes()
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(lines, 1)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))


def ask(folder: str) -> None:
    """Ingest and run what has no answer yet."""
    there = answers(folder)
    for name, count in COUNTS.items():
        source, shelf = path_of(folder, f"{name} source"), path_of(folder, name)
        commands = _commands(source, shelf)
        todo = [verb for verb in commands if not _is_done(there.get((name, verb)))]
        if not todo:
            continue
        make_source(source, count)
        if INGEST in todo:
            shutil.rmtree(shelf, ignore_errors=True)
        for verb in todo:
            print(f"{name}: {verb} ...", file=sys.stderr, flush=True)
            cost = measured(commands[verb], ROOT)
            keep(folder, Answer(name, verb, count, cost))
            print(f"  {cost.status}, {cost.wall_s:.1f} s", file=sys.stderr, flush=True)


def _commands(source: str, shelf: str) -> dict[str, tuple[str, ...]]:
    there = ("--shelf", shelf, "--workers", WORKERS)
    return {
        INGEST: (*VERB, "ingest", source, *there, "--shard-rows", str(SHARD_ROWS)),
        "run headers-only": (*VERB, "run", "headers-only", *there),
        "run decided": (*VERB, "run", "--recipe", "bench.scale.recipe:decided", *there),
    }


def _is_done(answer: Answer | None) -> bool:
    return answer is not None and answer.cost.status == "done"
