"""`ostraka desk people`: who works at a desk, as what."""

from __future__ import annotations

import re
from typing import Any, Literal

import click

from pipelines.commands.desk.options import at_option, token
from pipelines.commands.screen import say, table
from schemas.errors import BadInput

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@click.command(short_help="Add people, change what they may do, or list them.")
@click.argument("names", nargs=-1, metavar="[NAME[=EMAIL]]...")
@at_option
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(["annotator", "reviewer", "adjudicator"]),
    help="May be several.",
)
@click.option("--layer", "layers", multiple=True, help="Only these layers; by default all.")
@click.option("--cost", type=click.FloatRange(0), help="What an hour costs, in any currency.")
@click.option("--pause", metavar="WHY", help="Give them no more work, and free what they hold.")
@click.option("--resume", is_flag=True, help="Give them work again.")
@click.option("--retake", metavar="LAYER", help="Let them take the exam of a layer again.")
def people(
    names: tuple[str, ...],
    folder: str,
    roles: tuple[Literal["annotator", "reviewer", "adjudicator"], ...],
    layers: tuple[str, ...],
    cost: float | None,
    pause: str | None,
    resume: bool,
    retake: str | None,
) -> None:
    """Add NAMEs, or change them; without a name, list who works here.

    A name is what stands on record, so it may be a pseudonym. Who is new is an annotator unless a --role says else, and
    is signed up at the desk's own server: how they get in lies in FOLDER/people/NAME.json, which nobody else may read.
    On a server elsewhere they sign up themselves; say under which address: NAME=EMAIL.
    """
    from pipelines.desk.folder import Folder
    from pipelines.desk.people import Change, put_people

    at = Folder(folder)
    if not names:
        _list(at)
        return
    named = dict(_named(one) for one in names)
    change = Change(roles, layers, cost, pause, resume, retake or "")
    for name, said in put_people(at, named, change, token):
        say(f"{name}: {said}")
    say(f"next: ostraka desk send LAYER... --shelf URL --at {folder}")


def _named(given: str) -> tuple[str, str]:
    name, _, email = given.partition("=")
    if not _NAME.fullmatch(name) or ("=" in given and "@" not in email):
        raise BadInput(f"{given!r} is no name", remedy="give letters, digits, dots and dashes, or NAME=EMAIL")
    return name, email


def _list(at: Any) -> None:
    with at.ledger() as ledger:
        state = ledger.state
        rows = [
            (
                one.name,
                ", ".join(one.roles),
                ", ".join(one.layers) or "all",
                at.settings.people.get(one.name, ""),
                len(ledger.held(one.name)),
                f"{one.spent_s / 3600:.1f}",
                one.paused,
            )
            for one in state.people.values()
        ]
    table("", ("name", "roles", "layers", "address", "holds", "hours", "paused"), rows, numbers=[4, 5])
