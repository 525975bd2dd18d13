"""The verbs that answer: funnel, why, what-if, show, sql, browse."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import click

from pipelines.commands.options import open_shelf, own_modules, recipe_option, shelf_option
from pipelines.commands.screen import counted, number, say, share, table

_MOST_NAMED = 8
_SHOWN_OF_A_VECTOR = 6
_LONG_CHARS = 80
"""Texts of a list in which one is longer stand below each other, by their numbers."""


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
            _counts({**stage.dropped, **stage.failed, **told.get(stage.name, {})}),
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


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))


@click.command(short_help="Tell a sample's whole story.")
@click.argument("key")
@shelf_option
@recipe_option
def why(key: str, shelf_url: str, asked: str) -> None:
    """Tell why a sample was kept, dropped or failed. KEY may be the beginning of a key, or a row's name."""
    from pipelines.query.choose import choose_recipe, find_sample, load_recipe
    from pipelines.query.story import tell
    from pipelines.shelf.in_duckdb import connected

    shelf = open_shelf(shelf_url)
    own_modules()
    with connected(shelf) as db:
        place = find_sample(db, shelf, key)
        recipe_id = choose_recipe(shelf, asked)
        story = tell(db, shelf, load_recipe(shelf, recipe_id), place)
    source = story.sample.source
    say(f"{story.sample.key}  {story.outcome}" + (f" by {story.by}: {story.reason}" if story.reason else ""))
    say(f"  from {source.dataset}/{source.row}, licence {source.licence or 'not stated'}{_uri(source.uri)}")
    say(f"  on the shelf in shard {story.shard}, row {story.row}, bytes in {story.media or 'no tar'}")
    for place_among, part in enumerate(story.sample.parts):
        say(f"  part {place_among}: {_part(part)}")
    _say_places(story.places)
    table(recipe_id, ("step", "", "said"), [(told.step, told.outcome, _said(told)) for told in story.told])
    for told in story.told:
        for place_among, item in enumerate(told.items):
            _say_item(place_among, item)
    for folder in story.exports:
        say(f"exported to {folder}")


def _say_item(place: int, item: Any) -> None:
    """Tell one of several things that an annotator looked at, and its text below."""
    said = ((word, f"{value:.3g}" if isinstance(value, float) else str(value)) for word, value in item.said.items())
    say(f"  {place}: {', '.join(f'{word} {value}'.strip() for word, value in said if value)}")
    for line in item.text.splitlines():
        say(f"     {line}")


def _say_places(places: Any) -> None:
    """Tell notes on places: those on spans of time in a line for each name, the others one after another."""
    from pipelines.query.films.lanes import is_on_time, lanes_of

    if at := [note for note in places if not is_on_time(note)]:
        named = ", ".join(f"{note['name']} {note['value']}{_where(note['at'])}" for note in at[:_MOST_NAMED])
        say(f"  {len(at)} notes on places: {named}{', ...' if len(at) > _MOST_NAMED else ''}")
    for lane in lanes_of(places):
        by = f" by {lane.by}" if lane.by else ""
        named = ", ".join(_span(lane, span) for span in lane.spans[:_MOST_NAMED])
        more = ", ..." if len(lane.spans) > _MOST_NAMED else ""
        say(f"  {lane.name}{by}, {counted(len(lane.spans), 'span')}: {named}{more}")


def _span(lane: Any, span: Any) -> str:
    from pipelines.query.films.clock import clock

    sure = "" if span.sure is None else f" {number(span.sure)}"
    return f"{clock(lane.seconds(span.start_pts))}-{clock(lane.seconds(span.end_pts))} {span.says}{sure}"


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


@click.command(short_help="Show a sample: its parts, its notes, its bytes.")
@click.argument("key")
@shelf_option
@click.option("--to", "folder", default="", metavar="FOLDER", help="Write its pictures and videos there.")
@click.option(
    "--drawn", default="", metavar="FILE", help="Write its first picture there with its boxes and texts on it."
)
def show(key: str, shelf_url: str, folder: str, drawn: str) -> None:
    """Print a sample as JSON, and write its original bytes where a folder is given."""
    import msgspec

    from pipelines.query.show import sample_at, write_drawn, write_media
    from pipelines.shelf.in_duckdb import connected

    shelf = open_shelf(shelf_url)
    with connected(shelf) as db:
        shown = sample_at(db, shelf, key)
    say(msgspec.json.format(msgspec.json.encode(shown.sample), indent=2).decode())
    for path in write_media(shelf, shown, folder) if folder else []:
        say(f"written: {path}")
    if drawn:
        say(f"written: {drawn}, {counted(write_drawn(shelf, shown, drawn), 'note')} on places")


@click.command(short_help="Ask the shelf with SQL.")
@click.argument("query", required=False, default="")
@shelf_option
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--database", is_flag=True, help="Write a DuckDB file with the views instead, and say where.")
def sql(query: str, shelf_url: str, form: str, database: bool) -> None:
    """Run a query over the views samples, notes, notes_<annotator>, verdicts, runs and exports."""
    from pipelines.query.sql import run_query
    from pipelines.query.views import write_database

    shelf = open_shelf(shelf_url)
    if database:
        say(f"open it with: duckdb {shlex.quote(write_database(shelf))}")
    elif not query:
        raise click.UsageError('give a query, for instance "select outcome, count(*) from verdicts group by all"')
    else:
        headings, rows = run_query(shelf, query)
        _print_rows(headings, rows, form)


@click.command(short_help="Write one page with funnel, pictures and stories.")
@shelf_option
@recipe_option
@click.option("--to", "path", default="browse.html", show_default=True, help="The page to write.")
@click.option("--pictures", default=24, show_default=True, type=click.IntRange(0), help="Pictures of each reason.")
@click.option("--serve", is_flag=True, help="Serve it to this machine instead, with the videos, until Ctrl-C.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="With --serve; by default any that is free.")
def browse(shelf_url: str, asked: str, path: str, pictures: int, serve: bool, port: int) -> None:
    """Write a self-contained HTML page: funnel, kept and dropped pictures by reason, histograms, stories.

    With --serve nothing is written: a browser on this machine shows the page at the address that is printed, and plays
    videos with their notes below them.
    """
    from pipelines.query.browse import open_page, write_page
    from pipelines.query.choose import choose_recipe, load_recipe

    shelf = open_shelf(shelf_url)
    own_modules()
    recipe = load_recipe(shelf, choose_recipe(shelf, asked))
    if serve:
        with open_page(shelf, recipe, pictures, port) as server:
            say(server.url)
            say("answers on this machine alone, to who has this address; Ctrl-C ends it")
            server.serve()
        return
    size_bytes = write_page(shelf, recipe, path, pictures)
    say(f"{path}: {size_bytes / 2**20:.1f} MiB; open it in a browser")


def _print_rows(headings: list[str], rows: list[tuple[Any, ...]], form: str) -> None:
    if form == "table":
        table("", headings, rows)
    elif form == "csv":
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(rows)
    else:
        import msgspec

        for row in rows:
            click.echo(msgspec.json.encode(dict(zip(headings, row, strict=True)), enc_hook=str))


def _where(at: dict[str, Any]) -> str:
    """Return where in a text a note stands; of a place on a picture, which `show --drawn` draws, nothing."""
    return f" (part {at['part']}, characters {at['start']} to {at['end']})" if at["at"] == "characters" else ""


def _uri(uri: str) -> str:
    return f", {uri}" if uri else ""


def _part(part: Any) -> str:
    from schemas.sample import Text

    if isinstance(part, Text):
        text = part.text if len(part.text) <= 160 else f"{part.text[:160]}... ({len(part.text)} characters)"
        return f"{part.role} {text!r}"
    return f"{type(part).__name__.lower()} {part.extension}, {part.size_bytes} bytes, sha256 {part.digest[:16]}..."


def _said(told: Any) -> str:
    said = [f"{name} {_value(value)}" for name, value in told.notes.items()]
    if told.reason:
        said.append(told.reason)
    if told.measured is not None:
        said.append(f"measured {number(told.measured)}")
    if told.witness:
        said.append(f"lost to {told.witness} ({told.witness_name})")
    if told.left_out:
        why = told.left_out_why or ("",) * len(told.left_out)
        parts = [
            f"{place} ({reason})" if reason else str(place) for place, reason in zip(told.left_out, why, strict=True)
        ]
        said.append(f"left out parts {', '.join(parts)}")
    if told.detail:
        said.append(told.detail)
    return ", ".join(said).replace("\n, ", "\n").rstrip("\n")


def _value(value: Any) -> str:
    if isinstance(value, list) and any(isinstance(item, str) and len(item) > _LONG_CHARS for item in value):
        return "".join(f"\n{place}: {item}" for place, item in enumerate(value)) + "\n"
    if isinstance(value, list):
        shown = value[:_SHOWN_OF_A_VECTOR] if _is_vector(value) else value
        rest = "" if len(shown) == len(value) else f", ... {len(value)} in all"
        return "[" + ", ".join(_value(item) for item in shown) + rest + "]"
    return number(value) if isinstance(value, float) else str(value)


def _is_vector(value: list[Any]) -> bool:
    """Say whether a list is of numbers and longer than a person reads; `sql` has all of them."""
    return len(value) > 2 * _SHOWN_OF_A_VECTOR and isinstance(value[0], int | float)
