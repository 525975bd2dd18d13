"""All sides of the loader, for an environment that holds the peers: python -m bench.loader_peers EXPORT."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from glob import glob
from typing import Any

import torch

from bench.duel import PAIRS, require
from trainer.data.given import Given, chosen_of, codec_of, exports_of
from trainer.data.opened import open_stream
from trainer.data.stream import Loading
from trainer.documents import special
from trainer.documents.codec import Codec
from trainer.loop.batches import batches
from trainer.model.checkpoint_out import processor

WORKERS, BATCH, ROW_TOKENS, SHUFFLED = 2, 16, 8_192, 100
WARM, TIMED = 64, 400
STEPS = 1_000_000

Arrivals = Callable[[], Iterator[int]]
"""Opens a loader, and yields the samples of each batch as it comes."""


def given(export: str) -> Given:
    return Given((export,), preset="9b")


def ours(export: str) -> Iterator[int]:
    stream, codec = open_stream(
        given(export), sequence_tokens=ROW_TOKENS, batch=1, steps=STEPS, loading=Loading(workers=WORKERS)
    )
    for step in batches(stream, codec.tokens, ROW_TOKENS):
        for row in step.rows:
            yield len(row.keys)


class Collate:
    """Photographs and captions as transformers' processor makes them: a padded batch."""

    def __init__(self, codec: Codec) -> None:
        self._processor = processor(codec)

    def __call__(self, pictures: Sequence[Any], captions: Sequence[str]) -> dict[str, torch.Tensor]:
        before = "".join((*special.START, special.BEGIN_IMAGE, special.IMAGE, special.END_IMAGE))
        texts = [f"{before}{caption}{special.END}" for caption in captions]
        made = self._processor(images=list(pictures), text=texts, padding=True, return_tensors="pt")
        made["labels"] = made["input_ids"].masked_fill(made["attention_mask"] == 0, -100)
        return dict(made)


def tars(export: str) -> list[str]:
    return sorted(glob(f"{export}/train/**/*.tar", recursive=True))


def read_by_webdataset(export: str, repeats: int = sys.maxsize) -> Any:
    import webdataset as wds

    read = wds.WebDataset(tars(export), shardshuffle=SHUFFLED, seed=0).repeat(repeats)
    return read.shuffle(SHUFFLED).decode("pil").to_tuple("__key__", "jpg", "txt")


def webdataset(export: str, collate: Collate) -> Iterator[int]:
    import webdataset as wds

    batched = read_by_webdataset(export).batched(BATCH, collation_fn=None)
    made = batched.map(lambda samples: collate([one[1] for one in samples], [one[2] for one in samples]))
    for batch in wds.WebLoader(made, batch_size=None, num_workers=WORKERS):
        yield len(batch["input_ids"])


def energon(export: str, collate: Collate) -> Iterator[int]:
    from megatron.energon import DefaultTaskEncoder, SampleDecoder, WorkerConfig, get_savable_loader, get_train_dataset

    class Encoder(DefaultTaskEncoder):  # type: ignore[misc,type-arg]
        decoder = SampleDecoder(image_decode="pil")

        def encode_sample(self, sample: Any) -> Any:
            return sample

        def batch(self, samples: list[Any]) -> Any:
            return collate([one.image for one in samples], [one.caption for one in samples])

        def encode_batch(self, batch: Any) -> Any:
            return batch

    dataset = get_train_dataset(
        export,
        split_part="train",
        worker_config=WorkerConfig(rank=0, world_size=1, num_workers=WORKERS),
        batch_size=BATCH,
        shuffle_buffer_size=SHUFFLED,
        max_samples_per_sequence=SHUFFLED,
        task_encoder=Encoder(),
    )
    for batch in get_savable_loader(dataset):
        yield len(batch["input_ids"])


def compare(export: str, codec: Codec, collate: Collate) -> None:
    """Stop where a sample has other tokens or patches on the peers' side."""
    exports, weights = exports_of(given(export))
    lengths = chosen_of(given(export), codec, exports, weights, ROW_TOKENS)[0].lengths.rows
    counts = {bytes(row["key"]).hex(): (int(row["tokens"]), int(row["patches"])) for row in lengths}
    for key, picture, caption in read_by_webdataset(export, 1):
        made = collate([picture], [caption])
        theirs = made["input_ids"].shape[1], len(made["pixel_values"])
        require(counts[key] == theirs, f"sample {key}: {counts[key]} and {theirs} tokens and patches")


def second_a_sample(arrivals: Arrivals) -> float:
    """Return the seconds that a sample takes, once the loader is under way."""
    coming, seen = arrivals(), 0
    while seen < WARM:
        seen += next(coming)
    begin, seen = time.perf_counter(), 0
    while seen < TIMED:
        seen += next(coming)
    taken_s = (time.perf_counter() - begin) / seen
    del coming
    return taken_s


def main(export: str) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    codec = codec_of(given(export), exports_of(given(export))[0])
    collate = Collate(codec)
    compare(export, codec, collate)
    times_s: dict[str, Any] = {}
    for name, peer in (("webdataset", webdataset), ("Energon", energon)):
        mine, theirs = partial(ours, export), partial(peer, export, collate)
        times_s[name] = [(second_a_sample(mine), second_a_sample(theirs)) for _ in range(PAIRS)]
    print(json.dumps(times_s))


if __name__ == "__main__":
    main(sys.argv[1])
