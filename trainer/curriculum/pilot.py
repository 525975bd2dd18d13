"""Pilots: what short runs say of each domain, and the proportions that follow from it.

    slope             of the share of right answers over the tokens drawn for the domain, by least squares
    worth             slope * (1 - share of right answers at the end), 0 where the slope is not above 0
    share of tokens   least + (1 - domains * least) * worth / sum of worths; alike where nothing is worth anything
    proportion        share of tokens / tokens of an answer, scaled to a sum of 1: it is a share of prompts

Tokens go where a token is about to teach most, for as long as there is something to learn, and each domain keeps a
least share, since domains help one another in ways that no pilot of one shows. The paper blends domains in proportions
found by pilots and does not say how.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, sqrt

import msgspec
from msgspec import Struct

from schemas.errors import BadInput

LEAST_STEPS = 4
ENDS = 4
"""A quarter of the steps are the start, and a quarter the end."""

MILLION = 1_000_000


class DomainStep(Struct, frozen=True):
    """A domain's answers of one step, as a run's log tells them: their mean tokens, the share of right ones."""

    answers: int
    right: float
    tokens: float


class Line(Struct, frozen=True):
    """A step of a run's log, of which no more is read."""

    step: int
    by_domain: dict[str, DomainStep]


class Pilot(Struct, frozen=True):
    """What is known of a domain; `slope` is of the share of right answers, a million drawn tokens."""

    domain: str
    steps: int
    start: float
    end: float
    slope: float
    slope_error: float
    answer_tokens: float
    drawn_tokens: int
    proportion: float = 0.0


def lines_of(log: bytes, where: str) -> list[Line]:
    """Return the steps of a run's log; a last line that was cut off is none. Raises BadInput for another log."""
    try:
        return [msgspec.json.decode(line, type=Line) for line in log.split(b"\n")[:-1]]
    except msgspec.DecodeError as error:
        raise BadInput(
            f"no log of reinforcement learning: {error}", where=where, remedy="give its run's folder"
        ) from None


def pilots(runs: Sequence[Sequence[Line]], least: float = 0.05) -> list[Pilot]:
    """Return what each domain's pilot says, with its proportion; raises BadInput where it says too little."""
    of_domain: dict[str, list[DomainStep]] = {}
    for lines in runs:
        met = {domain for line in lines for domain in line.by_domain}
        for domain in sorted(met):
            if domain in of_domain:
                raise BadInput(f"two of the runs ask {domain}", where="the pilots", remedy="give one run for a domain")
            of_domain[domain] = [line.by_domain[domain] for line in lines if domain in line.by_domain]
    found = [_pilot(domain, steps) for domain, steps in sorted(of_domain.items())]
    if not found or least * len(found) > 1:
        said = f"a least share of {least:g} for each of {len(found)} domains"
        raise BadInput(said, where="the pilots", remedy="give runs that have begun, and a share that fits")
    shares = proportions(found, least)
    return [msgspec.structs.replace(one, proportion=shares[one.domain]) for one in found]


def proportions(found: Sequence[Pilot], least: float) -> Mapping[str, float]:
    """Return each domain's share of the prompts."""
    worth = [max(0.0, one.slope) * (1 - one.end) for one in found]
    whole, count = sum(worth), len(found)
    of_tokens = [least + (1 - count * least) * (one / whole if whole else 1 / count) for one in worth]
    prompts = [share / one.answer_tokens for share, one in zip(of_tokens, found, strict=True)]
    return {one.domain: share / sum(prompts) for one, share in zip(found, prompts, strict=True)}


def _pilot(domain: str, steps: Sequence[DomainStep]) -> Pilot:
    if len(steps) < LEAST_STEPS:
        raise BadInput(
            f"{len(steps)} steps of {domain}", where="the pilots", remedy=f"run {LEAST_STEPS} at least, better 20"
        )
    ends = max(1, len(steps) // ENDS)
    before, tokens_S = 0.0, list[float]()
    for one in steps:
        tokens_S.append(before)
        before += one.answers * one.tokens
    slope, error = _line(tokens_S, [one.right for one in steps])
    answers = sum(one.answers for one in steps)
    return Pilot(
        domain=domain,
        steps=len(steps),
        start=_right(steps[:ends]),
        end=_right(steps[-ends:]),
        slope=slope * MILLION,
        slope_error=error * MILLION,
        answer_tokens=max(1.0, before / answers),
        drawn_tokens=round(before),
    )


def _right(steps: Sequence[DomainStep]) -> float:
    return sum(one.right * one.answers for one in steps) / sum(one.answers for one in steps)


def _line(at_S: Sequence[float], value_S: Sequence[float]) -> tuple[float, float]:
    """Return the slope of the least-squares line and its standard error, infinite where the points lie at one place."""
    count = len(at_S)
    middle, mean = sum(at_S) / count, sum(value_S) / count
    spread = sum((at - middle) ** 2 for at in at_S)
    if not spread:
        return 0.0, inf
    slope = sum((at - middle) * (value - mean) for at, value in zip(at_S, value_S, strict=True)) / spread
    left = sum((value - mean - slope * (at - middle)) ** 2 for at, value in zip(at_S, value_S, strict=True))
    return slope, sqrt(left / max(1, count - 2) / spread)
