"""MinHash against Daft's and rensa's: signatures, and the near-copies that are found with them, on one processor.

112 permutations of runs of five words, and 28 bands of four where near-copies agree in 0.8 of the places. Ours signs
batches of 1,024 as the annotator does, case folded, and decides as `TextNearDedup` does, which names a witness for each
text that goes. Daft evens its texts out itself; bands and who shares one are Daft's too, the comparison is numpy's.
rensa takes runs of words, cut here by the same rules, and finds near-copies by its own deduplicator. Recall and
precision are those of signatures over all pairs that are near or might be, against exact Jaccard similarity.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.duel import Row, row
from bench.peers import TEXTS, fought

GOALS = {"Daft": 1.5, "rensa": 1.5}
BOUND = "a multiplication a run and place"


def rows(folder: str) -> Iterator[Row]:
    del folder
    for name, (times_s, count) in fought(TEXTS, "bench.minhash_peers").items():
        goal = next(goal for peer, goal in GOALS.items() if peer in name)
        yield row(f"MinHash: {name}", [tuple(pair) for pair in times_s], count, goal, BOUND)
