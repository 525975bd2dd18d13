"""`ostraka browse`: one page with funnel, pictures and stories, written or served."""

from __future__ import annotations

import click

from pipelines.commands.options import open_shelf, own_modules, recipe_option, shelf_option
from pipelines.commands.screen import say


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
