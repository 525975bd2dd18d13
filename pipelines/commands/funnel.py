"""`ostraka funnel`: what each step kept, dropped and failed, and why."""

from __future__ import annotations

import click

from pipelines.commands.options import open_shelf, recipe_option, shelf_option
from pipelines.commands.screen import by_name, counted, say, share, table


@click.command(short_help="Count what each step kept, dropped and failed.")
@shelf_option
@recipe_option
def funnel(shelf_url: str, asked: str) -> None:
    """Show, step by step, how many samples came in, went on, were dropped and failed, and why."""
    from pipelines.query.choose import choose_recipe
    from pipelines.query.funnel import cases, not_judged
    from pipelines.query.funnel import funnel as count
    from pipelines.shelf.in_duckdb import connected

    shelf = open_shelf(shelf_url)
    recipe_id = choose_recipe(shelf, asked)
    with connected(shelf) as db:
        stages, told = count(db, shelf, recipe_id), cases(db, shelf, recipe_id)
    rows = [
        (
            stage.name.split("@")[0],
            stage.reached,
            stage.went_on,
            sum(stage.dropped.values()) or "",
            sum(stage.failed.values()) or "",
            by_name({**stage.dropped, **stage.failed, **told.get(stage.name, {})}),
        )
        for stage in stages
    ]
    table(recipe_id, ("step", "in", "kept", "dropped", "failed", "why"), rows, numbers=[1, 2, 3, 4])
    whole, kept = stages[0].reached, stages[-1].went_on
    dropped, failed = (sum(sum(getattr(s, kind).values()) for s in stages) for kind in ("dropped", "failed"))
    say(f"{whole} in = {kept} kept + {dropped} dropped + {failed} failed ({share(kept, whole)} kept)")
    if later := not_judged(shelf, recipe_id):
        say(f"not in it: {counted(later, 'shard')} that came later; run the recipe again")
    say(f"next: ostraka browse --shelf {shelf_url}")
