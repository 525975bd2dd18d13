"""Picking tokens: from the logits of rows, one token each, by chance that is handed in.

The words are gone through in the order of their ids, not of their likelihood, so that two that are all but equally
likely do not change places between one shape of batch and another. Shapes: R rows, V words, K the likeliest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from types import MappingProxyType
from typing import NamedTuple

import torch

from schemas.errors import Unavailable
from trainer.engine.engine import Sampling

NONE_GIVEN: Mapping[int, int] = MappingProxyType({})


class Picked(NamedTuple):
    """A token for each row, its log-probability, and the likeliest tokens with theirs."""

    tokens_R: list[int]
    logprobs_R: list[float]
    top_R: list[tuple[tuple[int, float], ...]]


def pick(
    logits_RV: torch.Tensor,
    fractions_R: Sequence[float],
    sampling: Sampling,
    barred: Sequence[int] = (),
    given: Mapping[int, int] = NONE_GIVEN,
) -> Picked:
    """Pick a token for each row, none that is barred, and those that are `given` for some rows as they are.

    Log-probabilities are those of the logits as they are.

    Raises Unavailable where the logits are no numbers.
    """
    logprobs_RV = logits_RV.float().log_softmax(-1)
    open_RV = logprobs_RV.index_fill(-1, torch.tensor(barred, dtype=torch.long, device=logits_RV.device), -torch.inf)
    if sampling.temperature == 0:
        tokens_R = open_RV.argmax(-1)
    else:
        below_RV = (open_RV - open_RV.amax(-1, keepdim=True)).double()
        chances_RV = nucleus((below_RV / sampling.temperature).softmax(-1), sampling.top_p)
        tokens_R = _at(chances_RV, torch.tensor(fractions_R, dtype=torch.float64, device=logits_RV.device))
    for row, token in given.items():
        tokens_R[row] = token
    picked_R = logprobs_RV.gather(-1, tokens_R[:, None])[:, 0].tolist()
    if any(isnan(one) for one in picked_R):
        raise Unavailable("the model's logits are not numbers", where="generation", remedy="look at its weights")
    return Picked(tokens_R.tolist(), picked_R, _likeliest(logprobs_RV, sampling.top))


def nucleus(chances_RV: torch.Tensor, top_p: float) -> torch.Tensor:
    """Return the chances with all but the fewest likeliest that reach `top_p` together set to 0."""
    if top_p >= 1:
        return chances_RV
    sorted_RV, words_RV = chances_RV.sort(dim=-1, descending=True, stable=True)
    before_RV = sorted_RV.cumsum(-1) - sorted_RV
    return torch.zeros_like(chances_RV).scatter(-1, words_RV, sorted_RV * (before_RV < top_p))


def _at(chances_RV: torch.Tensor, fractions_R: torch.Tensor) -> torch.Tensor:
    """Return the first word whose chance, with those before it, passes the fraction of the whole."""
    upto_RV = chances_RV.cumsum(-1)
    wanted_R1 = fractions_R[:, None] * upto_RV[:, -1:]
    return torch.searchsorted(upto_RV, wanted_R1, right=True)[:, 0].clamp(max=chances_RV.shape[-1] - 1)


def _likeliest(logprobs_RV: torch.Tensor, count: int) -> list[tuple[tuple[int, float], ...]]:
    if not count:
        return [()] * len(logprobs_RV)
    values_RK, words_RK = logprobs_RV.topk(min(count, logprobs_RV.shape[-1]), -1)
    return [tuple(zip(*both, strict=True)) for both in zip(words_RK.tolist(), values_RK.tolist(), strict=True)]
