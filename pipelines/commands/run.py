"""`ostraka run` and `ostraka recipes`: curate a shelf."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from pipelines.commands.options import engine_option, log_option, max_failed_option, open_shelf, shelf_option
from pipelines.commands.screen import say, share, shown, table


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
@engine_option
@max_failed_option
@click.option("--retry", is_flag=True, help="Look again at samples that failed before.")
@click.option(
    "--memory-gib",
    default=8.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="What a corpus decision may take; what does not fit is decided in buckets.",
)
@log_option
def run(
    name: str,
    shelf_url: str,
    own: str,
    given: tuple[str, ...],
    engine: Any,
    max_failed: float,
    retry: bool,
    memory_gib: float,
) -> None:
    """Run the recipe NAME over a shelf; the same command again goes on where this one stopped."""
    import os
    import sys

    from pipelines.engines import engine_of
    from pipelines.recipes import find_recipe
    from pipelines.run import RunOptions
    from pipelines.run import run as run_recipe

    if bool(name) == bool(own):
        raise click.UsageError("give the name of a recipe, or --recipe MODULE:FUNCTION (`ostraka recipes` lists names)")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    recipe = find_recipe(name or own, _values(given))
    options = RunOptions(max_failed=max_failed, retry=retry, memory_gib=memory_gib)
    counts = run_recipe(open_shelf(shelf_url), recipe, engine_of(engine), options, shown)
    total = sum(counts.values())
    table(
        recipe.id,
        ("samples", "count", "share"),
        [(outcome, count, share(count, total)) for outcome, count in counts.items()],
        numbers=[1, 2],
    )
    say(f"next: ostraka funnel --shelf {shelf_url}")


def _values(given: Sequence[str]) -> dict[str, str]:
    """Return NAME=VALUE pairs by name."""
    found: dict[str, str] = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not name or not separator:
            raise click.UsageError(f"--with {one}: give NAME=VALUE")
        if name in found:
            raise click.UsageError(f"--with {one}: {name} is given twice")
        found[name] = value
    return found


@click.command(short_help="List the recipes that ostraka brings.")
def recipes() -> None:
    """List the recipes by name, with the values they take and their steps."""
    from pipelines.recipes import RECIPES, parameters

    for name, make in RECIPES.items():
        recipe = make()
        say(f"{name}: {(make.__doc__ or '').strip().splitlines()[0]}")
        if takes := [f"--with {one.name}={one.default}" for one in parameters(make)]:
            say(f"  {' '.join(takes)}")
        say("  " + " > ".join(recipe.step_name(place) for place in range(len(recipe.steps))))
