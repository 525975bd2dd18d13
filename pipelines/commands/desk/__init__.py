"""`ostraka desk`: people annotate and review, in the order in which a lead needs it. A command a file."""

from __future__ import annotations

import click

from pipelines.commands.desk.collect import collect
from pipelines.commands.desk.layers import layers
from pipelines.commands.desk.models import models
from pipelines.commands.desk.server import down, up

COMMANDS = [layers, up, down, collect, models]


class _InOrder(click.Group):
    """A group whose help lists its commands in the order in which a lead needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, short_help="Have people annotate and review, in Label Studio.")
def desk() -> None:
    """Have people annotate and review in Label Studio, every decision on record."""


for command in COMMANDS:
    desk.add_command(command)
