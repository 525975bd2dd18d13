"""The shelves that are made, and where they lie."""

from __future__ import annotations

import os
import shutil

from bench.scale.make import Corpus
from bench.scale.real import ROOT

FOLDER = os.path.join(ROOT, "build", "scale")
"""Where they lie unless said otherwise; git ignores it."""

RECIPES = tuple(f"bench.scale.recipe:{name}" for name in ("decided", "texts", "meanings"))
PICTURES = RECIPES[:1]

SHELVES = {
    "0.5M": Corpus(500_000, recipes=RECIPES),
    "5M": Corpus(5_000_000, recipes=RECIPES),
    "50M": Corpus(50_000_000, recipes=PICTURES),
    "5M in pieces": Corpus(5_000_000, piece_rows=1_000, recipes=PICTURES),
    "tiny shards": Corpus(1_000_000, shard_rows=20, recipes=PICTURES),
}
SIZES = ("0.5M", "5M", "50M")


def path_of(folder: str, name: str) -> str:
    """Return where a shelf lies."""
    return os.path.join(folder, name.replace(" ", "-"))


def bytes_of(path: str) -> dict[str, int]:
    """Return the bytes of the files below each folder of a shelf, as they lie on the disk."""
    found: dict[str, int] = {}
    for folder, _, names in os.walk(path):
        top = os.path.relpath(folder, path).partition(os.sep)[0]
        blocks = sum(os.stat(os.path.join(folder, name)).st_blocks for name in names)
        found[top] = found.get(top, 0) + 512 * blocks
    return {name: size for name, size in found.items() if size}


def clean(folder: str) -> None:
    """Remove all that was made."""
    shutil.rmtree(folder, ignore_errors=True)
