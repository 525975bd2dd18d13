"""What a run told, step by step: a line of JSON each in log.jsonl, and TensorBoard's events beside where it is there.

A run that goes on from a checkpoint first takes back the lines of the steps that it is about to do again, so that the
file holds each step once.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from trainer.loop.run_file import put_file

LOG = "log.jsonl"


class Told(Struct, frozen=True):
    """One step. Losses are means over targets; `padding` is the share of tokens that no document fills; `mfu` holds
    the convention of trainer/loop/flops.py."""

    step: int
    loss: float
    loss_by_kind: dict[str, float]
    targets_by_kind: dict[str, int]
    rate: float
    gradient_norm: float
    documents: int
    tokens: int
    targets: int
    padding: float
    step_s: float
    tokens_per_s: float
    mfu: float
    peak_gib: float = 0.0
    load: float = 0.0
    """Experts: the most loaded one's share over the mean's."""

    def scalars(self) -> dict[str, float]:
        """Return what is drawn as curves, by name."""
        names = ("loss", "rate", "gradient_norm", "padding", "tokens_per_s", "mfu")
        found = {name: float(getattr(self, name)) for name in names}
        return found | {f"loss/{kind}": loss for kind, loss in self.loss_by_kind.items()}


class Line(Protocol):
    """What a step told, of any kind of run."""

    @property
    def step(self) -> int: ...

    def scalars(self) -> dict[str, float]:
        """Return what is drawn as curves, by name."""
        ...


Step = TypeVar("Step", bound=Struct)


class Record:
    """The log of a run in a folder; lines of steps from `first_step` on are taken back.

    Of the files `told_before` the line of `first_step` stays: it says how things stood when the checkpoint was written,
    and is not told again.
    """

    def __init__(self, folder: str, first_step: int, told_before: Collection[str] = ()) -> None:
        for name in os.listdir(folder):
            if name.endswith(".jsonl"):
                take_back(os.path.join(folder, name), first_step + (name in told_before))
        self._file = open(os.path.join(folder, LOG), "ab")  # noqa: SIM115
        self._board = _board(os.path.join(folder, "tensorboard"), first_step)

    def add(self, told: Line) -> None:
        """Write a step's line at once."""
        self._file.write(msgspec.json.encode(told) + b"\n")
        self._file.flush()
        if self._board is not None:
            for name, value in told.scalars().items():
                self._board.add_scalar(name, value, told.step)

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def read(folder: str) -> list[Told]:
    """Return the steps that a run told, in order; a last line that was cut off is none."""
    return read_as(folder, Told)


def read_as(folder: str, kind: type[Step]) -> list[Step]:
    """Return the steps of a run whose lines are of a kind."""
    try:
        with open(os.path.join(folder, LOG), "rb") as file:
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [msgspec.json.decode(line, type=kind) for line in lines]


def take_back(path: str, first_step: int) -> None:
    """Keep the lines of a file that are of steps before `first_step`; one that was cut off goes."""
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")[:-1]
    kept = [line for line in lines if msgspec.json.decode(line, type=_Stepped).step < first_step]
    put_file(path, b"".join(line + b"\n" for line in kept))


class _Stepped(Struct):
    step: int


def _board(folder: str, first_step: int) -> Any:
    """Return TensorBoard's writer, None where the package is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(folder, purge_step=first_step)
