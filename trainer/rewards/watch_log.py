"""The log of a watched curriculum: curriculum.jsonl in the run's folder, a line a step.

It is opened for each line: a run that goes on takes lines back by putting another file in this one's place.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import msgspec

from trainer.rewards.watched import ToldWatch

LOG = "curriculum.jsonl"


class WatchLog(NamedTuple):
    """Writes the lines of a run's folder."""

    folder: str

    def add(self, told: ToldWatch) -> None:
        """Write a step's line at once."""
        with open(os.path.join(self.folder, LOG), "ab") as file:
            file.write(msgspec.json.encode(told) + b"\n")


def read_watch_log(folder: str) -> list[ToldWatch]:
    """Return the steps that were told, in order; a last line that was cut off is none."""
    try:
        with open(os.path.join(folder, LOG), "rb") as file:
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [msgspec.json.decode(line, type=ToldWatch) for line in lines]
