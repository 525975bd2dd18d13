"""`ostraka difficulty`: how often the tasks of a shelf were answered right, by domain."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from pipelines.commands.options import open_shelf, recipe_option, shelf_option
from pipelines.commands.screen import say, table

if TYPE_CHECKING:
    from pipelines.query.difficulty import Spread

_BAR_CHARS = 40


@click.command(short_help="Report how often tasks were answered right.")
@shelf_option
@recipe_option
@click.option(
    "--page", default="", metavar="FILE", help="Write a page in Markdown too, its pictures in a folder beside."
)
@click.option(
    "--examples", default=5, show_default=True, type=click.IntRange(0), help="With --page: most tasks of either fate."
)
def difficulty(shelf_url: str, asked: str, page: str, examples: int) -> None:
    """Show, by domain, pass rates, pass@k, tiers, and why answers earned nothing; tasks by tenth of the pass rate.

    A page has the pass rates before and after the recipe, and tasks that were kept and dropped, with their pictures.
    """
    from pipelines.query.choose import choose_recipe
    from pipelines.query.difficulty import spread

    shelf = open_shelf(shelf_url)
    recipe_id = choose_recipe(shelf, asked)
    found = spread(shelf, recipe_id)
    ks = sorted({k for one in found for k in one.pass_at})
    headings = ("domain", "tasks", "answers", "pass rate", *(f"pass@{k}" for k in ks), "tiers", "grades")
    rows = [
        (
            one.domain,
            one.tasks,
            one.answers,
            _percent(one.pass_rate),
            *(_percent(one.pass_at[k]) if k in one.pass_at else "" for k in ks),
            _counts(one.tiers),
            _counts(one.grades),
        )
        for one in found
    ]
    table(recipe_id, headings, rows, numbers=range(1, 4 + len(ks)))
    for one in found:
        _histogram(one)
    if page:
        from pipelines.query.difficulty_page import write_page

        kept, dropped = write_page(shelf, recipe_id, page, examples)
        say(f"{page}: pass rates before and after, {kept} tasks that were kept and {dropped} that were dropped")
    say(f'next: ostraka what-if "between(pass_rate).low=0.2" --shelf {shlex.quote(shelf_url)}')


def _histogram(spread: Spread) -> None:
    """Print a bar for each tenth of the pass rate."""
    most = max(spread.by_tenth)
    bins = len(spread.by_tenth)
    rows = [
        (f"{place / bins:.1f} to {(place + 1) / bins:.1f}", count, "#" * -(-_BAR_CHARS * count // most))
        for place, count in enumerate(spread.by_tenth)
    ]
    table(f"{spread.domain}: tasks by pass rate", ("pass rate", "tasks", ""), rows, numbers=[1])


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
