"""H1 to H5, and H7: what each run trains, how large, and what it is held against."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch

from bench.gpu_runs import shapes
from bench.gpu_runs.drawn import documents, rows_of
from bench.gpu_runs.shapes import Shape
from bench.gpu_runs.sides import Setting, packed_side, padded_side, release, trl_side
from bench.gpu_runs.timed import Timed, timed
from trainer.documents.document import Document
from trainer.loop.flops import work_of
from trainer.model.pack import PackedBatch

BATCH = 4
"""Documents of a padded batch."""

FULL_BYTES, LEAN_BYTES, HELD_SHARE = 16, 8, 0.8
"""Bytes of a parameter with its gradient and moments, and the share of a card that they may take."""

TINY_TOKENS = 256


class Bar(NamedTuple):
    """A goal: `what` is asked of a line, to be at least (or, `most`, at most) `value`."""

    what: str
    value: float
    most: bool = False


class Line(NamedTuple):
    """One side's steps: tokens that a document holds in one of them, and the operations of one, 0 if not counted."""

    side: str
    setting: Setting
    tokens: int
    operations: float
    timed: Timed
    bars: tuple[Bar, ...] = ()
    against: Line | None = None
    """The side that its ratios are taken to."""


class Missing(NamedTuple):
    """A side that cannot run here, and why."""

    side: str
    why: str


class Run(NamedTuple):
    title: str
    lines: Callable[[str, bool], Iterator[Line | Missing]]


def _h1(device: str, tiny: bool) -> Iterator[Line | Missing]:
    bars = (Bar("of product", 0.57), Bar("of 989", 0.45))
    for shape in (shapes.TEXT_1B5, shapes.TEXT_4B):
        setting = _setting(shape, device, tiny, compiled=True)
        yield _packed(setting, _rows(8_192, 4, pictures=False, tiny=tiny), bars, steps=8)


def _h2(device: str, tiny: bool) -> Iterator[Line | Missing]:
    setting = _setting(_deepest(device), device, tiny, states="lean", compiled=True)
    bars = (Bar("of 989", 0.42), *([Bar("tokens/s", 6_800)] if setting.shape == shapes.WHOLE_9B else []))
    yield _packed(setting, _rows(8_192, 8, pictures=True, tiny=tiny), bars, steps=4)


def _h3(device: str, tiny: bool) -> Iterator[Line | Missing]:
    setting = _setting(_deepest(device), device, tiny, states="lean", compiled=True)
    bars = (Bar("of 989", 0.38), Bar("GiB", 130, most=True))
    bars += (Bar("tokens/s", 4_400),) if setting.shape == shapes.WHOLE_9B else ()
    yield _packed(setting, _rows(32_768, 2, pictures=True, tiny=tiny), bars, steps=4)


def _h4(device: str, tiny: bool) -> Iterator[Line | Missing]:
    setting, found = _setting(shapes.SEEING_2B, device, tiny), _documents(8_192, tiny)
    padded = _padded(setting, found)
    yield padded
    release(device)
    yield _packed(setting, rows_of(found, _length(8_192, tiny)), (Bar("times", 1.8),), steps=4, against=padded)


def _h5(device: str, tiny: bool) -> Iterator[Line | Missing]:
    absent = [package for package in ("trl", "datasets") if find_spec(package) is None]
    if absent:
        yield Missing("TRL's SFTTrainer", f"{' and '.join(absent)} not installed here")
        return
    setting, found = _setting(shapes.SEEING_2B, device, tiny), _documents(8_192, tiny)
    operations = _operations(setting, rows_of(found, _length(8_192, tiny)))
    with tempfile.TemporaryDirectory() as folder:
        _, step = trl_side(setting, found, BATCH, folder)
        peer = Line("TRL's SFTTrainer, batches of 4", setting, _tokens(found), operations, _timed(setting, step, 3))
        del step
    yield peer
    release(device)
    ours = setting._replace(compiled=not tiny)
    bars = (Bar("times", 1.8), Bar("memory", 0.8, most=True))
    yield _packed(ours, rows_of(found, _length(8_192, tiny)), bars, steps=4, against=peer)


def _h7(device: str, tiny: bool) -> Iterator[Line | Missing]:
    absent = [package for package in ("msgspec", "numba") if find_spec(package) is None]
    if absent:
        yield Missing("a step of GRPO", f"{' and '.join(absent)} not installed here")
        return
    from bench.gpu_runs.grpo import grpo_lines

    yield from grpo_lines(_setting(shapes.SEEING_1B, device, tiny, states="lean"), tiny)
    yield Missing("curriculum sampling", "what it saves is no matter of a device: python -m bench.experiments rlcs")


RUNS = {
    "H1": Run("a decoder alone, rows of 8,192 tokens", _h1),
    "H2": Run("9B or a cut of it, rows of 8,192 tokens with pictures", _h2),
    "H3": Run("9B or a cut of it, rows of 32,768 tokens with pictures", _h3),
    "H4": Run("packed rows against padded batches, the same model and loss", _h4),
    "H5": Run("against TRL's SFTTrainer, which pads", _h5),
    "H7": Run("a step of GRPO, eight answers to a prompt, local engine without CUDA graphs", _h7),
}


def _setting(shape: Shape, device: str, tiny: bool, states: str = "", compiled: bool = False) -> Setting:
    return Setting(shapes.TINY if tiny else shape, device, states or _states(shape, device), compiled and not tiny)


def _states(shape: Shape, device: str) -> str:
    """Return "full" where float32 weights and moments find place on the card, else "lean"."""
    return "full" if _room(device) >= _parameters(shape) * FULL_BYTES else "lean"


def _deepest(device: str) -> Shape:
    """Return the whole 9B where it finds place in lean states, else its cut of twenty layers."""
    return shapes.WHOLE_9B if _room(device) >= _parameters(shapes.WHOLE_9B) * LEAN_BYTES else shapes.CUT_6B


def _room(device: str) -> float:
    if not device.startswith("cuda"):
        return float("inf")
    return torch.cuda.get_device_properties(device).total_memory * HELD_SHARE


def _parameters(shape: Shape) -> int:
    return sum(weight.numel() for weight in shapes.built(shape, "meta", torch.bfloat16).parameters())


def _length(tokens: int, tiny: bool) -> int:
    return tokens * TINY_TOKENS // 8_192 if tiny else tokens


def _rows(tokens: int, count: int, *, pictures: bool, tiny: bool) -> list[PackedBatch]:
    """Draw what fills `count` rows, and take the fullest."""
    length = _length(tokens, tiny)
    laid = rows_of(documents(length * (count + 1), length, pictures=pictures, tiny=tiny), length)
    return sorted(laid, key=lambda row: -int(row.ends_D1[-2]))[:count]


def _documents(tokens: int, tiny: bool) -> list[Document]:
    length = _length(tokens, tiny)
    found = documents(length * (3 if tiny else 12), length, pictures=True, tiny=tiny)
    return found[: len(found) // BATCH * BATCH]


def _tokens(found: Sequence[Document]) -> int:
    return sum(len(document.tokens_T) for document in found)


def _operations(setting: Setting, rows: Sequence[PackedBatch], model: Any = None) -> float:
    work = work_of(model if model is not None else shapes.built(setting.shape, "meta", torch.bfloat16))
    return sum(work.of(row) for row in rows)


def _packed(
    setting: Setting,
    rows: Sequence[PackedBatch],
    bars: tuple[Bar, ...],
    *,
    steps: int,
    against: Line | None = None,
) -> Line:
    model, step = packed_side(setting, rows)
    tokens = sum(int(row.ends_D1[-2]) for row in rows)
    found = _timed(setting, step, steps)
    line = Line("ours, packed", setting, tokens, _operations(setting, rows, model), found, bars, against)
    del model, step
    release(setting.device)
    return line


def _timed(setting: Setting, step: Callable[[], object], steps: int) -> Timed:
    """Time steps after two that warm up; of a model that is cut to nothing, one after one."""
    return timed(step, setting.device, *((1, 1) if setting.shape == shapes.TINY else (2, steps)))


def _padded(setting: Setting, found: Sequence[Document]) -> Line:
    model, step = padded_side(setting, found, BATCH)
    rows = rows_of(found, max(len(document.tokens_T) for document in found))
    line = Line(
        f"padded, batches of {BATCH}",
        setting,
        _tokens(found),
        _operations(setting, rows, model),
        _timed(setting, step, 4),
    )
    del model, step
    return line
