"""`ostraka desk up` and `down`: the editor's server, on this machine alone."""

from __future__ import annotations

import os

import click

from pipelines.commands.desk.options import PASSWORD, TOKEN, at_option, secret
from pipelines.commands.screen import say
from schemas.errors import BadInput


@click.command(short_help="Install and start Label Studio.")
@at_option
@click.option(
    "--environment",
    default="",
    envvar="OSTRAKA_DESK_SERVER",
    metavar="FOLDER",
    help="Where Label Studio is installed, or OSTRAKA_DESK_SERVER; by default below --at.",
)
@click.option("--email", default="desk@example.com", show_default=True, help="The desk's own user, for the browser.")
@click.option("--port", default=8080, envvar="OSTRAKA_DESK_PORT", show_default=True, type=click.IntRange(1, 65535))
@click.option("--hooks", is_flag=True, help="Let the server call webhooks on this machine.")
def up(folder: str, environment: str, email: str, port: int, hooks: bool) -> None:
    """Install Label Studio where it is not yet (two minutes, a gigabyte), start it, and wait until it answers.

    OSTRAKA_DESK_TOKEN is the token that the desk is known by, 40 hex digits; OSTRAKA_DESK_PASSWORD is for the browser.
    Both are set at the first start. A second `up` finds the server that runs.
    """
    from annotators.desk.label_studio.environment import is_ready, make_environment
    from annotators.desk.label_studio.http import Secret
    from annotators.desk.label_studio.server import Login, find, start

    login = Login(
        email,
        Secret(secret(PASSWORD, r".{8,}", "8 characters or more")),
        Secret(secret(TOKEN, r"[0-9a-f]{40}", "40 hex digits: export OSTRAKA_DESK_TOKEN=$(openssl rand -hex 20)")),
    )
    place = environment or os.path.join(folder, "environment")
    if not is_ready(place):
        say(f"installing Label Studio in {place}, once")
        make_environment(place)
    before = find(folder)
    running = start(folder, place, login, port=port, hooks=hooks)
    say(f"{running.url} {'runs already' if before else 'is up'}, for {email}")
    say(f"next: ostraka desk ask LAYER... --at {folder}")


@click.command(short_help="Stop Label Studio.")
@at_option
def down(folder: str) -> None:
    """Stop the server of a folder; nothing is lost, `up` goes on with it."""
    from annotators.desk.label_studio.server import stop

    if not os.path.isdir(folder):
        raise BadInput("there is no such folder", where=folder, remedy="give --at as `ostraka desk up` had it")
    say(f"{folder}: {'stopped' if stop(folder) else 'nothing runs there'}")
