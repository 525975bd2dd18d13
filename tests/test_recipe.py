"""Recipes: what names their outputs, what they refuse, and recipes of one's own."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from PIL import Image

from annotators.annotator import Annotator
from annotators.header import Header
from annotators.pixels import Pixels
from annotators.small_clip import train_small_clip
from filters.image import MinSide, NotSolid
from filters.neardup import NearDedup
from filters.scores import Above, AtLeast
from filters.text import InLanguage
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.recipes.built_in import RECIPES, find_recipe
from pipelines.recipes.recipe import Annotate, Keep, Recipe, Spec
from pipelines.recipes.value import annotator_id, value_of
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table
from schemas.benchmark import Item, to_lines
from schemas.errors import BadInput
from schemas.vocabulary import Name


class Scores(Annotator, frozen=True):
    scale: float = 1.0
    files: tuple[str, ...] = ()
    writes: ClassVar = (Name("score", "float64", "", "a score"),)

    def weights(self) -> tuple[str, ...]:
        return self.files


class Raised(Scores, frozen=True):
    version: ClassVar = 2


class Reads(Annotator, frozen=True):
    reads: ClassVar = ("score", "size_bytes")
    writes: ClassVar = (Name("other", "float64", "", "another"),)


class MadeWith(Annotator, frozen=True):
    made_with: ClassVar = ("pillow",)


class MadeWithNothing(Annotator, frozen=True):
    made_with: ClassVar = ("surely-not-installed",)


def fingerprint(annotator: Annotator, *reads: str) -> str:
    return annotator_id(annotator, reads).partition("@")[2]


def scored(annotator: Annotator, threshold: float) -> Recipe:
    return Recipe("r", Annotate(annotator), Annotate(Reads()), Keep(Above("score", threshold)))


def test_equal_values_are_one_recipe() -> None:
    assert fingerprint(Pixels(most_mpx=200)) == fingerprint(Pixels(most_mpx=200.0))
    assert value_of(InLanguage(["en"])) == value_of(InLanguage(("en",)))  # type: ignore[arg-type]
    one, other = scored(Scores(scale=1), 1), scored(Scores(), 1.0)
    assert (one.id, one.json(), one.ids) == (other.id, other.json(), other.ids)


def test_whatever_changes_what_is_written_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    prints = [
        fingerprint(Scores()),
        fingerprint(Scores(scale=2)),
        fingerprint(Scores(files=("ab", "c"))),
        fingerprint(Scores(files=("a", "bc"))),
        fingerprint(Scores(), "header@1"),
        fingerprint(Scores(), "header@2"),
        fingerprint(MadeWith()),
    ]
    monkeypatch.setattr(Scores, "version", 2)
    prints.append(fingerprint(Scores()))
    monkeypatch.setattr(metadata, "version", lambda package: "0.0.1")
    prints.append(fingerprint(MadeWith()))
    assert len(set(prints)) == len(prints)


def test_a_threshold_names_other_verdicts_and_the_same_notes() -> None:
    one, other = scored(Scores(), 0.3), scored(Scores(), 0.31)
    assert one.id != other.id and one.ids == other.ids


def test_an_annotator_is_named_by_those_whose_notes_it_reads() -> None:
    one, other = scored(Scores(), 0.3), scored(Scores(scale=2), 0.3)
    assert one.ids[1] != other.ids[1]
    with_header = Recipe("r", Annotate(Header()), Annotate(Scores()), Annotate(Reads()))
    assert with_header.ids[2] == one.ids[1]


def test_the_order_of_steps_and_the_name_are_part_of_a_recipe() -> None:
    steps = Keep(Above("size_bytes", 1)), Keep(AtLeast("size_bytes", 1))
    ids = {Recipe("r", *steps).id, Recipe("r", *reversed(steps)).id, Recipe("r", steps[0]).id, Recipe("s", *steps).id}
    assert len(ids) == 4


def test_the_header_is_named_by_these_digits() -> None:
    assert annotator_id(Header(), ()) == "header@b117bbfefe"


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput, match=r"madewithnothing: .*surely-not-installed"):
        annotator_id(MadeWithNothing(), ())


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((Keep(NotSolid()),), r"step 0 \(not_solid\) reads channel_std, top_colour_share, which no earlier step"),
        ((Keep(NotSolid()), Annotate(Pixels())), r"step 0 \(not_solid\)"),
        ((Annotate(Pixels()), Keep(NearDedup())), r"step 1 \(near_dedup\) reads width_px, height_px"),
        ((Annotate(Reads()),), r"step 0 \(reads\) reads score"),
        ((Annotate(Header()), Keep(MinSide()), Annotate(Header())), "steps 0 and 2 both write width_px"),
        ((Header(),), "step 0 is Header"),
    ],
)
def test_a_recipe_that_cannot_be_run_is_refused_with_its_step(steps: tuple[Any, ...], said: str) -> None:
    with pytest.raises(BadInput, match=f"recipe r: .*{said}"):
        Recipe("r", *steps)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The weights that recipes must be given: a small model for those with clip."""
    folder = str(tmp_path_factory.mktemp("weights"))
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(picture, "PNG")
    train_small_clip([(picture.getvalue(), ["a red square"])], folder, 1)
    return {
        "caption-small": {"clip": folder},
        "caption-clip": {"clip": folder},
        "documents-clip": {"relevance": folder},
    }


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_survives_being_carried_as_json(name: str, given: dict[str, dict[str, str]], tmp_path: Path) -> None:
    (tmp_path / "exam.jsonl").write_bytes(to_lines("exam", [Item("1", ("Why?",))]))
    asked = {key: {"model": "m"} for key in ("caption-recaptioned", "video-captions")}
    values = {**asked, "uncontaminated": {"benchmarks": str(tmp_path)}}
    recipe = find_recipe(name, values.get(name, {})).given(given.get(name, {}))
    carried = msgspec.json.decode(msgspec.json.encode(recipe.spec), type=Spec).build()
    assert (carried.name, carried.id, carried.ids, carried.steps) == (name, recipe.id, recipe.ids, recipe.steps)
    assert recipe.step_name(len(recipe.steps)) == "kept"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("captoin", r"no recipe called 'captoin'.*caption-light, .*headers-only"),
        ("no_such_module:recipe", "module 'no_such_module' cannot be imported"),
        ("pipelines.recipes.built_in:no_such", "pipelines.recipes.built_in has no 'no_such'"),
        ("pipelines.recipes.built_in:", "not of the form package.module:name"),
        ("os:getcwd", "os:getcwd returns str, not a Recipe"),
    ],
)
def test_a_recipe_that_is_not_there_is_an_error_that_says_what_is(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        find_recipe(name)


OWN = """
from collections.abc import Mapping
from io import BytesIO
from typing import Any, ClassVar
from PIL import Image, ImageStat
from annotators.annotator import Annotator, Subject
from filters.filter import Filter
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from schemas.note import Noted
from schemas.verdict import Verdict
from schemas.vocabulary import Name

class Brightness(Annotator, frozen=True):
    writes: ClassVar = (Name("brightness", "float64", "", "mean luma", 0, 1),)

    def look(self, subject: Subject) -> Noted:
        with Image.open(BytesIO(subject.content())) as picture:
            return Noted({"brightness": ImageStat.Stat(picture.convert("L")).mean[0] / 255})

class Bright(Filter, frozen=True):
    low: float = 0.1
    reads: ClassVar = ("brightness",)
    reasons: ClassVar = ("too_dark",)

    def judge(self, notes: Mapping[str, Any]) -> Verdict:
        return Verdict(notes["brightness"] > self.low, "too_dark", notes["brightness"])

def bright():
    return Recipe("bright", Annotate(Brightness()), Keep(Bright(low=0.5)))
"""


OWN_FILTER = """
from filters.filter import Filter
from pipelines.recipes.recipe import Keep, Recipe
from schemas.verdict import Verdict

class Sized(Filter, frozen=True):
    reads = ("size_bytes",)
    reasons = ("small",)

    def judge(self, notes):
        return Verdict(notes["size_bytes"] > 10, "small", notes["size_bytes"])

def bright():
    return Recipe("bright", Keep(Sized()))
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Recipe]]:
    """Write a module into another folder, and find the recipe in it as `--recipe package.module:function` does."""
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "mine"))

    def find(source: str) -> Recipe:
        for name in [name for name in sys.modules if name.startswith("deep")]:
            del sys.modules[name]
        (tmp_path / "mine" / "deep" / "own_recipe.py").write_text(source)
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return find_recipe("deep.own_recipe:bright")

    yield find
    for name in [name for name in sys.modules if name.startswith("deep")]:
        del sys.modules[name]


def test_a_recipe_of_ones_own_runs_from_another_folder(
    tmp_path: Path, picture: Callable[..., bytes], own: Callable[[str], Recipe]
) -> None:
    (tmp_path / "pictures").mkdir()
    for n in range(12):
        (tmp_path / "pictures" / f"{n:02d}.png").write_bytes(picture(n, kind="PNG"))
    shelf, recipe = Shelf(str(tmp_path / "shelf")), own(OWN)
    ingest(shelf, str(tmp_path / "pictures"), Local(1))
    counts = run(shelf, recipe, Local(1))
    [piece] = (tmp_path / "shelf" / "notes" / recipe.ids[0]).glob("*.parquet")
    brightness = read_table(shelf.fs, str(piece))["brightness"].to_pylist()
    table = read_table(shelf.fs, shelf.path("verdicts", recipe.id, "000000.parquet"))
    assert table["outcome"].to_pylist() == ["kept" if value > 0.5 else "dropped" for value in brightness]
    assert set(table["reason"].to_pylist()) == {"", "too_dark"} and counts["kept"] + counts["dropped"] == 12


def test_the_source_of_ones_own_module_is_in_the_fingerprint(own: Callable[[str], Recipe]) -> None:
    one, same, other = (own(source).ids[0] for source in (OWN, OWN, OWN.replace("/ 255", "/ 256")))
    assert one == same != other


def test_the_source_of_a_filter_of_ones_own_is_in_the_recipes_fingerprint(own: Callable[[str], Recipe]) -> None:
    one, same, other = (own(source).id for source in (OWN_FILTER, OWN_FILTER, OWN_FILTER.replace("> 10", "> 11")))
    assert one == same != other
