"""`ostraka run` and `ostraka recipes`: curate a shelf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isnan
from typing import Any

import click

from pipelines.commands.options import (
    engine_option,
    log_option,
    max_failed_option,
    open_shelf,
    own_modules,
    shelf_option,
)
from pipelines.commands.screen import say, share, shown, table


def _a_number(_: click.Context, __: click.Parameter, value: float) -> float:
    if isnan(value):
        raise click.BadParameter("give a number")
    return value


@click.command(short_help="Annotate and filter a shelf by a recipe.")
@click.argument("name", required=False, default="")
@shelf_option
@click.option("--recipe", "own", default="", metavar="MODULE:FUNCTION", help="A recipe of your own, instead of a name.")
@click.option(
    "--with",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value that the recipe takes (`ostraka recipes` lists them); may be given several times.",
)
@click.option(
    "--weights",
    multiple=True,
    metavar="ANNOTATOR=PATH",
    help="Weights of an annotator, a file or a folder; may be given several times.",
)
@engine_option
@max_failed_option
@click.option("--retry", is_flag=True, help="Look again at samples that failed before.")
@click.option(
    "--memory-gib",
    default=8.0,
    show_default=True,
    type=click.FloatRange(0.01, 1e6),
    callback=_a_number,
    help="What a corpus decision may take; what does not fit is decided in buckets.",
)
@click.option("--dry-run", is_flag=True, help="Say what is left to look at and what it may cost; do nothing.")
@log_option
def run(
    name: str,
    shelf_url: str,
    own: str,
    given: tuple[str, ...],
    weights: tuple[str, ...],
    engine: Any,
    max_failed: float,
    retry: bool,
    memory_gib: float,
    dry_run: bool,
) -> None:
    """Run the recipe NAME over a shelf; the same command again goes on where this one stopped."""
    from pipelines.engines.asked import engine_of
    from pipelines.recipes.built_in import find_recipe
    from pipelines.run.run import RunOptions
    from pipelines.run.run import run as run_recipe

    if bool(name) == bool(own):
        raise click.UsageError("give the name of a recipe, or --recipe MODULE:FUNCTION (`ostraka recipes` lists names)")
    own_modules()
    recipe = find_recipe(name or own, _values("--with", given)).given(_values("--weights", weights))
    if dry_run:
        _foresee(open_shelf(shelf_url), recipe, engine_of(engine))
        return
    options = RunOptions(max_failed=max_failed, retry=retry, memory_gib=memory_gib)
    steps = list[str]()

    def watched(what: str, shards: Sequence[str], answers: Iterable[Any]) -> Iterator[Any]:
        steps.append(what)
        return shown(what, shards, answers)

    counts = run_recipe(open_shelf(shelf_url), recipe, engine_of(engine), options, watched)
    if not steps:
        say("nothing changed since this recipe ran last")
    total = sum(counts.values())
    table(
        recipe.id,
        ("samples", "count", "share"),
        [(outcome, count, share(count, total)) for outcome, count in counts.items()],
        numbers=[1, 2],
    )
    say(f"next: ostraka funnel --shelf {shelf_url}")


def _foresee(shelf: Any, recipe: Any, engine: Any) -> None:
    from pipelines.run.foresee import foresee

    found = foresee(shelf, recipe, engine)
    rows = [(one.annotator, one.samples, ", ".join(_spent(*pair) for pair in one.spent.items())) for one in found]
    table(f"{recipe.id}: at most", ("annotator", "samples", "spent"), rows, numbers=[1])
    say("next: the same without --dry-run")


def _spent(name: str, number: int) -> str:
    """Return a count as people read it: a name that ends in _millionths is of a number with decimals."""
    if name.endswith("_millionths"):
        return f"{name.removesuffix('_millionths')} {number / 1e6:.4f}"
    return f"{number} {name}"


def _values(option: str, given: Sequence[str]) -> dict[str, str]:
    """Return NAME=VALUE pairs by name."""
    found: dict[str, str] = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not name or not separator:
            raise click.UsageError(f"{option} {one}: give NAME=VALUE")
        if name in found:
            raise click.UsageError(f"{option} {one}: {name} is given twice")
        found[name] = value
    return found


@click.command(short_help="List the recipes that ostraka brings.")
def recipes() -> None:
    """List the recipes by name, with the values they take and their steps."""
    from pipelines.recipes.built_in import RECIPES, parameters

    for name, make in RECIPES.items():
        recipe = make()
        say(f"{name}: {(make.__doc__ or '').strip().splitlines()[0]}")
        if takes := [f"--with {one.name}={one.default}" for one in parameters(make)]:
            say(f"  {' '.join(takes)}")
        say("  " + " > ".join(recipe.step_name(place) for place in range(len(recipe.steps))))
