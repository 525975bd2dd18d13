"""The limits of the monitors: from where on a domain is warned of, and from where on it is frozen.

Each is a pair, (warn, freeze); `inf` never happens. They are ours: the paper tells that one weak verifier brings every
domain down after 150 steps, and not what would have shown it.
"""

from __future__ import annotations

from math import inf
from typing import Literal

from msgspec import Struct

Pair = tuple[float, float]


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Over the domain's moving averages. Raises ValueError where a number makes no sense.

    `reward_fall`: how far the reward is below its best; `length_times`: tokens over those of the start, or under;
    `entropy_times` and `entropy_fall`: the entropy over the start's, and the share of it that is gone; `kl`: to the
    start, in nats a token; `format_errors`: the share of malformed answers, where it rose by 0.1 too; `failed`: the
    share of answers whose verifier failed; `disagreement`: the share on which the held-out verifier differs, above that
    of the start. The start are the first `start_steps`; a domain is frozen after `patience` steps in a row.
    """

    reward_fall: Pair = (0.3, inf)
    length_times: Pair = (2.0, 5.0)
    entropy_times: Pair = (1.5, 3.0)
    entropy_fall: Pair = (0.9, inf)
    kl: Pair = (0.5, 5.0)
    format_errors: Pair = (0.3, 0.7)
    failed: Pair = (0.01, 0.2)
    disagreement: Pair = (0.1, 0.25)
    kl_every: int = 0
    """Steps between two measurements of the divergence from the start, which hold the first model in memory and take
    a forward pass of some answers on the processor; 0 measures none."""
    paid_canary: Literal["warn", "freeze", "stop"] = "freeze"
    start_steps: int = 5
    patience: int = 3
    share: float = 0.3
    """How far each step moves the average."""

    def __post_init__(self) -> None:
        if self.kl_every < 0:
            raise ValueError("kl_every is 0 or more")
        if self.start_steps < 1 or self.patience < 1 or not 0 < self.share <= 1:
            raise ValueError("start_steps and patience are 1 or more, share lies in (0, 1]")
        for name in MEASURES:
            warn, freeze = getattr(self, name)
            if not 0 <= warn <= freeze:
                raise ValueError(f"{name}: a warning comes at 0 or more, and no later than the freezing")


MEASURES = (
    "reward_fall",
    "length_times",
    "entropy_times",
    "entropy_fall",
    "kl",
    "format_errors",
    "failed",
    "disagreement",
)
