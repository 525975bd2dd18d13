"""Answers that may be trained on: by the weights that are trained, drawn from all of their distribution.

What an engine of another program leaves undone in silence (weights that were not taken, tokens without their chance)
is told here, before a step is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from schemas.errors import BadInput, Unavailable
from trainer.documents import special
from trainer.documents.codec import Codec
from trainer.engine.engine import Answer, Engine, Force, Prompt, Sampling


def check_whole(sampling: Sampling, *, any_top_p: bool = False) -> None:
    """Raise BadInput where tokens are drawn from a part of the distribution, unless that is asked for.

    What top_p cuts off is never said and so never unlearnt: the paper saw garbled text come of 0.9.
    """
    if sampling.top_p != 1 and not any_top_p:
        raise BadInput(
            f"top_p is {sampling.top_p:g}, and rollouts are drawn from all of the distribution",
            where="sampling",
            remedy="leave it at 1, or say any_top_p",
        )


def on_policy(
    engine: Engine,
    version: str,
    prompts: Sequence[Prompt],
    n: int,
    sampling: Sampling,
    *,
    any_top_p: bool = False,
) -> list[list[Answer]]:
    """Return `n` answers to each prompt, each by the weights of this version.

    Raises BadInput as `check_whole` does, and Unavailable where the engine answers with other weights, fewer answers,
    or tokens whose chance it does not tell.
    """
    check_whole(sampling, any_top_p=any_top_p)
    found = engine.generate(prompts, n, sampling)
    if [len(answers) for answers in found] != [n] * len(prompts):
        raise Unavailable(f"{len(prompts)} prompts were to be answered {n} times each, and were not", where="engine")
    for prompt, answers in zip(prompts, found, strict=True):
        for answer in answers:
            _check(answer, version, prompt.key or "prompt")
    return found


def _check(answer: Answer, version: str, where: str) -> None:
    if answer.version != version:
        raise Unavailable(
            f"answered by weights {answer.version!r}, where {version!r} are trained",
            where=where,
            remedy="see why the engine did not take the weights that it was given",
        )
    told = len(answer.logprobs) == len(answer.tokens) > 0
    if not told or not all(isfinite(one) and one <= 0 for one in answer.logprobs):
        raise Unavailable("not every token has its log-probability", where=where, remedy="see what the engine told")


def force_after(tokens: int, codec: Codec) -> Force:
    """Return what ends thinking after so many tokens: its mark, and the one that opens the answer, if there is one."""
    names = (special.END_THINK, *((special.ANSWER,) if codec.family == "4.1v" else ()))
    return Force(tokens, tuple(codec.tokens.id(name) for name in names))
