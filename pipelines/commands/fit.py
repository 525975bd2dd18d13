"""`ostraka fit`: make a small head of labelled pictures."""

from __future__ import annotations

import click

from pipelines.commands.options import open_shelf, shelf_option
from pipelines.commands.screen import counted, say, table


@click.command(short_help="Make a classifier's head of labelled pictures of a shelf.")
@click.argument("what", type=click.Choice(["knowledge"]))
@shelf_option
@click.option(
    "--to", required=True, metavar="FOLDER", help="Where the head, its card and what to label next are written."
)
@click.option(
    "--labels", default="", metavar="FILE", help="Labels, a line of JSON each; by default those that come with ostraka."
)
@click.option("--encoder", default="", metavar="PATH", help="Fit on the vectors of this open_clip checkpoint's folder.")
@click.option(
    "--next", "following", default=0, type=click.IntRange(0), help="Pictures to name that should be labelled next."
)
def fit(what: str, shelf_url: str, to: str, labels: str, encoder: str, following: int) -> None:
    """Fit the knowledge classifier on labels of pictures, and try it on each book that it was not shown.

    A label is {"digest", "book", "kind", "knowledge", "round"}, by the SHA-256 of a picture on the shelf. With --next,
    the pictures that have no label and that the head is least sure of are written to FOLDER/next.jsonl: give them
    labels of the next round, and fit again.
    """
    from pipelines.fit import fit_knowledge

    done = fit_knowledge(open_shelf(shelf_url), to, labels, encoder, following)
    table(
        "heads on books that they never saw",
        ("book", "round", "labels seen", "pictures", "explain", "AUC"),
        [
            (
                one.book,
                one.round,
                one.labels,
                one.pictures,
                one.knowledge,
                f"{one.auc:.3f}" if one.auc == one.auc else "-",
            )
            for one in done.trials
        ],
        (1, 2, 3, 4, 5),
    )
    if done.missing:
        say(f"{counted(done.missing, 'label')} left out: the shelf has no such picture")
    say(f"{done.head}: fitted on {counted(done.labels, 'label')}; its card lies beside it")
    if following:
        say(f"{done.following}: {counted(done.asked, 'picture')} to label next")
    recipe = f"documents-clip --weights relevance={encoder}" if encoder else "documents"
    say(f"next: ostraka run {recipe} --weights knowledge={done.head} --shelf {shelf_url}")
