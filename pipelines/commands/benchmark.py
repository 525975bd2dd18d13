"""`ostraka benchmark` and `ostraka contamination`: what must not be trained on, and what was found of it."""

from __future__ import annotations

import shlex

import click

from pipelines.commands.options import open_shelf, recipe_option, shelf_option
from pipelines.commands.screen import by_name, say, table


@click.command(short_help="Register benchmarks that a recipe shall keep out.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--to", required=True, metavar="FOLDER", help="Where their tables are written, a file a benchmark.")
@click.option("--name", default="", help="Its name, of one FILE; by default the file's own.")
@click.option(
    "--text",
    multiple=True,
    metavar="FIELD[+FIELD]",
    help="A field that asks; several joined by + are one question. May be given several times.",
)
@click.option("--told", multiple=True, metavar="FIELD", help="A field that tells the solution; several times.")
@click.option("--picture", default="", metavar="FIELD", help="The field that names pictures.")
@click.option("--item", default="", metavar="FIELD", help="The field that names the item.")
@click.option("--pictures", default="", metavar="FOLDER", help="Where the pictures are, if not beside the file.")
@click.option("--clip", default="", metavar="PATH", help="Weights of CLIP, to embed the pictures with.")
@click.option("--clip-model", default="ViT-B-32", show_default=True, help="Their model, where PATH is a file.")
def benchmark(
    files: tuple[str, ...],
    to: str,
    name: str,
    text: tuple[str, ...],
    told: tuple[str, ...],
    picture: str,
    item: str,
    pictures: str,
    clip: str,
    clip_model: str,
) -> None:
    """Read benchmarks and write a table of each: its items' texts, and hashes of their pictures.

    FILE is a json, jsonl, csv, tsv or parquet file of records, or a folder of such files and of pictures.
    """
    from pipelines.benchmark.embedded import Embedding
    from pipelines.benchmark.fields import Fields
    from pipelines.benchmark.register import register

    if name and len(files) > 1:
        raise click.UsageError("--name is for one FILE; give them one by one")
    embedding = Embedding.of(clip, clip_model) if clip else None
    found = register(files, to, Fields(text, told, picture, item), name, pictures, embedding)
    rows = [(one.name, one.items, one.texts, one.whole, one.pictures, by_name(one.left_out)) for one in found]
    table(to, ("benchmark", "items", "texts", "short", "pictures", "left out"), rows, numbers=[1, 2, 3, 4])
    say(f"next: ostraka run uncontaminated --with benchmarks={shlex.quote(to)} --shelf ...")


@click.command(short_help="Report what was found of each benchmark.")
@shelf_option
@recipe_option
def contamination(shelf_url: str, asked: str) -> None:
    """Count, for each benchmark that a recipe was given, the samples that held it and the items that they held."""
    from pipelines.benchmark.report import report
    from pipelines.query.choose import choose_recipe

    shelf = open_shelf(shelf_url)
    recipe_id = choose_recipe(shelf, asked)
    found = report(shelf, recipe_id)
    rows = [
        (
            one.name,
            one.items,
            one.items_found,
            one.dropped,
            one.by_text,
            one.by_question,
            one.by_picture,
            one.by_alike,
            one.longest,
        )
        for one in found
    ]
    headings = (
        "benchmark",
        "items",
        "of them found",
        "samples dropped",
        "by text",
        "question",
        "picture",
        "alike",
        "words",
    )
    table(recipe_id, headings, rows, numbers=range(1, 9))
    say(f'next: ostraka sql "select * from notes_textoverlap" --shelf {shlex.quote(shelf_url)}')
