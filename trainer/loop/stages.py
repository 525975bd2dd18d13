"""Training stages, as values: one frozen configuration each, and one loop for all of them.

Lengths, sizes of batches, counts of steps, kinds and meshes are the paper's (sections 3.2 and 4.3). It states no
optimiser, rate, precision or weight decay for any stage: those are our choices, and the run's record holds them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, structs

from schemas.errors import BadInput
from schemas.kind import KINDS
from trainer.loop.schedule import Rate

PARTS = ("tower", "merger", "decoder")


class Mesh(Struct, frozen=True):
    """How many ranks share one model along each axis; the rest of the ranks hold other rows."""

    tensor: int = 1
    context: int = 1
    expert: int = 1
    pipeline: int = 1


class Stage(Struct, frozen=True):
    """One stage of training.

    `sequences` of `sequence_length` tokens make a step, over all ranks. `states` "lean" keeps weights and moments as
    bfloat16, rounded stochastically (lean_adamw.py), which is what fits 9B on one card of 141 GB. `recompute` trades
    time for memory. `frozen` names parts that do not learn.
    """

    name: str
    kinds: tuple[str, ...]
    sequence_length: int
    sequences: int
    steps: int
    rate: Rate
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    states: Literal["full", "lean"] = "full"
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    recompute: bool = True
    compile: bool = False
    frozen: tuple[str, ...] = ()
    bias_rate: float = 1e-3
    balance_weight: float = 1e-4
    mesh: Mesh = Mesh()
    checkpoint_every: int = 500
    keep: int = 3
    seed: int = 0


def pretrain(preset: str = "9b") -> Stage:
    """Return multimodal pre-training: every kind but video, packed to 8,192."""
    return Stage(
        name="pretrain",
        kinds=tuple(kind for kind in KINDS if kind not in ("video", "cot")),
        sequence_length=8_192,
        sequences=1_536,
        steps=120_000,
        rate=Rate(peak=1e-4, warmup_steps=2_000),
        mesh=_mesh(preset),
    )


def long_context(preset: str = "9b") -> Stage:
    """Return long-context training: video and long documents come in, packed to 32,768."""
    return Stage(
        name="long_context",
        kinds=tuple(kind for kind in KINDS if kind != "cot"),
        sequence_length=32_768,
        sequences=1_536,
        steps=10_000,
        rate=Rate(peak=2e-5, warmup_steps=200),
        mesh=structs.replace(_mesh(preset), context=4),
    )


def sft(preset: str = "9b") -> Stage:
    """Return supervised fine-tuning on long chains of thought with text-only dialogues mixed in: full parameters."""
    return Stage(
        name="sft",
        kinds=("cot", "instruction", "text", "video", "caption"),
        sequence_length=32_768,
        sequences=32,
        steps=2_000,
        rate=Rate(peak=1e-5, warmup_steps=50),
        weight_decay=0.0,
        mesh=_mesh(preset),
    )


STAGES = {"pretrain": pretrain, "long_context": long_context, "sft": sft}


def stage(name: str, preset: str) -> Stage:
    """Return the stage of this name for a preset, in tiny form for a tiny one; raises BadInput for another name."""
    if name not in STAGES:
        raise BadInput(f"there is no stage {name!r}", where="train", remedy=f"say one of {', '.join(STAGES)}")
    found = STAGES[name](preset)
    return tiny(found) if preset.startswith("tiny") else found


def tiny(whole: Stage) -> Stage:
    """Return a stage at a size that a CPU trains in minutes, its lengths in the proportion of the whole's."""
    return structs.replace(
        whole,
        sequence_length=whole.sequence_length // 8,
        sequences=4,
        steps=60,
        rate=structs.replace(whole.rate, peak=1e-3 if whole.name == "pretrain" else 3e-4, warmup_steps=6),
        precision="float32",
        recompute=False,
        mesh=Mesh(),
        checkpoint_every=20,
    )


def _mesh(preset: str) -> Mesh:
    """Return the paper's mesh: tensors over two ranks for the dense model; experts over eight, layers over four."""
    if preset.startswith("106b"):
        return Mesh(expert=8, pipeline=4)
    return Mesh(tensor=2) if preset.startswith("9b") else Mesh()
