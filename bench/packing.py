"""Packing 100,000 lengths against TRL's best fit and grain's first fit: pace, fill, and how long ranks wait.

Lengths are those of a multimodal corpus, with a mean of some 1,000 tokens at 8,192 and of some 3,000 at 32,768. Ours is
a plan's windows, drawn and packed: it says where documents will lie and moves none. TRL packs each 1,000 documents, as
it does by default, grain into 64 bins, which its trainers use; both move the tokens while they pack.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.duel import Row, row
from bench.peers import TRL, fought

BOUND = "drawing the windows, and memory's latency"


def rows(folder: str) -> Iterator[Row]:
    found = fought(TRL, "bench.packing_peers")
    for name, (times_s, ours, peers) in found.items():
        yield row(f"packing {name}", [tuple(pair) for pair in times_s], ours, 1.0, BOUND, peers)
