"""`ostraka ingest`: bring samples to a shelf."""

from __future__ import annotations

from typing import Any

import click

from pipelines.commands.asking import ask_options
from pipelines.commands.fetching import fetch_options
from pipelines.commands.options import engine_option, log_option, max_failed_option, open_shelf, shelf_option
from pipelines.commands.screen import say, shown, table

_FEW = 3


@click.command(short_help="Bring pictures, captions and videos to a shelf.")
@click.argument("source")
@shelf_option
@click.option(
    "--as",
    "kind",
    type=click.Choice(
        [
            *("folder", "tars", "coco", "manifest", "dialogues", "huggingface", "urls"),
            *("pages", "warc", "cnxml", "pdf", "interleaved"),
            *("texts", "ui-code", "tasks", "fill-in", "scenario", "answers"),
        ]
    ),
    help="What the source is.",
)
@click.option("--dataset", default="", help="Its name on the shelf; by default the source's own.")
@click.option("--licence", default="", help="The licence of rows that state none, for instance CC-BY-4.0.")
@click.option("--root", default="", metavar="URL", help="The folder that a manifest's paths start at.")
@click.option("--base-names", is_flag=True, help="Of a manifest's paths, take the file's name alone.")
@click.option("--image-column", default="", help="The column of pictures or videos.")
@click.option(
    "--image-pattern", default="", metavar="PATH", help="Where a dialogue's picture is, for instance 'tables/{id}.png'."
)
@click.option("--url-column", default="", help="The column of links, with --as urls.")
@click.option("--caption-column", default="", help="The column of texts, or several with commas between.")
@click.option("--id-column", default="", help="The column of ids.")
@click.option("--split", default="", help="Of a folder of Hugging Face parquet, take this split alone.")
@click.option("--scenario", default="", help="With --as scenario: gui-steps, long-document, or a JSON file.")
@click.option("--recipe", default="", help="With --as answers: the recipe whose tasks are taken; by default the last.")
@click.option(
    "--most-answers", default=1, show_default=True, type=click.IntRange(1), help="With --as answers: most of a task."
)
@click.option(
    "--no-think",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="With --as answers: the share that also comes without its thinking.",
)
@click.option(
    "--round",
    "round_number",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="With --as answers: the round of enhancement that they are of, 0 the first cold start.",
)
@ask_options
@click.option("--by-reference", is_flag=True, help="Leave the samples in their tars and index them in place.")
@click.option("--shard-rows", default=10_000, show_default=True, type=click.IntRange(1), help="Most rows of a shard.")
@click.option("--shard-mib", default=1024, show_default=True, type=click.IntRange(1), help="Most MiB of a shard.")
@fetch_options
@engine_option
@max_failed_option
@log_option
def ingest(
    source: str,
    shelf_url: str,
    kind: str | None,
    dataset: str,
    licence: str,
    root: str,
    base_names: bool,
    image_column: str,
    image_pattern: str,
    url_column: str,
    caption_column: str,
    id_column: str,
    split: str,
    scenario: str,
    recipe: str,
    most_answers: int,
    no_think: float,
    round_number: int,
    asks: Any,
    by_reference: bool,
    shard_rows: int,
    shard_mib: int,
    engine: Any,
    max_failed: float,
    **fetching: Any,
) -> None:
    """Bring the samples of SOURCE to a shelf; the same command again goes on, or takes what is new.

    SOURCE is a folder of pictures with .txt or .json beside them, a jsonl, csv or parquet file that names pictures, a
    WebDataset tar or a folder of them, the folder of an export or of one of its splits, COCO json, dialogues as json,
    jsonl or parquet, Hugging Face parquet with the pictures in it, or a txt. Documents come from HTML pages, WARC,
    CNXML books, PDF and jsonl or parquet of texts and pictures in turn. With --as tasks it is a json or jsonl of tasks
    with their reference answers, or a folder of such files, with --as texts it is a folder or a jsonl, csv or parquet
    file of texts, with --as ui-code a folder of html with a picture beside each, with --as urls a list of links, which
    are fetched, with --as fill-in, scenario and answers a shelf, of whose samples others are made. Of the folder of a
    run of `ostraka train rl` the rollouts are taken.
    """
    from pipelines.engines.asked import engine_of
    from pipelines.ingest import ingest as door
    from pipelines.ingest.manners import Manners
    from pipelines.ingest.plan import Cut
    from pipelines.ingest.source import Options

    done = door.ingest(
        open_shelf(shelf_url),
        source,
        engine_of(engine),
        Options(
            root,
            image_column,
            caption_column,
            id_column,
            base_names,
            by_reference,
            url_column,
            split,
            image_pattern,
            scenario,
            asks,
            recipe,
            most_answers,
            no_think,
            round_number,
        ),
        kind=kind or "",
        dataset=dataset,
        licence=licence,
        cut=Cut(shard_rows, shard_mib),
        max_failed=max_failed,
        manners=Manners(**fetching),
        progress=shown,
    )
    say(f"{source}: {done.listed} rows listed, {done.new} of them new")
    if done.changed:
        say(f"{done.changed} of them changed since they were taken and stay as they are; to take them as they are now,")
        say("give the source a name of its own with --dataset")
    failed = {reason: count for reason, count in done.counts.items() if reason != "samples"}
    total = sum(done.counts.values())
    rows = [("samples", done.counts.get("samples", 0)), *((f"failed: {r}", n) for r, n in sorted(failed.items()))]
    table("on the shelf from this source", ("rows", "count"), [*rows, ("in all", total)], numbers=[1])
    for name in done.unread[:_FEW]:
        path = f"{source.rstrip('/')}/{name}"
        say(f"not read: {path}; what it says of these files comes in with `ostraka ingest {path}`, on another shelf")
    say(f"next: ostraka run {done.recipe} --shelf {shelf_url}")
