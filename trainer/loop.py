"""One training loop for every stage: rows in, a step of the optimiser, a line of the record.

Losses of a row are summed, never averaged: the gradient is divided once, at the end of the step, by the count of
targets of all rows on all ranks. So how a step is cut into rows, and dealt to ranks, does not weigh in what it learns.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import msgspec
import torch
from torch.distributed.tensor import DTensor

from schemas.errors import BadInput
from trainer.flops import product_rate, work_of
from trainer.forward import Passed, Trainee
from trainer.lean_adamw import LeanAdamW
from trainer.pack import PackedBatch
from trainer.parallel import Ranks
from trainer.record import Told
from trainer.stages import KINDS, Stage


class Step(NamedTuple):
    """What a rank is given for one step: its rows, as many as every other rank's, and where the stream then stands."""

    number: int
    rows: Iterable[PackedBatch]
    after: Mapping[str, Any]


class Loop:
    """A model under training by a stage."""

    def __init__(self, stage: Stage, trainee: Trainee, among: Ranks, folder: str) -> None:
        self.stage, self.trainee, self._ranks, self._folder = stage, trainee, among, folder
        self._dtype = getattr(torch, stage.precision)
        self._work = work_of(trainee.model)
        self._rate = product_rate(among.device, self._dtype) * among.count
        freeze(trainee, stage.frozen)
        self.optimizer = optimizer_of(stage, trainee)

    def steps(self, stream: Iterable[Step]) -> Iterator[tuple[Step, Told]]:
        """Train on each step of a stream, and yield it with what it told."""
        for step in stream:
            yield step, self.step(step)

    def step(self, step: Step) -> Told:
        """Train one step; raises BadInput, with the step's rows saved, where its loss is not a number."""
        begin = time.perf_counter()
        counted = _Counted()
        self.trainee.train()
        for row in step.rows:
            passed = self.backward(row)
            counted.add(row, passed, self._work.of(row))
        whole = counted.over(self._ranks)
        self._check(step, counted, whole)
        rate = self.stage.rate.at(step.number, self.stage.steps)
        norm = self._learn(whole.targets, rate)
        step_s = time.perf_counter() - begin
        return Told(
            step=step.number,
            loss=whole.loss / max(1, whole.targets),
            loss_by_kind={kind: loss / count for kind, (loss, count) in whole.by_kind.items() if count},
            targets_by_kind={kind: int(count) for kind, (_, count) in whole.by_kind.items() if count},
            rate=rate,
            gradient_norm=norm,
            documents=whole.documents,
            tokens=whole.tokens,
            targets=whole.targets,
            padding=1 - whole.tokens / max(1, whole.room),
            step_s=step_s,
            tokens_per_s=whole.tokens / step_s,
            mfu=whole.operations / step_s / self._rate,
            peak_gib=_peak_gib(self._ranks.device),
        )

    def backward(self, row: PackedBatch) -> Passed:
        """Run a row forward and back: its gradient is added to those of the rows before it, not yet divided."""
        cast = self._dtype != torch.float32
        casting = (
            torch.autocast(torch.device(self._ranks.device).type, self._dtype) if cast else contextlib.nullcontext()
        )
        with casting:
            passed: Passed = self.trainee(row.to(self._ranks.device))
        torch.autograd.backward(passed.losses.sum())
        return passed

    def _learn(self, targets: int, rate: float) -> float:
        """Divide the gradients, which sharding averages over the ranks, clip them, step; return their norm before."""
        weights = [weight for weight in self.trainee.parameters() if weight.grad is not None]
        for weight in weights:
            cast(torch.Tensor, weight.grad).mul_(self._ranks.count / max(1, targets))
        norm = torch.nn.utils.clip_grad_norm_(weights, self.stage.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)

    def _check(self, step: Step, mine: _Counted, whole: _Counted) -> None:
        if whole.loss == whole.loss and abs(whole.loss) != float("inf"):
            return
        path = os.path.join(self._folder, f"not-a-number-{step.number:08d}-rank-{self._ranks.rank}.json")
        with open(path, "wb") as file:
            file.write(msgspec.json.encode({"step": step.number, "rows": mine.rows, "losses": mine.losses}))
        raise BadInput(
            f"the loss is {whole.loss}",
            where=f"step {step.number}",
            remedy=f"its documents and their losses are in {path}; the last checkpoint is from before",
        )


class _Counted:
    """What is counted over the rows of a step."""

    def __init__(self) -> None:
        self.loss, self.targets, self.documents, self.tokens, self.room, self.operations = 0.0, 0, 0, 0, 0, 0.0
        self.by_kind: dict[str, tuple[float, int]] = {}
        self.rows: list[tuple[str, ...]] = []
        self.losses: list[str] = []

    def add(self, row: PackedBatch, passed: Passed, operations: float) -> None:
        loss = float(passed.losses.sum().detach())
        self.rows.append(row.keys)
        self.losses.append(repr(loss))
        self.loss += loss
        self.targets += row.targets
        self.documents += len(row.keys)
        self.tokens += int(row.ends_D1[len(row.keys)])
        self.room += row.tokens_BL.shape[1]
        self.operations += operations
        for kind, (sum_, count) in passed.losses.by_kind(row.kinds).items():
            before = self.by_kind.get(kind, (0.0, 0))
            self.by_kind[kind] = (before[0] + sum_, before[1] + count)

    def over(self, among: Ranks) -> _Counted:
        """Return the sums over all ranks."""
        flat = [self.loss, self.targets, self.documents, self.tokens, self.room, self.operations]
        for kind in KINDS:
            flat += self.by_kind.get(kind, (0.0, 0))
        sums = among.total(torch.tensor(flat, dtype=torch.float64)).tolist()
        whole = _Counted()
        whole.loss, whole.operations = sums[0], sums[5]
        whole.targets, whole.documents, whole.tokens, whole.room = map(int, sums[1:5])
        pairs = zip(sums[6::2], map(int, sums[7::2]), strict=True)
        whole.by_kind = dict(zip(KINDS, pairs, strict=True))
        return whole


def optimizer_of(stage: Stage, trainee: Trainee) -> torch.optim.Optimizer:
    """Return the optimiser of a stage over what learns; norms, biases and positions do not decay."""
    named = [(name, weight) for name, weight in trainee.named_parameters() if weight.requires_grad]
    said = {"lr": stage.rate.peak, "betas": stage.betas, "eps": stage.eps}
    if stage.states == "lean":
        lean = LeanAdamW(named, weight_decay=stage.weight_decay, seed=stage.seed, **said)  # type: ignore[arg-type]
        for group in lean.param_groups:
            group["weight_decay"] *= group["params"][0].dim() > 1
        return lean
    groups = [
        {"params": [weight for _, weight in named if weight.dim() > 1], "weight_decay": stage.weight_decay},
        {"params": [weight for _, weight in named if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], **said)  # type: ignore[arg-type]


def freeze(trainee: Trainee, parts: tuple[str, ...]) -> None:
    """Keep parts of the model from learning: tower, merger, decoder."""
    inner = trainee.model.model
    of = {
        "tower": [block for name, block in inner.visual.named_children() if name not in ("merger", "downsample")],
        "merger": [inner.visual.merger, inner.visual.downsample],
        "decoder": [inner.language_model, trainee.model.lm_head],
    }
    for part in parts:
        for module in of[part]:
            module.requires_grad_(False)


def _peak_gib(device: str) -> float:
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
