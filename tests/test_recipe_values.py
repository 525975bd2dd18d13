"""Values of a recipe: given by name, converted by the types that its function states, refused by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from annotators.concepts import Concepts
from filters.balance import Balance
from filters.corpus import CorpusFilter
from pipelines.commands.run import recipes
from pipelines.commands.run import run as verb
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Keep
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table
from schemas.errors import BadInput

OWN = """
from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from annotators.header import Header
from filters.image import MaxAspect, MinSide
from pipelines.recipes.recipe import Annotate, Keep, Recipe


def own(px: int, ratio: Annotated[float, Meta(gt=1)] = 2.0, *, deep: bool = False, name="own",
        by: Literal["a", "b"] = "a") -> Recipe:
    last = [Keep(MaxAspect(ratio=ratio))] if deep else []
    return Recipe(f"{name}-{by}", Annotate(Header()), Keep(MinSide(px=px)), *last)


def bad(px: int = 1) -> Recipe:
    raise RuntimeError("no weather")


fixed = own(28)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"own_values_{abs(hash(str(tmp_path))) % 10**9}"
    (tmp_path / f"{name}.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize("values", [{}, {"balance": "0"}, {"balance": "0", "vocabulary": ""}])
def test_a_recipe_with_its_defaults_is_the_one_without_values(values: dict[str, str]) -> None:
    assert find_recipe("caption-light", values).id == find_recipe("caption-light").id


def test_balance_adds_concepts_before_the_first_barrier_and_itself_at_the_end() -> None:
    plain, balanced = find_recipe("caption-light"), find_recipe("caption-light", {"balance": "20"})
    [concepts] = [place for place, one in balanced.annotators() if isinstance(one, Concepts)]
    assert concepts < balanced.barriers()[0] == plain.barriers()[0] + 1
    assert balanced.steps[-1] == Keep(Balance(per_entry=20))
    assert tuple(step for place, step in enumerate(balanced.steps[:-1]) if place != concepts) == plain.steps
    assert balanced.id != plain.id != find_recipe("caption-light", {"balance": "21"}).id != balanced.id
    assert balanced.spec.build().id == balanced.id
    assert not any(isinstance(step.filter, CorpusFilter) for step in plain.steps[:concepts] if isinstance(step, Keep))


def test_the_vocabulary_given_is_the_one_that_concepts_read(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text("cat\n")
    values = {"balance": "20", "vocabulary": str(path)}
    ours = find_recipe("caption-light", values)
    assert [one.vocabulary for _, one in ours.annotators() if isinstance(one, Concepts)] == [str(path)]
    before = ours.id
    path.write_text("dog\n")
    assert find_recipe("caption-light", values).id != before


def test_values_are_converted_by_the_types_that_the_function_states(module: str) -> None:
    values = {"px": "64", "ratio": "3", "deep": "true", "name": "12", "by": "b"}
    recipe = find_recipe(f"{module}:own", values)
    assert recipe.name == "12-b"
    assert [step.filter.px for step in recipe.steps[1:2]] == [64] and type(recipe.steps[2].filter.ratio) is float
    assert recipe.steps[2].filter.ratio == 3.0
    assert len(find_recipe(f"{module}:own", {**values, "deep": "false"}).steps) == 2


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        (
            "caption-light",
            {"balanse": "20"},
            "recipe caption-light: it has no value called balanse; it takes balance, voc",
        ),
        ("headers-only", {"px": "20"}, "recipe headers-only: it has no value called px; it takes no values"),
        (
            "caption-light",
            {"balance": "many"},
            "balance cannot be 'many': Expected `int`, got `str`; it takes balance, ",
        ),
        ("caption-light", {"balance": "-1"}, "balance cannot be '-1': Expected `int` >= 0"),
        ("caption-light", {"balance": "1.5"}, "balance cannot be '1.5'"),
        (
            "caption-light",
            {"vocabulary": "v.txt"},
            "a vocabulary is given, but nothing to balance; add --with balance=20",
        ),
        ("MODULE:own", {}, "MODULE:own: px must be given; add --with px=..."),
        ("MODULE:own", {"px": "x"}, "px cannot be 'x': Expected `int`, got `str`; it takes px, ratio, deep, name, by"),
        ("MODULE:own", {"px": "1", "ratio": "1"}, "ratio cannot be '1': Expected `float` > 1"),
        ("MODULE:own", {"px": "1", "deep": "perhaps"}, "deep cannot be 'perhaps': Expected `bool`"),
        ("MODULE:own", {"px": "1", "by": "c"}, "by cannot be 'c'"),
        ("MODULE:fixed", {"px": "1"}, "MODULE:fixed is no function, so it takes no values"),
        ("MODULE:bad", {"px": "2"}, "MODULE:bad made no recipe: RuntimeError: no weather"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(
    module: str, name: str, values: dict[str, str], said: str
) -> None:
    with pytest.raises(BadInput) as error:
        find_recipe(name.replace("MODULE", module), values)
    assert said.replace("MODULE", module) in str(error.value)


@pytest.fixture
def shelf(tmp_path: Path, picture: Callable[..., bytes]) -> Shelf:
    """Thirty captioned pictures: ten of each of three animals."""
    (tmp_path / "source").mkdir()
    for n in range(30):
        (tmp_path / "source" / f"{n:02d}.jpg").write_bytes(picture(n, (64, 48)))
        animal = ("elephant", "giraffe", "penguin")[n % 3]
        (tmp_path / "source" / f"{n:02d}.txt").write_text(f"The {animal} is standing in front of the old house.")
    made = Shelf(str(tmp_path / "shelf"))
    ingest(made, str(tmp_path / "source"), Local(1))
    return made


def call(*arguments: str) -> Any:
    return CliRunner().invoke(verb, arguments, catch_exceptions=False)


def test_a_run_with_values_balances_twice_alike_and_says_why(shelf: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "animals.txt"
    path.write_text("giraffe\nelephant\nzebra\n")
    given = ["caption-light", "--with", "balance=4", "--with", f"vocabulary={path}", "--shelf", shelf.url]
    recipe = find_recipe("caption-light", {"balance": "4", "vocabulary": str(path)})

    def verdicts() -> list[tuple[str, str, str]]:
        [shard] = shelf.shards()
        table = read_table(shelf.fs, shelf.path("verdicts", recipe.id, f"{shard}.parquet"))
        names = shelf.catalog(shard)["name"].to_pylist()
        return list(zip(names, table["outcome"].to_pylist(), table["decided_by"].to_pylist(), strict=True))

    assert recipe.id in call(*given).output
    first = verdicts()
    call(*given)
    assert verdicts() == first
    penguins = {f"{n:02d}" for n in range(2, 30, 3)}
    of = {name.split(".")[0]: (outcome, by) for name, outcome, by in first}
    assert {of[name] for name in penguins} == {("dropped", "balance")}
    assert 0 < sum(outcome == "kept" for outcome, _ in of.values()) < 20


def test_a_missing_vocabulary_stops_a_run_before_any_work(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.txt: the vocabulary cannot be read"):
        call(
            "caption-light",
            "--with",
            "balance=4",
            "--with",
            f"vocabulary={tmp_path / 'none.txt'}",
            "--shelf",
            shelf.url,
        )
    assert shelf.folders("notes") == [] and shelf.names("recipes", ".json") == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--with", "balance"], "give NAME=VALUE"),
        (["--with", "=3"], "give NAME=VALUE"),
        (["--with", "balance=3", "--with", "balance=4"], "balance is given twice"),
    ],
)
def test_a_value_is_a_name_and_a_text_given_once(shelf: Shelf, given: list[str], said: str) -> None:
    ended = call("caption-light", "--shelf", shelf.url, *given)
    assert ended.exit_code == 2 and said in ended.output


def test_the_list_of_recipes_says_which_values_they_take() -> None:
    told = CliRunner().invoke(recipes, catch_exceptions=False).output
    assert "\n  --with balance=0 --with vocabulary= --with benchmarks=\n" in told
