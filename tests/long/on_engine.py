"""A job on an engine, by the command line's own verbs in one process: ingest, run, export.

`python -c "import on_engine; on_engine.do()" SHELF SOURCE [OPTION OF THE ENGINE ...]` does it, and prints each verb as
it begins. The source is photographs cut into tiles, with a caption each, exact copies and pictures that cannot be read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from pipelines.cli import main
from pipelines.demos.captions import PHOTOGRAPHS
from pipelines.ingest.photographs import photographs_folder

TILES = 2
AGAIN = ("coffee-1", "rocket-3", "chelsea-2")
PICTURES = len(PHOTOGRAPHS) * TILES * TILES + len(AGAIN)
STORE_BYTES = 80 << 20
SHARD_ROWS = 6
VERBS = {
    "ingest": ["--shard-rows", str(SHARD_ROWS)],
    "run": ["caption-light"],
    "export": ["train", "--shard-rows", str(SHARD_ROWS)],
}


class Large(Struct, frozen=True):
    """Work whose answers have so many bytes."""

    size_bytes: int

    @contextmanager
    def open(self) -> Iterator[Callable[[str], bytes]]:
        yield lambda shard: bytes(self.size_bytes)


def make(folder: Path) -> None:
    """Write the source."""
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
    for name in AGAIN:
        (folder / f"{name}-again.jpg").write_bytes((folder / f"{name}.jpg").read_bytes())
        (folder / f"{name}-again.txt").write_text("The same tile again, under another name.")


def do() -> None:
    """Do every verb; the command line ends the process where one stops."""
    shelf, source, *options = sys.argv[1:]
    for verb, own in VERBS.items():
        print(f"# {verb}", flush=True)
        main([verb, *([source] if verb == "ingest" else []), *own, "--shelf", shelf, *options])


def fill_the_store() -> None:
    """Ask Ray for an answer that its object store has no room for, nor its disk; end as the command line does."""
    import ray

    from pipelines.engines.on_ray import Ray
    from schemas.errors import OstrakaError

    full = {"local_fs_capacity_threshold": 0.0001}
    small = {"object_store_memory": STORE_BYTES, "include_dashboard": False, "_system_config": full}
    ray.init(address="local", num_cpus=1, log_to_driver=False, logging_level="ERROR", **small)
    try:
        list(Ray(1).map(Large(2 * STORE_BYTES), ["000000"]))
    except OstrakaError as error:
        sys.exit(f"ostraka: {error}")
