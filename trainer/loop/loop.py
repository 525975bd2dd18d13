"""One training loop for every stage: rows in, a step of the optimiser, a line of the record.

Losses of a row are summed, never averaged: the gradient is divided once, at the end of the step, by the count of
targets of all rows on all ranks. So how a step is cut into rows, and dealt to ranks, does not weigh in what it learns.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import msgspec
import torch
from torch.distributed.tensor import DTensor

from schemas.errors import BadInput
from trainer.loop.batches import Step
from trainer.loop.counted import Counted
from trainer.loop.flops import product_rate, work_of
from trainer.loop.lean_adamw import LeanAdamW
from trainer.loop.parallel import Ranks
from trainer.loop.record import Told
from trainer.loop.stages import Stage
from trainer.model.balance import balance_loss, loads, move_biases
from trainer.model.forward import Passed, Trainee
from trainer.model.pack import PackedBatch


class Loop:
    """A model under training by a stage."""

    def __init__(self, stage: Stage, trainee: Trainee, among: Ranks, folder: str) -> None:
        self.stage, self.trainee, self._ranks, self._folder = stage, trainee, among, folder
        self._dtype = getattr(torch, stage.precision)
        self._work = work_of(trainee.model)
        self._load: torch.Tensor | None = None
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
        counted = Counted()
        self.trainee.train()
        for row in step.rows:
            passed = self.backward(row)
            counted.add(row, passed, self._work.of(row))
        whole = counted.over(self._ranks)
        self._check(step, counted, whole)
        rate = self.stage.rate.at(step.number, self.stage.steps)
        norm, load = self._learn(whole.targets, rate), self._balance()
        step_s = time.perf_counter() - begin
        return Told(
            step=step.number,
            loss=whole.loss / max(1, whole.targets),
            loss_by_kind=whole.loss_by_kind,
            targets_by_kind=whole.targets_by_kind,
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
            load=load,
        )

    def backward(self, row: PackedBatch) -> Passed:
        """Run a row forward and back: its gradient is added to those of the rows before it, not yet divided."""
        with self._casting():
            passed: Passed = self.trainee(row.to(self._ranks.device))
            loss = passed.losses.sum()
            if passed.routed:
                loss = loss + self._routed(passed, row.ends_D1.to(loss.device))
        torch.autograd.backward(loss)
        return passed

    @torch.no_grad()
    def look(self, row: PackedBatch) -> Passed:
        """Run a row forward alone."""
        self.trainee.eval()
        with self._casting():
            passed: Passed = self.trainee(row.to(self._ranks.device))
        return passed

    def _casting(self) -> AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(torch.device(self._ranks.device).type, self._dtype)

    def _routed(self, passed: Passed, ends_D1: torch.Tensor) -> torch.Tensor:
        """Count what each expert was given, and return the loss that keeps them busy alike."""
        model, documents = self.trainee.model, len(ends_D1) - 2
        real_L = torch.arange(int(ends_D1[-1]), device=ends_D1.device) < ends_D1[-2]
        load = loads(passed.routed, model, real_L)
        self._load = load if self._load is None else self._load + load
        weight_D = torch.bincount(passed.losses.document_K.long(), minlength=documents)[:documents]
        return self.stage.balance_weight * balance_loss(passed.routed, model, ends_D1, weight_D)

    def _balance(self) -> float:
        """Move the routers' biases by what experts were given on all ranks; return the most loaded's share."""
        if self._load is None:
            return 0.0
        load, self._load = self._ranks.total(self._load), None
        move_biases(self.trainee.model, load, self.stage.bias_rate)
        return float((load.max(1).values / load.mean(1)).max())

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

    def _check(self, step: Step, mine: Counted, whole: Counted) -> None:
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
