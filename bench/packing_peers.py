"""Both sides of the packing, for an environment that holds TRL and grain: python -m bench.packing_peers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.duel import interleave
from bench.peers import HERE
from trainer.model.torchvision_ready import torchvision_ready
from trainer.plan.cost import Cost
from trainer.plan.deal import dealt, wait
from trainer.plan.plan import Order, Plan, Row
from trainer.plan.pool import Pool

SAMPLES, BINS, RANKS, SEED = 100_000, 64, 8, 0
BATCHES = (1_536, 32)

Packed = Iterable[NDArray[np.int32]]
"""The tokens of each sequence: a document's are its number, counted from 1."""


class Corpus:
    """Documents by number, in an order that is drawn, their tokens all of the document's own number."""

    def __init__(self, length: int) -> None:
        sys.path.insert(0, os.path.join(HERE, "tests"))
        self.pools: list[Pool] = import_module("trainer_pools").corpus(length, SAMPLES)
        self.length = length
        pool_N = np.concatenate([np.full(len(pool), number) for number, pool in enumerate(self.pools)])
        place_N = np.concatenate([np.arange(len(pool)) for pool in self.pools])
        order_N = np.random.default_rng(SEED).permutation(len(pool_N))
        self.pool_N, self.place_N = pool_N[order_N], place_N[order_N]
        self.tokens_N = np.concatenate([pool.tokens_N for pool in self.pools])[order_N].astype(np.int64)
        self.first_N1 = np.concatenate(([0], np.cumsum(self.tokens_N)))
        self.numbers_T = np.repeat(np.arange(1, len(order_N) + 1, dtype=np.int32), self.tokens_N)

    def ours(self) -> list[Row]:
        """Return the sequences of a plan's windows, as many as hold about all documents."""
        order = Order(SEED, self.length, 1)
        plan, found = Plan(self.pools, order), list[Row]()
        for number in range(SAMPLES // order.window_samples):
            window = plan.window(number)
            for at, (first, end) in enumerate(zip(window.first_S1[:-1], window.first_S1[1:], strict=True)):
                found.append(Row(number, at, window.pool_N[first:end], window.place_N[first:end]))
        return found

    def trl(self) -> Packed:
        """Return what TRL packs."""
        torchvision_ready()
        import pyarrow as pa
        from datasets import Dataset
        from trl import pack_dataset

        lists = pa.LargeListArray.from_arrays(pa.array(self.first_N1), pa.array(self.numbers_T))
        packed = pack_dataset(Dataset(pa.table({"input_ids": lists})), self.length, "bfd").with_format("arrow")[:]
        return (row.values.to_numpy() for row in packed["input_ids"])

    def grain(self) -> Packed:
        """Return what grain packs."""
        import grain
        from grain.experimental import FirstFitPackIterDataset

        spans = zip(self.first_N1[:-1], self.first_N1[1:], strict=True)
        documents = grain.MapDataset.source([{"tokens": self.numbers_T[first:end]} for first, end in spans])
        packing = FirstFitPackIterDataset(
            documents.to_iter_dataset(), length_struct={"tokens": self.length}, num_packing_bins=BINS
        )
        return [row["tokens"] for row in packing]

    def rows_of(self, packed: Packed) -> list[Row]:
        """Return the sequences that a peer packed as a plan's, padding left out."""
        found = list[Row]()
        for tokens_T in packed:
            first_D = np.flatnonzero(np.diff(tokens_T, prepend=0))
            document_D = tokens_T[first_D][tokens_T[first_D] > 0] - 1
            found.append(Row(0, len(found), self.pool_N[document_D], self.place_N[document_D]))
        return found


def told(corpus: Corpus, rows: Sequence[Row], deals: bool) -> str:
    """Say how full the sequences are, and how long ranks wait at a micro-step; a peer's come in its own order."""
    tokens = sum(
        int(pool.tokens_N[row.place_N[row.pool_N == at]].sum()) for at, pool in enumerate(corpus.pools) for row in rows
    )
    costs_S = Cost().of(corpus.pools, rows)
    waits = []
    for batch in BATCHES:
        steps = costs_S[: len(rows) // batch * batch].reshape(-1, batch)
        in_order = np.arange(batch).reshape(-1, RANKS)
        waited = [wait(step, dealt(step, RANKS) if deals else in_order) for step in steps]
        waits.append(f"{np.mean(waited):.3f}")
    return f"{tokens / corpus.length / len(rows):.4f}, {waits[0]}, {waits[1]}"


def main() -> None:
    times_s: dict[str, Any] = {}
    for length in (8_192, 32_768):
        corpus = Corpus(length)
        ours = corpus.ours()
        said = [f"ours {told(corpus, ours, deals=True)}"]
        peers: dict[str, Callable[[], Packed]] = {"TRL": corpus.trl, "grain": corpus.grain}
        for name, peer in peers.items():
            found = list[Packed]()
            pairs = interleave(corpus.ours, lambda peer=peer, found=found: found.append(peer()), pairs=2, warm=False)
            said.append(f"{name} {told(corpus, corpus.rows_of(found[0]), deals=False)}")
            times_s[f"to {length:,}, against {name}'s"] = (pairs, sum(len(row.pool_N) for row in ours), SAMPLES)
        what = f"fill, wait of {RANKS} ranks over {BATCHES[0]:,} rows a step, and over {BATCHES[1]}"
        print(f"- packing to {length:,}: {what}: {'; '.join(said)}")
    print(json.dumps(times_s))


if __name__ == "__main__":
    main()
