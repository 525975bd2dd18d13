"""How a model learns from groups of answers, as values.

The paper states neither the size of a group nor of a batch ("relatively large"), the bounds of the ratio, the rate, the
temperature or the count of steps: those are our choices, and the run's record holds them. Temperature and top-p are 1,
which is not a choice: ratios are between the model's own chances, and an answer has to be drawn from those.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, structs

from schemas.errors import BadInput
from trainer.loop.schedule import Rate
from trainer.loop.stages import Stage
from trainer.rl.objective import Clip, Weighting

OldFrom = Literal["engine", "trainer"]


class Grpo(Struct, frozen=True):
    """Groups of `group` answers to `prompts` tasks make a step, learnt from in `updates` steps of the optimiser.

    `old` says where the log-probabilities come from that ratios are held against: the engine that drew the tokens, or
    the trainer, which computes them again before it learns. `parity` is how far the two may be apart at the same
    weights where it is the engine; beyond, the run stops. Thinking that goes on for `think_tokens` is ended and the
    answer asked for; 0 lets it go on.
    """

    prompts: int
    group: int
    answer_tokens: int
    think_tokens: int = 0
    updates: int = 1
    clip: Clip = Clip()
    weighting: Weighting = "sample"
    old: OldFrom = "engine"
    parity: float = 1e-3
    rows_at_once: int = 128

    def __post_init__(self) -> None:
        for holds, said, remedy in (
            (self.prompts >= 1, f"{self.prompts} prompts a step", "give one or more"),
            (self.group >= 2, f"groups of {self.group}", "give two or more: an answer is held against the others"),
            (self.answer_tokens >= 1, f"answers of {self.answer_tokens} tokens", "give one or more"),
            (1 <= self.updates <= self.prompts, f"{self.updates} updates a step", "give from 1 to as many as prompts"),
        ):
            if not holds:
                raise BadInput(said, where="rl", remedy=remedy)


def rl(preset: str) -> tuple[Stage, Grpo]:
    """Return the stage and how it learns, for a preset; a tiny one's is what a CPU does in minutes."""
    whole = Stage(
        name="rl",
        kinds=(),
        sequence_length=32_768,
        sequences=512 * 16,
        steps=400,
        rate=Rate(peak=1e-6, warmup_steps=10, shape="constant"),
        weight_decay=0.0,
        checkpoint_every=20,
    )
    if not preset.startswith("tiny"):
        return whole, Grpo(prompts=512, group=16, answer_tokens=8_192, think_tokens=7_168, old="trainer")
    tiny = structs.replace(
        whole,
        sequence_length=4_096,
        sequences=48 * 8,
        steps=200,
        rate=Rate(peak=1.5e-4, warmup_steps=10, shape="linear"),
        precision="float32",
        recompute=False,
        checkpoint_every=25,
    )
    return tiny, Grpo(prompts=48, group=8, answer_tokens=64)
