"""`ostraka desk report`: how a desk stands, as one HTML page."""

from __future__ import annotations

import click

from pipelines.commands.desk.options import at_option
from pipelines.commands.screen import counted, say


@click.command(short_help="Write how the desk stands as an HTML page.")
@at_option
@click.option("--out", default="report.html", show_default=True, type=click.Path(dir_okay=False), help="Where to.")
@click.option("--disagreements", "most", default=30, show_default=True, type=click.IntRange(0), help="So many at most.")
@click.option("--no-frames", is_flag=True, help="Leave out pictures of what was annotated.")
def report(folder: str, out: str, most: int, no_frames: bool) -> None:
    """Write a page of the queue, agreement, people, audits, models, refusals, and disagreements to look at.

    It holds people's names and frames of clips: give it to whom it concerns.
    """
    import os

    import fsspec

    from pipelines.desk.folder import Folder
    from pipelines.desk.report_page import page
    from schemas.errors import Unavailable
    from schemas.publish import put

    at = Folder(folder)
    with at.ledger() as ledger:
        written = page(at.settings.name, ledger, at.measures(), "" if no_frames else at.media, most)
        accepted, items = len(ledger.standing()), len(ledger.state.items())
    try:
        put(fsspec.filesystem("file"), os.path.abspath(out), written)
    except OSError as error:
        what = f"the page cannot be written ({error.strerror})"
        raise Unavailable(what, where=out, remedy="make room, or name another place with --out") from None
    say(f"{out}: {accepted} of {counted(items, 'item')} accepted, {len(written):,} bytes")
