"""Corpus decisions together and in buckets, one worker and two: the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from annotators.concepts import Concepts
from annotators.header import Header
from annotators.pixels import Pixels
from filters.balance import Balance
from filters.columns import Columns
from filters.corpus import NOBODY, CorpusFilter, Learned, Lost
from filters.exact import ExactDedup
from filters.neardup import NearDedup
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run import decide
from pipelines.run.decisions import counts_path
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table

TINY = 1e-6


class MostTexts(CorpusFilter, frozen=True):
    """Keeps what has more characters of text than the corpus has on average, once a tenth of it is surveyed."""

    reads: ClassVar = ("text_chars",)
    reasons: ClassVar = ("silent", "brief")

    def survey(self, columns: Columns) -> Learned:
        chars = columns.lists("text_chars").values
        return {"sum": np.array([len(columns.array("key")), chars.sum()], np.int64)}

    def learn(self, surveys: Any) -> Learned:
        return {"sum": np.sum([survey["sum"] for survey in surveys], axis=0)}

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        lists = columns.lists("text_chars")
        chars = np.add.reduceat(np.r_[lists.values, 0], lists.offsets[:-1]) * (np.diff(lists.offsets) > 0)
        count, whole = learned["sum"].tolist()
        rows = np.flatnonzero(chars * count < whole)
        return Lost(rows, np.full(len(rows), NOBODY), chars[rows].astype(float), (chars[rows] > 0).astype(np.int16))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    vocabulary = tmp_path_factory.mktemp("vocabulary") / "words.txt"
    vocabulary.write_text("word\nword word word\n" + "word " * 7 + "\n")
    return Recipe(
        "decided",
        Annotate(Header()),
        Keep(MostTexts()),
        Annotate(Pixels()),
        Annotate(Concepts(str(vocabulary))),
        Keep(ExactDedup()),
        Keep(NearDedup(radius=4)),
        Keep(Balance(per_entry=2)),
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> Path:
    """Sixty pictures with captions of many lengths or none, copies and half-sized copies among them."""
    folder = tmp_path_factory.mktemp("source")
    for n in range(60):
        size = (64, 48) if n % 3 else (128, 96)
        (folder / f"{n:02d}.png").write_bytes(picture(n // 3, size, "PNG"))
        if n % 5:
            (folder / f"{n:02d}.txt").write_text("word " * (n % 7 + 1))
    return folder


@pytest.fixture
def decided(
    source: Path, recipe: Recipe, tmp_path: Path, tree_digest: Callable[..., dict[str, str]]
) -> Callable[..., dict[str, str]]:
    def make(name: str, workers: int, memory_gib: float) -> dict[str, str]:
        shelf = Shelf(str(tmp_path / name))
        ingest(shelf, str(source), Local(1), dataset="made", cut=Cut(rows=7))
        run(shelf, recipe, Local(workers), RunOptions(memory_gib=memory_gib))
        return tree_digest(Path(shelf.root))

    return make


def test_buckets_on_two_workers_decide_what_one_process_decides(decided: Callable[..., dict[str, str]]) -> None:
    together, apart = decided("together", 1, 8.0), decided("apart", 2, TINY)
    assert together == apart
    assert sum(name.startswith("decisions/") for name in together) == 5


@pytest.mark.parametrize("memory_gib", [8.0, TINY])
def test_each_corpus_filter_dropped_something_for_a_reason_of_its_own(
    decided: Callable[..., dict[str, str]], recipe: Recipe, tmp_path: Path, memory_gib: float
) -> None:
    decided("told", 1, memory_gib)
    shelf = Shelf(str(tmp_path / "told"))
    verdicts = [
        row
        for shard in shelf.shards()
        for row in read_table(shelf.fs, shelf.path("verdicts", recipe.id, f"{shard}.parquet")).to_pylist()
    ]
    alone = {"", "silent", "brief", "common_concepts"}
    assert {row["reason"] for row in verdicts} == {*alone, "exact_duplicate", "near_duplicate"}
    assert all((row["witness"] is None) == (row["reason"] in alone) for row in verdicts)
    counts = read_table(
        shelf.fs, counts_path(shelf, recipe.id, shelf.snapshot(), recipe.barriers()[-1], "balance")
    ).to_pydict()
    kept = sum(row["outcome"] == "kept" for row in verdicts)
    dropped = sum(row["reason"] == "common_concepts" for row in verdicts)
    assert counts["entry"][0] == 0 and (counts["before"][0], counts["after"][0]) == (kept + dropped, kept)


def test_nothing_stays_on_scratch_and_what_a_killed_run_left_there_goes(
    decided: Callable[..., dict[str, str]], source: Path, tmp_path: Path
) -> None:
    left = tmp_path / "s" / "scratch" / "20260101T000000-1"
    left.mkdir(parents=True)
    (left / ".held").touch()
    (left / "living.arrow").write_bytes(b"half")
    decided("s", 2, TINY)
    assert not any((tmp_path / "s" / "scratch").iterdir())


def test_many_chunks_are_surveyed_as_one(
    decided: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decided("whole", 1, TINY)
    monkeypatch.setattr(decide, "CHUNK_ROWS", 10)
    assert decided("cut", 1, TINY) == whole


def test_a_second_run_tells_what_the_first_found_and_a_changed_shelf_is_judged_again(
    source: Path, recipe: Recipe, tmp_path: Path, tree_digest: Callable[..., dict[str, str]]
) -> None:
    shelf, ours = Shelf(str(tmp_path / "s")), Recipe("ours", Annotate(Header()), Keep(ExactDedup()))
    ingest(shelf, str(source), Local(1), dataset="made", cut=Cut(rows=20))
    first = {one.name: run(shelf, one, Local(1)) for one in (ours, recipe)}
    before, steps = tree_digest(Path(shelf.root)), list[str]()

    def again(one: Recipe) -> bool:
        steps.clear()

        def shown(what: str, shards: Any, answers: Any) -> Any:
            steps.append(what)
            return answers

        assert run(shelf, one, Local(1), progress=shown) == first[one.name]
        return not steps

    assert again(ours) and not again(recipe), "a filter from outside the rooms is in no stamp"
    verdict = Path(shelf.path("verdicts", ours.id, f"{shelf.shards()[1]}.parquet"))
    verdict.write_bytes(verdict.read_bytes()[:-1])
    assert not again(ours) and tree_digest(Path(shelf.root)) == before
    assert again(ours)
