"""`ostraka desk models`: which model was wrong how often, by what people said in the end."""

from __future__ import annotations

import click

from pipelines.commands.desk.options import at_option
from pipelines.commands.screen import say, table


@click.command("models", short_help="Count how often each model was wrong, by layer and label.")
@at_option
@click.option("--audits", is_flag=True, help="Of the random audit alone: the others came because a model was unsure.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def models(folder: str, audits: bool, form: str) -> None:
    """Say, of what models had noted before people looked, how much was not what people said in the end."""
    import msgspec

    from annotators.desk.corrections import corrections
    from pipelines.desk.folder import Folder

    with Folder(folder).ledger() as ledger:
        found = corrections(ledger.state, audits=audits)
    if form == "json":
        for one in found:
            click.echo(msgspec.json.encode(one))
        return
    rows = [
        (
            one.model,
            one.layer,
            one.label or f"all {one.name}",
            one.said,
            one.wrong,
            f"{100 * one.wrong / one.said:.1f} %" if one.said else "-",
            f"{100 * one.low:.1f} to {100 * one.high:.1f} %",
            one.missed,
        )
        for one in found
    ]
    headings = ("model", "layer", "label", "said", "wrong", "share", "95 % interval", "missed")
    table("", headings, rows, numbers=[3, 4, 5, 7])
    whom = (
        "items that were drawn for the audit"
        if audits
        else "all items that people finished; --audits takes those drawn"
    )
    say(f"counted over {whom}")
