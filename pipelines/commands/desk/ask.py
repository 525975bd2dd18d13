"""`ostraka desk ask`: which layers people are asked, and by which rules."""

from __future__ import annotations

import click

from pipelines.commands.desk.options import at_option
from pipelines.commands.options import own_modules
from pipelines.commands.screen import counted, say
from schemas.errors import BadInput


@click.command(short_help="Say which layers people are asked; the first call begins the desk.")
@click.argument("names", nargs=-1, required=True, metavar="LAYER...")
@at_option
@click.option("--name", default="", help="The desk's name, for its first call; by default the folder's.")
@click.option("--editor", default=None, metavar="URL", help="A Label Studio elsewhere; by default the folder's own.")
@click.option("--media-url", default=None, metavar="URL", help="With --editor: where people's browsers find the media.")
@click.option("--guideline", type=click.Path(exists=True, dir_okay=False), help="A text that each task shows.")
@click.option("--taxonomy", default=None, help="The taxonomy's version, kept with each note.")
@click.option("--overlap", type=click.IntRange(1), help="So many people annotate each item, blind. [default: 2]")
@click.option("--review-share", type=click.FloatRange(0, 1), help="Of what was accepted, reviewed all the same. [0.1]")
@click.option("--accept-at", type=click.FloatRange(0, 1), help="Agreement from which people's work is merged. [0.85]")
@click.option("--adjudicate-below", type=click.FloatRange(0, 1), help="Agreement below which a third decides. [0.85]")
@click.option("--lease-hours", type=click.FloatRange(0, min_open=True), help="So long somebody holds an item. [4]")
@click.option("--grace-minutes", type=click.FloatRange(0), help="So long authors may still edit what is whole. [0]")
@click.option(
    "--on-reject",
    type=click.Choice(["requeue", "remove", "flexible"]),
    help="What becomes of a rejected item. [requeue]",
)
@click.option("--gold-share", type=click.FloatRange(0, 1), help="Share of gold items among a person's. [0.05]")
@click.option("--exam-pass", type=click.FloatRange(0, 1), help="Share of the exam to pass before any work; 0: no exam.")
@click.option(
    "--accepted",
    type=click.Choice(["keep", "review", "reopen"]),
    help="Where a layer changes: what becomes of notes that were accepted before. Has to be said where there are some.",
)
def ask(
    names: tuple[str, ...],
    folder: str,
    name: str,
    editor: str | None,
    media_url: str | None,
    guideline: str | None,
    taxonomy: str | None,
    accepted: str | None,
    **rules: float | str | None,
) -> None:
    """Ask people LAYER...: names that `desk layers` lists, or package.module:VALUE. Called again it changes the rules
    that are named and leaves the others; `desk report` says how they work out."""
    from annotators.desk.label_studio.find import find_sheet
    from pipelines.desk.folder import Folder
    from pipelines.desk.layers import put_layer

    own_modules()
    if not Folder.is_begun(folder):
        for one in names:
            find_sheet(one)
    at = Folder.begun(folder, name)
    if editor is not None:
        at.change(editor=editor.rstrip("/"))
    if media_url is not None:
        at.change(media_url=media_url.rstrip("/") + "/" if media_url else "")
    text = None
    if guideline is not None:
        with open(guideline, encoding="utf-8") as file:
            text = file.read()
    for one in names:
        layer, touched = put_layer(at, one, _rules(rules), text, taxonomy, accepted)
        again = f"; {counted(len(touched), 'item')} looked at again" if touched else ""
        say(f"{layer.config}: {layer.rules.overlap} annotate, guideline {layer.guideline or 'none'}{again}")
    say(f"next: ostraka desk people NAME... --at {folder}")


def _rules(given: dict[str, float | str | None]) -> dict[str, object]:
    """Return the rules that were given, by the names and in the units that the ledger has."""
    found: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    for name, unit, factor in (("lease_hours", "lease_s", 3600), ("grace_minutes", "grace_s", 60)):
        if name in found:
            seconds = float(str(found.pop(name))) * factor
            if seconds and seconds < 1:
                raise BadInput(f"--{name.replace('_', '-')} is under a second", remedy="give more")
            found[unit] = round(seconds)
    return found
