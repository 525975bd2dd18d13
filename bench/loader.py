"""The loader against webdataset and Energon with transformers' processor: shards to batches that a model takes.

An export of COCO photographs with a caption each, 160 kB a photograph, read by two worker processes on both sides: ours
to rows of 8,192 tokens, packed, the peers to padded batches of 16. Pictures keep their size, up to 6,144 tokens. Rates
are over samples after the first 64, so nobody's start-up is in them; the tokens of both sides are compared before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

from bench.duel import Row, row
from bench.peers import LOADERS, fought
from bench.photographs import marked, photographs
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf

SAMPLES, SHARD_ROWS, GOAL = 560, 70, 1.3
BOUND = "decoding and resizing, and the pages that patches are written to"


def rows(folder: str) -> Iterator[Row]:
    exported = made_export(folder, SAMPLES, SHARD_ROWS, photographs())
    for name, times_s in fought(LOADERS, "bench.loader_peers", exported).items():
        yield row(f"loader against {name}", [tuple(pair) for pair in times_s], 1, GOAL, BOUND)


def made_export(folder: str, samples: int, shard_rows: int, pictures: Sequence[bytes]) -> str:
    """Write an export of photographs, no two of them the same file, and return its folder."""
    source = os.path.join(folder, "source")
    os.makedirs(source)
    with open(os.path.join(source, "list.jsonl"), "w", encoding="utf-8") as listing:
        for number, photograph in enumerate(islice(cycle(pictures), samples)):
            name = f"{number:06d}.jpg"
            with open(os.path.join(source, name), "wb") as file:
                file.write(marked(photograph, number))
            listing.write(json.dumps({"image": name, "caption": f"Photograph {number} of what a street shows."}) + "\n")
    shelf = Shelf(os.path.join(folder, "shelf"))
    ingest(shelf, os.path.join(source, "list.jsonl"), Local(1), cut=Cut(rows=shard_rows))
    run(shelf, find_recipe("headers-only"), Local(1))
    to = os.path.join(folder, "export")
    export(shelf, "photographs", to, Local(1), ExportOptions(rows=shard_rows, energon=True))
    return to
