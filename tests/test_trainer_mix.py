"""A mix as a trainer takes it: a pool a part, by the mix's weights or by others, and a training of all its kinds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions
from pipelines.export.mix import export_mix
from schemas.errors import BadInput
from trainer.commands.plan import plan
from trainer.commands.train import train
from trainer.data.export_index import Export, Part, Shard
from trainer.data.given import Given, exports_of
from trainer.data.mix import unmixed, weights_of_parts

WEIGHTS = {"captions": 4, "documents": 2, "chat": 1, "texts": 1}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, four_kinds) -> Path:
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("mixed")
    parts = [structs.replace(part, weight=WEIGHTS[part.name]) for part in four_kinds]
    export_mix(parts, "mixed", str(root / "out"), Local(1), ExportOptions(splits={"val": 0.25}))
    return root / "out"


def weights(given: Given) -> dict[str, int]:
    exports, found = exports_of(given)
    return {export.name: weight for export, weight in zip(exports, found, strict=True)}


def test_the_parts_of_a_mix_are_pools_with_its_weights_or_with_others(mixed):
    assert weights(Given((str(mixed),))) == {f"mixed/{name}": weight for name, weight in WEIGHTS.items()}
    again = weights(Given((str(mixed),), mix=("captions=1", "texts=5")))
    assert again == {"mixed/captions": 1, "mixed/documents": 2, "mixed/chat": 1, "mixed/texts": 5}


def test_the_plan_shows_parts_and_kinds(mixed):
    told = CliRunner().invoke(plan, ["--data", str(mixed), "--sequence", "512", "--batch", "2"], catch_exceptions=False)
    rows = [line.split() for line in told.output.splitlines()]
    assert [row[3] for row in rows if row and row[0].startswith("mixed/")] == ["4", "2", "1", "1"]
    assert {"caption", "interleaved", "instruction", "text"} <= {row[0] for row in rows if row}


def test_a_small_pretraining_takes_all_kinds_of_a_mix(mixed, tmp_path):
    small = ["--sequence", "256", "--batch", "4", "--steps", "2", "--picture-tokens", "16"]
    ended = CliRunner().invoke(
        train, ["pretrain", "--data", str(mixed), "--to", str(tmp_path / "run"), *small], catch_exceptions=False
    )
    assert ended.exit_code == 0, ended.output
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    kinds = {kind for line in lines for kind, count in line["targets_by_kind"].items() if count}
    assert {"caption", "interleaved", "instruction", "text"} <= kinds


def export(name: str, samples: int, parts: dict[str, tuple[int, int]]) -> Export:
    shards = [Shard(f"train/jpg/{part}-000000", count) for part, (count, _) in parts.items()]
    mix = tuple(Part(part, weight) for part, (_, weight) in parts.items())
    shards = shards or [Shard(f"train/jpg/{name}-000000", samples)]
    return Export(None, name, name, name, "", "train", tuple(shards), mix)


COUNT = st.integers(1, 50)


@given(
    st.lists(st.lists(st.tuples(COUNT, COUNT), max_size=3), min_size=1, max_size=4),
    st.lists(COUNT, min_size=4, max_size=4),
)
def test_a_mix_beside_others_has_its_weight_and_its_parts_share_it(made, given_weights):
    exports = [export(f"e{n}", 7, {f"p{m}": part for m, part in enumerate(of)}) for n, of in enumerate(made)]
    given_weights = given_weights[: len(exports)]
    found = dict(zip(*(lambda a, b: ([one.name for one in a], b))(*unmixed(exports, given_weights, {})), strict=True))
    whole = sum(found.values())
    for number, (of, weight) in enumerate(zip(made, given_weights, strict=True)):
        mine = {name: got for name, got in found.items() if name == f"e{number}" or name.startswith(f"e{number}/")}
        assert sum(mine.values()) * sum(given_weights) == whole * weight
        for place, (_, part_weight) in enumerate(of):
            assert mine[f"e{number}/p{place}"] * sum(w for _, w in of) == sum(mine.values()) * part_weight


def test_a_mix_without_weights_and_exports_without_any_weigh_as_many_as_their_samples():
    mix, other = export("mix", 0, {"a": (30, 0), "b": (10, 0)}), export("other", 20, {})
    assert unmixed([mix, other], [0, 0], {})[1] == [0, 0, 0]
    assert unmixed([export("mix", 0, {"a": (30, 1), "b": (10, 3)}), other], [0, 0], {})[1] == [1, 3, 2]
    assert unmixed([mix, other], [1, 1], {})[1] == [3, 1, 4]


def test_weights_that_fit_no_part_are_refused():
    mix = export("mix", 0, {"a": (30, 0), "b": (10, 0)})
    with pytest.raises(BadInput, match="no part of a mix is called c"):
        unmixed([mix], [0], {"c": 1})
    with pytest.raises(BadInput, match="b has no weight and other parts have"):
        unmixed([mix], [0], {"a": 1})
    for said in ("a", "a=0", "a=x", "=2"):
        with pytest.raises(BadInput, match="is no weight"):
            weights_of_parts([said])
