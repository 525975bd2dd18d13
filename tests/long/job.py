"""A small job that crosses every kind of write.

`job.py make FOLDER` makes its source, `job.py SHELF SOURCE WORKERS [VERB ...]` does it: ingest, run, export.

Sixty pictures with captions: exact and near duplicates, captions that go, pictures that cannot be read.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf

PICTURES = 60


def make(folder: Path) -> None:
    """Write the source."""
    folder.mkdir(parents=True)
    for n in range(PICTURES):
        data = picture(n // 2 if n % 10 == 1 else n)
        if n % 10 == 3:
            data = picture(n - 1, quality=60)
        if n % 12 == 5:
            data = data[:-600]
        if n % 20 == 7:
            data = b"no picture"
        (folder / f"{n:03d}.jpg").write_bytes(data)
        caption = "x" if n % 15 == 4 else f"The small boat number {n} rests on the shore of a quiet lake."
        (folder / f"{n:03d}.txt").write_text(caption)


def picture(seed: int, quality: int = 85) -> bytes:
    """Make a JPEG of smooth noise."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC).save(out, "JPEG", quality=quality)
    return out.getvalue()


def job(shelf: Shelf, source: str, workers: int, *verbs: str) -> None:
    """Do these verbs, or all."""
    engine = Local(workers)
    if not verbs or "ingest" in verbs:
        ingest(shelf, source, engine, cut=Cut(rows=20))
    if not verbs or "run" in verbs:
        run(shelf, find_recipe("caption-light"), engine, RunOptions(block=10))
    if not verbs or "export" in verbs:
        export(shelf, "train", "", engine, ExportOptions())


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        job(Shelf(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
