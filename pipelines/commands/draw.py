"""`ostraka draw`: samples made so that their truth is known, for trying annotators and people on."""

from __future__ import annotations

from typing import Any

import click

from pipelines.commands.screen import say


@click.command(short_help="Draw clips, or tasks, whose truth is known.")
@click.argument("what", type=click.Choice(["clips", "tasks"]))
@click.option("--to", "folder", required=True, metavar="FOLDER", help="The folder to write; it must not be there yet.")
@click.option("--photos", default="", metavar="FOLDER", help="Photographs to draw over; by default scikit-image's.")
@click.option("--count", default=24, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["counting", "colour", "digits", "chart", "box"]),
    help="With tasks: what is asked, once or several times; by default all by turns.",
)
@click.option(
    "--level",
    "levels",
    multiple=True,
    type=click.Choice(["very_easy", "easy", "medium", "hard", "very_hard"]),
    help="With tasks: how large the pictures are, by turns; by default the first three.",
)
@click.option(
    "--split",
    default="train",
    show_default=True,
    type=click.Choice(["train", "test"]),
    help="With tasks: whose they are.",
)
@click.option("--first", default=0, show_default=True, type=click.IntRange(0), help="With tasks: the first's number.")
@click.option("--worked", is_flag=True, help="With tasks: each brings a right response, with its thinking.")
def draw(
    what: str,
    folder: str,
    photos: str,
    count: int,
    kinds: tuple[str, ...],
    levels: tuple[Any, ...],
    split: str,
    first: int,
    worked: bool,
) -> None:
    """Draw clips over photographs: moves of a camera, cuts and fades, text that moves, every kind of time.

    Each frame bears its number, and `clips.jsonl` holds a caption for each clip and its truth as notes: shots, camera
    motion and text. `ostraka ingest FOLDER/clips.jsonl` takes both.

    Tasks are pictures of cells with shapes, digits and bars and a question about each, with its answer and verifier in
    `tasks.jsonl`; `captions.jsonl` says all that is in a picture, for a model that has to learn to see first. Those of
    the two splits have nothing in common, nor have two sets of one split whose numbers, from --first on, do not meet.
    """
    if what == "tasks":
        from pipelines.ingest.drawn_task_set import write_tasks

        path = write_tasks(folder, count, kinds, levels, split, first=first, worked=worked)
        say(f"{folder}: {count} tasks of the split {split}")
        say(f"next: ostraka ingest {path} --as tasks --shelf SHELF")
        return
    from pipelines.ingest.drawn_set import write_clips

    path, frames = write_clips(folder, photos, count)
    say(f"{folder}: {count} clips of {frames} frames in all")
    say(f"next: ostraka ingest {path} --shelf SHELF")
