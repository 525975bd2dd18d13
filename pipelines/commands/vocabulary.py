"""`ostraka vocabulary`: make a list of concepts from texts."""

from __future__ import annotations

import click

from pipelines.commands.options import open_shelf, shelf_option
from pipelines.commands.screen import counted, say


@click.command(short_help="Make a vocabulary for balance from a shelf's texts.")
@shelf_option
@click.option("--to", required=True, metavar="FILE", help="The vocabulary to write; gzipped where it ends in .gz.")
@click.option(
    "--least-count", default=5, show_default=True, type=click.IntRange(1), help="How often an entry comes at the least."
)
@click.option(
    "--bigram-pmi",
    default=6.0,
    show_default=True,
    help="Pointwise mutual information of two words that become an entry, in bits at the least.",
)
@click.option(
    "--also", multiple=True, metavar="FILE", help="A list whose entries are added; may be given several times."
)
def vocabulary(shelf_url: str, to: str, least_count: int, bigram_pmi: float, also: tuple[str, ...]) -> None:
    """Write the words, and the pairs of words that belong together, that come often in the texts of a shelf."""
    from pipelines.vocabulary import Thresholds, make_vocabulary

    made = make_vocabulary(open_shelf(shelf_url), to, Thresholds(least_count, bigram_pmi), also)
    say(
        f"{to}: {counted(made.unigrams, 'word')}, {counted(made.bigrams, 'pair')} of words, {made.added} of other lists"
    )
    say(f"read: {counted(made.texts, 'text')} of {counted(made.words, 'word')}")
    say(f"next: ostraka run caption-light --with balance=20 --with vocabulary={to} --shelf {shelf_url}")
