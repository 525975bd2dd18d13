"""The learning rate of a step: a linear rise, then constant, linear or half a cosine down to a share of the peak.

The paper states none for any stage (spec C.1, C.3: "not stated"); what the stages say is our choice.
"""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct


class Rate(Struct, frozen=True):
    """How the learning rate goes over a stage; `floor` is the last step's, as a share of the peak."""

    peak: float
    warmup_steps: int = 0
    shape: Literal["constant", "linear", "cosine"] = "cosine"
    floor: float = 0.1

    def at(self, step: int, steps: int) -> float:
        """Return the rate of a step, counted from 0; the first step already learns."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        done = min(1.0, (step - self.warmup_steps) / max(1, steps - 1 - self.warmup_steps))
        left = {"constant": 1.0, "linear": 1.0 - done, "cosine": (1.0 + math.cos(math.pi * done)) / 2}[self.shape]
        return self.peak * (self.floor + (1.0 - self.floor) * left)
