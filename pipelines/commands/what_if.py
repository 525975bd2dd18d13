"""`ostraka what-if`: what a changed threshold would keep, from the notes that are there."""

from __future__ import annotations

from typing import Any

import click

from pipelines.commands.options import open_shelf, own_modules, recipe_option, shelf_option
from pipelines.commands.screen import counted, say, share, table


@click.command("what-if", short_help="Say what a changed threshold would keep; runs no model.")
@click.argument("condition")
@shelf_option
@recipe_option
@click.option("--quick", is_flag=True, help="Ask the changed step alone, from tables; the steps behind it stand.")
@click.option("--notes-alone", is_flag=True, help="Ask it of the notes alone: who passes of all that were seen.")
def what_if(condition: str, shelf_url: str, asked: str, quick: bool, notes_alone: bool) -> None:
    """Judge the shelf again with one step changed, from the notes that are there.

    CONDITION is a condition on a note, 'clip_score >= 0.28', or a filter's field, 'near_dedup.radius = 2'.
    """
    from pipelines.query.choose import choose_recipe, load_recipe

    shelf = open_shelf(shelf_url)
    own_modules()
    recipe = load_recipe(shelf, choose_recipe(shelf, asked))
    if quick and notes_alone:
        raise click.UsageError("give --quick or --notes-alone, not both")
    if quick or notes_alone:
        _ask_quickly(shelf, recipe, condition, notes_alone)
    else:
        _judge_again(shelf, recipe, condition)


def _judge_again(shelf: Any, recipe: Any, condition: str) -> None:
    from pipelines.query.whatif import what_if as ask

    found = ask(shelf, recipe, condition)
    waiting = ", ".join(f"{name} has not looked at {count}" for name, count in sorted(found.waiting_for.items()))
    table(
        f"{recipe.id}: {found.change}",
        ("samples", "count", ""),
        [
            ("kept now", found.kept_now, ""),
            ("would be kept", found.would_be_kept, f"{found.gained} in, {found.lost} out"),
            ("not known", found.not_known, waiting),
        ],
        numbers=[1],
    )
    for what, keys, count in (("comes in", found.gained_keys, found.gained), ("goes", found.lost_keys, found.lost)):
        for key in keys:
            say(f"  {what}: {key}")
        if count > len(keys):
            say(f"  ... and {count - len(keys)} more")


def _ask_quickly(shelf: Any, recipe: Any, condition: str, notes_alone: bool) -> None:
    from pipelines.query.quick import Question
    from pipelines.shelf.in_duckdb import connected

    question = Question(shelf, recipe, condition)
    with connected(shelf) as db:
        seen, moved = (question.of_notes(db), None) if notes_alone else question.of_judged(db)
    now = [] if seen.pass_now is None else [("pass now", seen.pass_now, share(seen.pass_now, seen.samples))]
    would = ("would pass", seen.would_pass, share(seen.would_pass, seen.samples))
    rows = [(f"seen by {seen.by}", seen.samples, ""), *now, would]
    table(f"{recipe.id}: {question.change}", ("samples", "count", ""), rows, numbers=[1])
    if moved:
        _say_moved(shelf, recipe, moved)


def _say_moved(shelf: Any, recipe: Any, moved: Any) -> None:
    from pipelines.query.funnel import not_judged

    would_go = f"{moved.would_go} of them would go"
    would_go_on = f"{moved.would_go_on} of them would go on to later steps, which are not judged again"
    rows = [("kept now", moved.kept, would_go), ("dropped here now", moved.dropped_here, would_go_on)]
    table("", ("of those judged", "count", ""), rows, numbers=[1])
    bounds = [f"{kept} ({share(kept, moved.judged)})" for kept in (moved.least, moved.most)]
    between = bounds[0] if moved.least == moved.most else f"between {bounds[0]} and {bounds[1]}"
    say(f"kept would be {between} of {moved.judged}")
    if moved.compares:
        decide = "decides" if len(moved.compared_by) == 1 else "decide"
        say(f"as long as {', '.join(moved.compared_by)} {decide} of all others as now;")
        say("what compares samples may decide otherwise: without --quick it decides again")
    if later := not_judged(shelf, recipe.id):
        say(f"not in it: {counted(later, 'shard')} that came later; run the recipe again")
