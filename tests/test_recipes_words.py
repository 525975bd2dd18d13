"""The recipes of what is said, on real samples: every engine makes the same bytes, and the trainer reads them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.engines.engine import Engine
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.ingest.source import Options
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from trainer.data.choose import choose
from trainer.data.export_index import open_export
from trainer.data.lengths import count_lengths
from trainer.data.stream import Stream
from trainer.documents.codec import Codec
from trainer.documents.encoding import encoding_of
from trainer.documents.picture import PictureRule
from trainer.documents.tokens import train_tokens
from trainer.plan.plan import Order

SHARES = {"shares": "mathematics=0.25,*=0.75", "languages": "en,zh"}
RECIPES: dict[str, dict[str, str]] = {"instructions": SHARES, "text": {}}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Tables with choices, word problems, pictures with talk, and book chapters, with copies planted."""
    folder = tmp_path_factory.mktemp("source")
    problems = json.loads((data / "instruct/tabmwp/problems_dev1k.json").read_text())
    several = [key for key, one in problems.items() if len(one["choices"] or ()) > 2]
    some = {key: problems[key] for key in [*several, *problems][:20]}
    some["copy"] = some[several[0]]
    (folder / "tables").mkdir()
    for key in some:
        name = several[0] if key == "copy" else key
        shutil.copy(data / "instruct/tabmwp/tables" / f"{name}.png", folder / "tables" / f"{key}.png")
    (folder / "tables.json").write_text(json.dumps(some))
    lines = (data / "instruct/gsm8k/train.jsonl").read_text().splitlines()[:30]
    loop = {"question": "Say it.", "answer": "it goes on and on and on and on again and " * 30}
    (folder / "words.jsonl").write_text("\n".join([*lines, lines[3], json.dumps(loop)]))
    shutil.copytree(data / "instruct/llama_factory_demo/mllm_demo_data", folder / "mllm_demo_data")
    shutil.copy(data / "instruct/llama_factory_demo/mllm_demo.json", folder)
    (folder / "books").mkdir()
    for place, path in enumerate(sorted(data.glob("interleaved/openstax_*/modules/*/index.cnxml"))[::3]):
        shutil.copy(path, folder / "books" / f"{place:02d}.cnxml")
    shutil.copy(folder / "books" / "00.cnxml", folder / "books" / "copy.cnxml")
    (folder / "books" / "menu.txt").write_text("Home\nAbout us\nContact\n" * 40)
    return folder


def brought(folder: Path, source: Path, engine: Engine) -> Shelf:
    """Bring all to a shelf, and make fill-ins: each door once with the engine."""
    shelf, cut = Shelf(str(folder / "shelf")), Cut(rows=25)
    ingest(shelf, str(source / "tables.json"), Local(1), Options(image_pattern="tables/{id}.png"), cut=cut)
    ingest(shelf, str(source / "words.jsonl"), Local(1), cut=cut)
    ingest(shelf, str(source / "mllm_demo.json"), engine, cut=cut)
    ingest(shelf, str(source / "books"), engine, kind="texts", cut=cut)
    ingest(shelf, shelf.url, engine, kind="fill-in", dataset="fill-ins", cut=cut)
    return shelf


def decided(shelf: Shelf, engine: Engine) -> dict[str, dict[str, int]]:
    """Run both recipes and return the counts of each."""
    return {name: run(shelf, find_recipe(name, values), engine) for name, values in RECIPES.items()}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, source: Path) -> tuple[Path, dict[str, dict[str, int]]]:
    """A folder with a shelf on which both recipes were run, and what they kept exported."""
    folder = tmp_path_factory.mktemp("local")
    return folder, whole_way(folder, source, Local(1))


def whole_way(folder: Path, source: Path, engine: Engine) -> dict[str, dict[str, int]]:
    """Go from door to door with an engine and return the counts of each recipe."""
    shelf = brought(folder, source, engine)
    counts = decided(shelf, engine)
    for name in RECIPES:
        export(shelf, name, str(folder / name), engine, ExportOptions(recipe=name))
    return counts


def engines() -> dict[str, Callable[[], Engine]]:
    def beam() -> Engine:
        pytest.importorskip("apache_beam")
        from pipelines.engines.on_beam import Beam

        return Beam()

    def ray() -> Engine:
        pytest.importorskip("ray")
        from pipelines.engines.on_ray import Ray

        return Ray(2)

    return {"beam": beam, "ray": ray}


@pytest.mark.parametrize("name", [*engines()])
def test_every_engine_makes_the_same_bytes(
    name: str, here: Any, source: Path, tmp_path: Path, tree_digest: Any
) -> None:
    folder, counts = here
    assert whole_way(tmp_path, source, engines()[name]()) == counts
    made, wanted = (tree_digest(one, ("shelf/runs/", "shelf/sources/fill-ins")) for one in (tmp_path, folder))
    assert made == wanted and any(one.startswith("instructions/train/") for one in made)


def test_what_goes_has_its_reason(here: Any, story: Callable[..., Any]) -> None:
    shelf = Shelf(str(here[0] / "shelf"))
    said = {name: reason for name, (_, _, reason) in story(shelf, "text").items()}
    assert said["menu.txt"] == "too_few_stop_words" and "near_duplicate_text" in (said["copy.cnxml"], said["00.cnxml"])
    assert said["record-000000001"] in ("too_few_words", "has_media") and Counter(said.values())[""] > 5
    rows = [row for shard in shelf.shards() for row in shelf.catalog(shard, ["name", "failed", "parent"]).to_pylist()]
    children = [row for row in rows if row["name"].endswith("#fill-in")]
    assert {"", "still_a_choice"} <= {row["failed"] for row in children} and all(row["parent"] for row in children)


def test_in_the_instructions_loops_and_copies_go_and_shares_are_met(
    here: Any,
) -> None:
    import pyarrow.parquet as pq

    shelf, recipe = Shelf(str(here[0] / "shelf")), find_recipe("instructions", SHARES)
    told: dict[str, tuple[str, str]] = {}
    for shard in shelf.shards():
        verdicts = pq.read_table(shelf.path("verdicts", recipe.id, f"{shard}.parquet")).to_pydict()
        names = shelf.catalog(shard, ["name"])["name"].to_pylist()
        told.update(zip(names, zip(verdicts["outcome"], verdicts["reason"], strict=True), strict=True))
    assert told["record-000000032"] == ("dropped", "repeats_itself")
    assert [told[name][1] for name in ("record-000000004", "record-000000031")].count("near_duplicate_text") == 1
    assert told["00.cnxml"] == ("dropped", "no_answer")
    notes = [pq.read_table(path).to_pydict() for path in sorted(shelf_notes(shelf, recipe.ids))]
    assert {category for one in notes for category in one["category"]} >= {"mathematics", "table"}
    reasons = Counter(reason for _, reason in told.values())
    assert reasons["over_share"] > 5 and reasons["near_duplicate_text"] >= 2


def shelf_notes(shelf: Shelf, ids: dict[int, str]) -> list[Path]:
    (taxonomist,) = [one for one in ids.values() if one.startswith("taxonomist@")]
    return list(Path(shelf.path("notes", taxonomist)).glob("*.parquet"))


def test_the_trainers_stream_reads_both_kinds(here: Any) -> None:
    encoding = encoding_of(Codec("4.1v", train_tokens(["How many apples? Seven."], 300), PictureRule(most_tokens=60)))
    kinds = Counter[str]()
    for name in ("instructions", "text"):
        chosen = choose(count_lengths(open_export(str(here[0] / name)), encoding), 400_000, weight=1, name=name)
        rows = list(Stream([chosen], encoding, Order(3, 400_000, 2, 64), steps=2))
        kinds.update((name, document.kind) for row in rows for document in row.documents)
    assert {*kinds} == {
        ("instructions", "instruction"),
        ("instructions", "cot"),
        ("text", "text"),
        ("text", "instruction"),
    }, "a dialogue without pictures whose answers are long is text too"


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"shares": "chart"}, "'chart' is no share"),
        ({"shares": "chart=0.5"}, "add up to 1"),
        ({"total": "5"}, "no shares"),
        ({"model": "m"}, "a model is asked at a url"),
        ({"taxonomy": "nowhere.json"}, "nowhere.json"),
    ],
)
def test_values_that_cannot_be_used_are_refused(values: dict[str, str], what: str) -> None:
    with pytest.raises(BadInput, match=what):
        _ = find_recipe("instructions", values).id
