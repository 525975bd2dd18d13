"""`ostraka desk`: people annotate and review, in the order in which a lead needs it. A command a file."""

from __future__ import annotations

import click

from pipelines.commands.desk.ask import ask
from pipelines.commands.desk.backup import backup, restore
from pipelines.commands.desk.collect import collect
from pipelines.commands.desk.judge import adjudicate, review
from pipelines.commands.desk.layers import layers
from pipelines.commands.desk.models import models
from pipelines.commands.desk.people import people
from pipelines.commands.desk.queue import change, queue
from pipelines.commands.desk.rehearse import rehearse
from pipelines.commands.desk.report import report
from pipelines.commands.desk.send import send
from pipelines.commands.desk.server import down, up
from pipelines.commands.desk.status import status
from pipelines.commands.desk.sync import sync

COMMANDS = [
    layers,
    up,
    ask,
    people,
    send,
    rehearse,
    sync,
    status,
    queue,
    change,
    review,
    adjudicate,
    report,
    collect,
    models,
    backup,
    restore,
    down,
]


class _InOrder(click.Group):
    """A group whose help lists its commands in the order in which a lead needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, short_help="Have people annotate and review, in Label Studio.")
def desk() -> None:
    """Have people annotate and review in Label Studio, every decision on record."""


for command in COMMANDS:
    desk.add_command(command)
