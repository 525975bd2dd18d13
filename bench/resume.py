"""Going on at 90 % of an epoch: from a state to the first row, against skipping and against loaders that hold a state.

10,000 small photographs in ten shards. Ours begins with an export that is open, its lengths read, and ends with a row
of 1,024 tokens, some forty samples; opening, which a run does whether it goes on or begins, is told beside. The peers
end with one sample. webdataset skips undecoded samples, datasets goes to its shard and skips there, torchdata's loader
takes what its dataset yields until it is where it was. Rates are times a second.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.duel import Row, row
from bench.loader import made_export
from bench.peers import LOADERS, fought
from bench.photographs import photographs, resaved

SAMPLES, SHARD_ROWS, WIDTH_PX = 10_000, 1_000, 96
GOALS = {"webdataset, which skips": 20.0, "torchdata over webdataset": 20.0, "datasets": 1.0}
BOUND = "packing one window, then decoding the row"


def rows(folder: str) -> Iterator[Row]:
    exported = made_export(folder, SAMPLES, SHARD_ROWS, [resaved(one, WIDTH_PX) for one in photographs()])
    for name, times_s in fought(LOADERS, "bench.resume_peers", exported).items():
        yield row(f"going on at 90 %: {name}", [tuple(pair) for pair in times_s], 1, GOALS[name], BOUND)
