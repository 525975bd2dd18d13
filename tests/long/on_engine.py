"""A job on an engine, by the command line's own verbs in one process: ingest, run, export.

`python -c "import on_engine; on_engine.do()" SHELF SOURCE [OPTION OF THE ENGINE ...]` does it, and prints each verb as
it begins. The source is photographs cut into tiles, with a caption each, exact copies and pictures that cannot be read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipelines.cli import main
from pipelines.demo import PHOTOGRAPHS, photographs_folder

TILES = 2
SHARD_ROWS = 6
VERBS = {
    "ingest": ["--shard-rows", str(SHARD_ROWS)],
    "run": ["caption-light"],
    "export": ["train", "--shard-rows", str(SHARD_ROWS)],
}


def make(folder: Path) -> int:
    """Write the source and return how many pictures it has."""
    from PIL import Image

    folder.mkdir(parents=True)
    written = 0
    for name, (caption, _) in sorted(PHOTOGRAPHS.items()):
        photograph = Image.open(Path(photographs_folder(), name)).convert("RGB")
        photograph.thumbnail((720, 720))
        wide, high = photograph.width // TILES, photograph.height // TILES
        for place in range(TILES * TILES):
            left, top = place % TILES * wide, place // TILES * high
            tile = folder / f"{name.rpartition('.')[0]}-{place}.jpg"
            photograph.crop((left, top, left + wide, top + high)).save(tile, quality=90)
            tile.with_suffix(".txt").write_text(f"{caption[:-1]}, tile {place + 1} of {TILES * TILES}.")
            if written % 12 == 7:
                tile.write_bytes(tile.read_bytes()[:900])
            written += 1
    for name in ("coffee-1", "rocket-3", "chelsea-2"):
        (folder / f"{name}-again.jpg").write_bytes((folder / f"{name}.jpg").read_bytes())
        (folder / f"{name}-again.txt").write_text("The same tile again, under another name.")
    return written + 3


def do() -> None:
    """Do every verb; the command line ends the process where one stops."""
    shelf, source, *options = sys.argv[1:]
    for verb, own in VERBS.items():
        print(f"# {verb}", flush=True)
        main([verb, *([source] if verb == "ingest" else []), *own, "--shelf", shelf, *options])
