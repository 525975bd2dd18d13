"""The line that a run of reinforcement learning shows of itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from trainer.loop.progress import LINES, clock
from trainer.rl.told import RlTold
from trainer.screen import say


def line_of(told: RlTold, steps: int, left_s: float) -> str:
    """Return a step as a line."""
    domains = "  ".join(f"{domain} {one.right:.0%}" for domain, one in told.by_domain.items())
    return (
        f"step {told.step + 1:,}/{steps:,}  right {told.right:.1%} ({domains})  teaching {told.teaching:.0%}  "
        f"tokens {told.answer_tokens:.0f}  norm {told.gradient_norm:.2f}  left {clock(left_s)}"
    )


def shown_steps(told: Iterable[RlTold], steps: int) -> Iterator[RlTold]:
    """Pass steps on, with one line that moves where a person is watching, else with a line now and then."""
    watched, typical_s = sys.stderr.isatty(), 0.0
    for one in told:
        took_s = one.rollout_s + one.learn_s
        typical_s = took_s if not typical_s else 0.9 * typical_s + 0.1 * took_s
        line = line_of(one, steps, typical_s * (steps - 1 - one.step))
        if watched:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        elif one.step % -(-steps // LINES) == 0 or one.step == steps - 1:
            say(line)
        yield one
    if watched:
        print(file=sys.stderr)
