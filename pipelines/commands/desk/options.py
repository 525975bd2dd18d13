"""Options that several commands of the desk take, and the secrets that they find in the environment."""

from __future__ import annotations

import os
import re

import click

from schemas.errors import BadInput

TOKEN, PASSWORD = "OSTRAKA_DESK_TOKEN", "OSTRAKA_DESK_PASSWORD"

at_option = click.option(
    "--at",
    "folder",
    required=True,
    envvar="OSTRAKA_DESK",
    metavar="FOLDER",
    help="The desk's folder: ledger, media, the server's database and log. Or set OSTRAKA_DESK.",
)


def token() -> str:
    """Return the desk's own token; raises BadInput where none of its form is set."""
    said = "the token of the server's, of our own 40 hex digits: export OSTRAKA_DESK_TOKEN=$(openssl rand -hex 20)"
    return secret(TOKEN, r"[0-9a-f]{40}|[\w-]+\.[\w-]+\.[\w-]+", said)


def secret(name: str, form: str, said: str) -> str:
    """Return what a variable of the environment holds; raises BadInput, which does not repeat it."""
    value = os.environ.get(name, "")
    if not re.fullmatch(form, value):
        raise BadInput(f"{name} is {'not of its form' if value else 'not set'}", remedy=f"set it to {said}")
    return value
