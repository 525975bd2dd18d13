"""The line that a run of reinforcement learning shows of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trainer.loop.progress import clock, lines
from trainer.rl.told import RlTold


def line_of(told: RlTold, steps: int, left_s: float) -> str:
    """Return a step as a line."""
    domains = "  ".join(f"{domain} {one.right:.0%}" for domain, one in told.by_domain.items())
    return (
        f"step {told.step + 1:,}/{steps:,}  right {told.right:.1%} ({domains})  teaching {told.teaching:.0%}  "
        f"tokens {told.answer_tokens:.0f}  norm {told.gradient_norm:.2f}  left {clock(left_s)}"
    )


def shown_steps(told: Iterable[RlTold], steps: int) -> Iterator[RlTold]:
    """Pass steps on, and show a line of them."""
    return lines(told, steps, line_of, lambda one: one.rollout_s + one.learn_s)
