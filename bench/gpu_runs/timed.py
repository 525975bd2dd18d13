"""Steps timed: a few to warm up, in which layers are compiled and moments made, then some between two settlings."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import torch


class Timed(NamedTuple):
    """What steps took, the loss of a target in the first and in the last, and the most memory that was held."""

    times_s: list[float]
    losses: tuple[float, float]
    peak_gib: float

    @property
    def step_s(self) -> float:
        return median(self.times_s)


def timed(step: Callable[[], object], device: str, warm: int, steps: int) -> Timed:
    """Run a step so many times to warm up, then so many that count."""
    losses, times_s = list[float](), list[float]()
    for number in range(warm + steps):
        settle(device)
        begin = time.perf_counter()
        found = step()
        settle(device)
        if number >= warm:
            times_s.append(time.perf_counter() - begin)
        losses.append(float(getattr(found, "training_loss", found)))  # type: ignore[arg-type]
    return Timed(times_s, (losses[0], losses[-1]), peak_gib(device))


def settle(device: str) -> None:
    """Wait until a device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def peak_gib(device: str) -> float:
    """Return the most memory that was held, of the device or, without one, of the process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
