"""`ostraka draw`: samples made so that their truth is known, for trying annotators and people on."""

from __future__ import annotations

import click

from pipelines.commands.screen import say


@click.command(short_help="Draw clips whose truth is known.")
@click.argument("what", type=click.Choice(["clips"]))
@click.option("--to", "folder", required=True, metavar="FOLDER", help="The folder to write; it must not be there yet.")
@click.option("--photos", default="", metavar="FOLDER", help="Photographs to draw over; by default scikit-image's.")
@click.option("--count", default=24, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
def draw(what: str, folder: str, photos: str, count: int) -> None:
    """Draw clips over photographs: moves of a camera, cuts and fades, text that moves, every kind of time.

    Each frame bears its number, and `clips.jsonl` holds a caption for each clip and its truth as notes: shots, camera
    motion and text. `ostraka ingest FOLDER/clips.jsonl` takes both.
    """
    from pipelines.ingest.drawn_set import write_clips

    path, frames = write_clips(folder, photos, count)
    say(f"{folder}: {count} clips of {frames} frames in all")
    say(f"next: ostraka ingest {path} --shelf SHELF")
