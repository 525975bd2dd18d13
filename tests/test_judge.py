"""The walk that judges a shard: texts that went stay gone, and each outcome has its step and its reason."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from itertools import permutations, product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from annotators.header import Header
from annotators.language import Language
from filters.corpus import CorpusFilter
from filters.filter import ColumnFilter, Filter, Judgement
from filters.image import MinSide
from filters.scores import AtLeast
from filters.text import CaptionLength, CleanText, InLanguage, NotBoilerplate
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.facts import Facts
from pipelines.run.judge import DROPPED, FAILED, KEPT, UNKNOWN, Judged, Losses, judge
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table
from schemas.errors import Unavailable

TEXT_FILTERS: tuple[ColumnFilter, ...] = (CaptionLength(least=5, most=20), CleanText(), NotBoilerplate())
POOL = ("a red boat", "ab", "IMG_0001.jpg", "bad\0text", "a caption that is far too long", "\0")
MakeShelf = Callable[..., Shelf]


@pytest.fixture(scope="session")
def shelf_of(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> MakeShelf:
    """Ingest one picture for each list of captions; None stands for a picture that is not there."""

    def make(captions: list[list[str] | None]) -> Shelf:
        folder = tmp_path_factory.mktemp("captions")
        lines = []
        for n, texts in enumerate(captions):
            if texts is not None:
                (folder / f"{n}.jpg").write_bytes(picture(n))
            lines.append(json.dumps({"id": f"{n:04d}", "image": f"{n}.jpg", "captions": texts or []}))
        (folder / "rows.jsonl").write_text("\n".join(lines))
        shelf = Shelf(str(folder / "shelf"))
        ingest(shelf, str(folder / "rows.jsonl"), Local(1), dataset="made", max_failed=1.0)
        return shelf

    return make


def walk(shelf: Shelf, *steps: Annotate | Keep, decisions: dict[int, Losses] | None = None) -> Judged:
    recipe = Recipe("tried", *steps)
    facts = Facts(shelf, recipe, "000000", recipe.asked)
    return judge(recipe, facts, decisions or {}, np.arange(facts.count), len(steps))


def why(judged: Judged) -> list[str]:
    return [judged.why(at) for at in range(len(judged.rows))]


def verdicts(shelf: Shelf, recipe: Recipe) -> list[tuple[str, str, str, list[int]]]:
    run(shelf, recipe, Local(1))
    table = read_table(shelf.fs, shelf.path("verdicts", recipe.id, "000000.parquet"))
    return list(
        zip(*(table[name].to_pylist() for name in ("outcome", "decided_by", "reason", "left_out")), strict=True)
    )


def test_a_text_that_an_earlier_filter_left_out_cannot_save_a_sample_later(shelf_of: MakeShelf) -> None:
    shelf = shelf_of([["ab", "IMG_0001.jpg"], ["ab", "IMG_0001.jpg", "a red boat"]])
    assert NotBoilerplate().judge({"text": ["ab", "IMG_0001.jpg"], "text_parts": [1, 2]}).keep
    found = verdicts(shelf, Recipe("two", Keep(CaptionLength()), Keep(NotBoilerplate())))
    assert found == [
        ("dropped", "not_boilerplate", "boilerplate", [1]),
        ("kept", "kept", "", [1, 2]),
    ]


def one_by_one(filters: tuple[ColumnFilter, ...], texts: list[str]) -> tuple[int, int, str, tuple[int, ...]]:
    """Judge one sample with the texts that are left, filter after filter."""
    left = dict(enumerate(texts, start=1))
    for step, judging in enumerate(filters):
        chars = [len(text) for text in left.values()]
        notes = {"text": list(left.values()), "text_chars": chars, "text_parts": list(left)}
        verdict = judging.judge({name: notes[name] for name in judging.reads})
        if not verdict.keep:
            return DROPPED, step, verdict.reason, tuple(sorted({*range(1, len(texts) + 1)} - {*left}))
        left = {place: text for place, text in left.items() if place not in verdict.left_out}
    return KEPT, len(filters), "", tuple(sorted({*range(1, len(texts) + 1)} - {*left}))


def test_a_walk_over_a_shard_is_a_walk_over_each_sample(shelf_of: MakeShelf) -> None:
    captions = [list(texts) for length in range(3) for texts in product(POOL, repeat=length)]
    shelf = shelf_of(captions)
    for filters in permutations(TEXT_FILTERS):
        judged = walk(shelf, *(Keep(judging) for judging in filters))
        left_out = [judged.left_out.get(row, ()) for row in range(len(captions))]
        found = list(zip(judged.outcome.tolist(), judged.step.tolist(), why(judged), left_out, strict=True))
        assert found == [one_by_one(filters, texts) for texts in captions]
        assert {KEPT, DROPPED} == set(judged.outcome.tolist())


def test_notes_on_texts_stand_by_their_texts_when_some_are_left_out(shelf_of: MakeShelf) -> None:
    german = "Der Hund läuft am frühen Morgen mit seinem Ball über die Wiese hinter dem Haus"
    english = "The dog runs across the meadow behind the house early in the morning with its ball"
    shelf = shelf_of([["ab", german], ["ab", german, english], [english, "ab", german]])
    recipe = Recipe("spoken", Keep(CaptionLength()), Annotate(Language()), Keep(InLanguage(("en",), 0.9)))
    assert verdicts(shelf, recipe) == [
        ("dropped", "in_language", "other_language", [1]),
        ("kept", "kept", "", [1, 2]),
        ("kept", "kept", "", [2, 3]),
    ]


OWN = """
from typing import ClassVar
from annotators.annotator import Annotator, Subject
from schemas.note import Noted
from schemas.vocabulary import Name

class TextArea(Annotator, frozen=True):
    writes: ClassVar = (Name("text_area", "float64", "", "share of the picture that is text", 0, 1),)

    def look(self, subject: Subject) -> Noted:
        return Noted({"text_area": 0.25 * len(subject.sample.texts)})

class Halved(Annotator, frozen=True):
    reads: ClassVar = ("text_area", "width_px", "text", "key")
    writes: ClassVar = (Name("halved", "float64", "", "half the area", 0, 1), Name("read", "string", "", "types"))

    def look(self, subject: Subject) -> Noted:
        kinds = ",".join(type(subject.notes[name]).__name__ for name in self.reads)
        return Noted({"halved": subject.notes["text_area"] / 2, "read": kinds})
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Annotators in a module outside the rooms, which a child can import too."""
    name = f"own_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module(name)
    del sys.modules[name]


def test_a_note_of_one_number_is_judged_beside_texts_that_are_left_out(shelf_of: MakeShelf, own: Any) -> None:
    shelf = shelf_of([["ab", "a red boat"], ["a red boat"]])
    recipe = Recipe("area", Keep(CaptionLength()), Annotate(own.TextArea()), Keep(AtLeast("text_area", 0.5)))
    assert verdicts(shelf, recipe) == [
        ("kept", "kept", "", [1]),
        ("dropped", "at_least(text_area)", "score_too_low", []),
    ]


def test_an_annotator_reads_notes_and_facts_as_plain_values(shelf_of: MakeShelf, own: Any) -> None:
    shelf = shelf_of([["a red boat", "ab"], ["a red boat"]])
    recipe = Recipe(
        "reads", Annotate(Header()), Annotate(own.TextArea()), Annotate(own.Halved()), Keep(AtLeast("halved", 0.25))
    )
    assert [found[0] for found in verdicts(shelf, recipe)] == ["kept", "dropped"]
    [piece] = Path(shelf.path("notes", recipe.ids[2])).glob("*.parquet")
    assert read_table(shelf.fs, str(piece))["read"].to_pylist() == ["float,int,list,bytes"] * 2


def test_a_row_that_no_annotator_has_looked_at_stays_unknown(shelf_of: MakeShelf) -> None:
    shelf = shelf_of([["a red boat"], ["ab"], None])
    judged = walk(shelf, Keep(CaptionLength()), Annotate(Header()), Keep(MinSide(px=1)))
    assert judged.outcome.tolist() == [UNKNOWN, DROPPED, FAILED]
    assert judged.step.tolist() == [1, 0, 0] and why(judged) == ["", "caption_too_short", "file_missing"]
    assert judged.unknown_at(1) == [0] and judged.unknown_at(2) == [] and judged.living().tolist() == []


class Copies(CorpusFilter, frozen=True):
    reads: ClassVar = ("digest",)
    reasons: ClassVar = ("exact_duplicate",)


def test_what_was_decided_ends_only_what_still_lives(shelf_of: MakeShelf) -> None:
    shelf = shelf_of([["a red boat"], ["a red boat"], ["ab"]])
    lost = Losses(
        np.array([1, 2]),
        Copies.reasons,
        np.zeros(2, np.int16),
        np.zeros(2),
        np.array([b"w" * 16] * 2, "S16"),
        np.ones(2, np.bool_),
    )
    judged = walk(shelf, Keep(CaptionLength()), Keep(Copies()), decisions={1: lost})
    assert judged.outcome.tolist() == [KEPT, DROPPED, DROPPED] and judged.living().tolist() == [0]
    assert why(judged) == ["", "exact_duplicate", "caption_too_short"]
    assert judged.step.tolist() == [2, 1, 0] and judged.has_witness.tolist() == [False, True, False]
    assert judged.witness[1] == b"w" * 16


class Fragile(Filter, frozen=True):
    reads: ClassVar = ("size_bytes",)
    reasons: ClassVar = ("no",)

    def judge_columns(self, columns: Any) -> Judgement:
        raise ZeroDivisionError("on purpose")


def test_a_filter_that_raises_stops_the_run_and_is_named(shelf_of: MakeShelf) -> None:
    with pytest.raises(Unavailable, match="filter fragile, shard 000000: ZeroDivisionError: on purpose"):
        walk(shelf_of([["a red boat"]]), Keep(Fragile()))
