"""`ostraka run` and `ostraka recipes`: curate a shelf."""

from __future__ import annotations

import click

from pipelines.commands.options import max_failed_option, open_shelf, shelf_option, workers_option
from pipelines.commands.screen import say, share, shown, table


@click.command(short_help="Annotate and filter a shelf by a recipe.")
@click.argument("name", required=False, default="")
@shelf_option
@click.option("--recipe", "own", default="", metavar="MODULE:FUNCTION", help="A recipe of your own, instead of a name.")
@workers_option
@max_failed_option
@click.option("--retry", is_flag=True, help="Look again at samples that failed before.")
def run(name: str, shelf_url: str, own: str, workers: int, max_failed: float, retry: bool) -> None:
    """Run the recipe NAME over a shelf; the same command again goes on where this one stopped."""
    import os
    import sys

    from pipelines.local import Local
    from pipelines.recipes import find_recipe
    from pipelines.run import RunOptions
    from pipelines.run import run as run_recipe

    if bool(name) == bool(own):
        raise click.UsageError("give the name of a recipe, or --recipe MODULE:FUNCTION (`ostraka recipes` lists names)")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    recipe = find_recipe(name or own)
    counts = run_recipe(
        open_shelf(shelf_url), recipe, Local(workers), RunOptions(max_failed=max_failed, retry=retry), shown
    )
    total = sum(counts.values())
    table(
        recipe.id,
        ("samples", "count", "share"),
        [(outcome, count, share(count, total)) for outcome, count in counts.items()],
        numbers=[1, 2],
    )
    say(f"next: ostraka funnel --shelf {shelf_url}")


@click.command(short_help="List the recipes that ostraka brings.")
def recipes() -> None:
    """List the recipes by name, with their steps."""
    from pipelines.recipes import RECIPES

    for name, make in RECIPES.items():
        recipe = make()
        say(f"{name}: {(make.__doc__ or '').strip()}")
        say("  " + " > ".join(recipe.step_name(place) for place in range(len(recipe.steps))))
