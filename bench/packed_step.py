"""A training step on packed rows against HF Trainer and TRL's SFTTrainer, which pad: one tiny Glm4v, same documents.

144 documents of 0 to 2 pictures and words of lognormal length fill three rows of 8,192 tokens of ours to 94 %, less
than the plan does; theirs come 4 or 16 a batch, one step of AdamW over all of them on either side. TRL refuses to pack
where there are pictures. Both sides run in one process of an environment that holds TRL, on one processor, and lay or
pad their documents inside the step. The rate is of tokens that a document holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.duel import Row, row
from bench.peers import TRL, fought

GOALS = {"HF Trainer, batches of 4": 1.6, "HF Trainer, batches of 16": 2.5}
GOALS |= {"TRL SFTTrainer, batches of 4": 1.6, "TRL SFTTrainer, batches of 16": 2.5}
BOUND = "the products of matrices, and attention one document at a time"


def rows(folder: str) -> Iterator[Row]:
    found = fought(TRL, "bench.padded_step", folder)
    for name, times_s in found["times_s"].items():
        yield row(f"packed step against {name}", [tuple(pair) for pair in times_s], found["tokens"], GOALS[name], BOUND)
