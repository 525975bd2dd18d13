"""All sides of going on, for an environment that holds the peers: python -m bench.resume_peers EXPORT."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from itertools import islice
from statistics import median
from typing import Any

import torch

from bench.duel import interleave, pinned, require
from bench.loader_peers import tars
from trainer.data.choose import Chosen
from trainer.data.given import Given, chosen_of, codec_of, exports_of
from trainer.data.opened import stream_of
from trainer.data.stream import Loading
from trainer.data.stream_state import StreamState, read_state, state_json
from trainer.documents.codec import Codec
from trainer.plan.plan import Order

SHARE, ROW_TOKENS, STEPS = 0.9, 1_024, 1_000_000
ORDER = Order(0, ROW_TOKENS, 1)

Opened = tuple[Sequence[Chosen], Codec]


def opened(export: str) -> Opened:
    given = Given((export,), preset="9b")
    exports, weights = exports_of(given)
    codec = codec_of(given, exports)
    return chosen_of(given, codec, exports, weights, ROW_TOKENS), codec


def state_at(share: float, of: Opened) -> bytes:
    """Return the state at this share of the first epoch."""
    chosen, codec = of
    stream, left = stream_of(chosen, codec, ORDER, Loading(), steps=STEPS, state=None), share * len(chosen[0].pool)
    position = stream.plan.at(0)
    while left > 0:
        left -= sum(len(row.pool_N) for row in stream.plan.rows(position))
        position = stream.plan.after(position)
    state = stream.state
    return state_json(StreamState(state.format, position, state.plan, state.order, state.pools))


def ours(of: Opened, state: bytes) -> tuple[str, ...]:
    stream = stream_of(*of, ORDER, Loading(), steps=STEPS, state=read_state(state))
    return tuple(document.key for document in next(iter(stream)).documents)


def read(export: str) -> Any:
    import webdataset as wds

    return wds.WebDataset(tars(export), shardshuffle=False, empty_check=False)


def by_skipping(export: str, skipped: int) -> str:
    import webdataset as wds

    return str(next(iter(wds.DataPipeline(read(export), wds.slice(skipped, None), wds.decode("pil"))))["__key__"])


def _torchdata(export: str) -> Any:
    from torchdata.stateful_dataloader import StatefulDataLoader

    return StatefulDataLoader(read(export), batch_size=None, num_workers=0)


def torchdata_state(export: str, skipped: int) -> Any:
    loader = _torchdata(export)
    for _ in islice(loader, skipped):
        pass
    return loader.state_dict()


def by_torchdata(export: str, state: Any) -> str:
    loader = _torchdata(export)
    loader.load_state_dict(state)
    return str(next(iter(loader))["__key__"])


def _datasets(export: str) -> Any:
    from datasets import Image, load_dataset

    read = load_dataset("webdataset", data_files={"train": tars(export)}, split="train", streaming=True)
    return read.cast_column("jpg", Image(decode=False))


def datasets_state(export: str, skipped: int) -> tuple[Any, Any]:
    dataset = _datasets(export)
    for _ in islice(dataset, skipped):
        pass
    return dataset, dataset.state_dict()


def by_datasets(dataset: Any, state: Any) -> str:
    dataset.load_state_dict(state)
    return str(next(iter(dataset))["__key__"])


def main(export: str) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    of = opened(export)
    skipped, state = int(SHARE * len(of[0][0].pool)), state_at(SHARE, of)
    begin = time.process_time()
    first = ours(of, state)
    cold_s = time.process_time() - begin
    of_torchdata, (dataset, of_datasets) = torchdata_state(export, skipped), datasets_state(export, skipped)
    peers: dict[str, Callable[[], str]] = {
        "webdataset, which skips": lambda: by_skipping(export, skipped),
        "torchdata over webdataset": lambda: by_torchdata(export, of_torchdata),
        "datasets": lambda: by_datasets(dataset, of_datasets),
    }
    require(len({peer() for peer in peers.values()}) == 1, "the peers go on elsewhere")
    require(ours(of, state) == first, "ours goes on elsewhere")
    times_s = {name: interleave(lambda: ours(of, state), peer) for name, peer in peers.items()}
    with pinned(1):
        opening_s = [_seconds(lambda: opened(export)) for _ in range(3)]
    warm_s = median(mine for pairs in times_s.values() for mine, _ in pairs)
    print(
        f"- going on at sample {skipped:,}: {warm_s * 1e3:.0f} ms to the first row ({cold_s * 1e3:.0f} ms the first"
        f" time in a process), {len(first)} samples; beside it, opening the export {median(opening_s) * 1e3:.0f} ms"
    )
    for name, pairs in times_s.items():
        print(f"- going on at sample {skipped:,}: {median(peer for _, peer in pairs) * 1e3:.0f} ms, {name}")
    print(json.dumps(times_s))


def _seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


if __name__ == "__main__":
    main(sys.argv[1])
