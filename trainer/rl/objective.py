"""The objective: GRPO's clipped ratio, token by token, without a KL term and without a bonus for entropy (paper 5.3).

A token whose ratio to the weights that drew it has left the bounds on the side that its advantage pushes to is not
pushed further. The upper bound is the wider one, so that unlikely tokens may grow (clip-higher). Each answer's loss is
its mean over the tokens that it chose, or, per token, every token weighs the same; both are sums here, divided at the
end of a step. Shapes: K tokens that are learnt from.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from msgspec import Struct

from schemas.errors import BadInput


class Clip(Struct, frozen=True):
    """How far a token's ratio may go below and above 1; the paper states none, these are those of DAPO's recipe."""

    low: float = 0.2
    high: float = 0.28

    def __post_init__(self) -> None:
        if not 0 < self.low < 1 or self.high <= 0:
            raise BadInput(
                f"bounds of {self.low:g} below and {self.high:g} above",
                where="clip",
                remedy="give a low one between 0 and 1, and a high one above 0",
            )


Weighting = Literal["sample", "token"]


class Signals(NamedTuple):
    """What each token is learnt with: the log-probability that drew it, its answer's advantage, and its weight."""

    old_K: torch.Tensor
    advantage_K: torch.Tensor
    weight_K: torch.Tensor

    def to(self, device: str | torch.device) -> Signals:
        """Return them on `device`."""
        return Signals(*(one.to(device) for one in self))


class Pushed(NamedTuple):
    """The loss of a row, to be divided by what the step's weights sum up to, and which of its tokens were clipped."""

    loss: torch.Tensor
    clipped_K: torch.Tensor


def objective(new_K: torch.Tensor, signals: Signals, clip: Clip) -> Pushed:
    """Return the weighted sum of -min(ratio * A, clipped ratio * A)."""
    ratio_K = (new_K - signals.old_K).exp()
    bounded_K = ratio_K.clamp(1 - clip.low, 1 + clip.high)
    plain_K, held_K = ratio_K * signals.advantage_K, bounded_K * signals.advantage_K
    each_K = -torch.minimum(plain_K, held_K)
    return Pushed((each_K * signals.weight_K).sum(), (held_K < plain_K).detach())
