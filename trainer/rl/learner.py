"""The learner: groups of answers in, a step of the optimiser, what it told.

A row's loss is a sum over its answers, weighted so that the sums of all rows, divided once by the count of answers (or
of tokens), are the loss of the whole batch: how answers are packed, and dealt to ranks, does not weigh in what is
learnt. Groups whose answers were all paid alike have a gradient of exactly zero: they are neither packed nor counted.
Each rank holds all weights, since its engine answers with them, and gradients are summed over the ranks. A router's
biases stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

import torch

from schemas.errors import BadInput
from trainer.documents.special import SpecialIds
from trainer.loop.loop import freeze, optimizer_of
from trainer.loop.parallel import Ranks
from trainer.loop.stages import Stage
from trainer.model.forward import Trainee
from trainer.model.pack import PackedBatch, pack
from trainer.rl.grpo import Grpo
from trainer.rl.micro_steps import micro_steps
from trainer.rl.objective import Signals, objective
from trainer.rl.packed import Weighed, document_of, seen_once, signals_of, sizes_of, weighed
from trainer.rl.rollout import Group

Rows = list[tuple[PackedBatch, Signals]]
"""Packed rows, each with what its targets are learnt with."""


class Learnt(NamedTuple):
    """What a step of learning came to. `parity` is the most that the engine's log-probabilities were off the trainer's
    at the weights that drew them."""

    loss: float = 0.0
    gradient_norm: float = 0.0
    clipped: float = 0.0
    parity: float = 0.0
    tokens: int = 0
    micro_steps: int = 0


class Learner:
    """A model that learns from answers."""

    def __init__(self, stage: Stage, grpo: Grpo, trainee: Trainee, ids: SpecialIds, among: Ranks) -> None:
        self.stage, self.grpo, self.trainee, self._ids, self._ranks = stage, grpo, trainee, ids, among
        self._dtype = getattr(torch, stage.precision)
        freeze(trainee, stage.frozen)
        self.optimizer = optimizer_of(stage, trainee)

    def learn(self, groups: Sequence[Group], rate: float) -> Learnt:
        """Learn from groups in `updates` parts, a step of the optimiser each; without any that teaches, nothing moves.

        Raises BadInput where the loss is not a number, or the engine's log-probabilities are not the trainer's.
        """
        teaching = [group for group in groups if group.teaches]
        parts = [part for part in _parts(teaching, self.grpo.updates) if part]
        rows = [self.rows(weighed(part)) for part in parts]
        old = [self._again(one) if self.grpo.old == "trainer" and at else None for at, one in enumerate(rows)]
        learnt = []
        for at, (part, its_rows, its_old) in enumerate(zip(parts, rows, old, strict=True)):
            found = self.gradient(its_rows, its_old, self.divisor(part), fresh=at == 0)
            learnt.append(found._replace(gradient_norm=self._step(rate)))
        return _together(learnt)

    def rows(self, answers: Sequence[Weighed]) -> Rows:
        """Return the rows of this rank, packed, with what their tokens are learnt with."""
        documents = [document_of(one.rollout) for one in answers]
        laid = micro_steps(sizes_of(documents), self.stage.sequence_length, self._ranks.count)[self._ranks.rank]
        found: Rows = []
        for row in laid:
            mine = [documents[place] for place in row]
            tokens = sum(len(one.tokens_T) for one in mine)
            packed = pack(mine, tokens, image_id=self._ids.image, padding_id=self._ids.end)
            seen = seen_once(packed, mine, [answers[place].rollout.task.key for place in row])
            found.append((seen, signals_of([answers[place] for place in row], self.grpo.weighting)))
        return found

    def gradient(
        self,
        rows: Rows,
        old: Sequence[torch.Tensor] | None,
        of: int,
        *,
        fresh: bool = True,
    ) -> Learnt:
        """Add up the gradients of rows, and divide them by what the step's weights sum up to.

        `old` are log-probabilities that were computed again. `fresh` says that the weights are those that drew the
        tokens: then the trainer's own are in its hands, and the engine's are held against them.
        """
        self.trainee.train()
        sums = torch.zeros(4, dtype=torch.float64)
        for at, (row, signals) in enumerate(rows):
            new_K = self._forward(row)
            given = signals.to(new_K.device)
            apart = float((new_K.detach() - given.old_K).abs().max()) if fresh else 0.0
            if self.grpo.old == "trainer":
                given = given._replace(old_K=new_K.detach() if old is None else old[at])
            pushed = objective(new_K, given, self.grpo.clip)
            torch.autograd.backward(pushed.loss / of)
            sums[:3] += torch.tensor([float(pushed.loss.detach()), float(pushed.clipped_K.sum()), float(len(new_K))])
            sums[3] = max(float(sums[3]), apart)
        return self._checked(sums, of, len(rows))

    def _checked(self, sums: torch.Tensor, of: int, rows: int) -> Learnt:
        loss, clipped, tokens = self._ranks.total(sums[:3].to(self._ranks.device).float()).double().tolist()
        parity = float(sums[3])
        if not isfinite(loss):
            raise BadInput(f"the loss is {loss}", where="rl", remedy="the last checkpoint is from before")
        if self.grpo.old == "engine" and not self._ranks.all_true(parity <= self.grpo.parity):
            raise BadInput(
                f"the engine's log-probabilities are {parity:.1e} off the trainer's: {self.grpo.parity:.1e} may pass",
                where="rl",
                remedy="say --old trainer: they are computed again; or look at the engine's precision",
            )
        return Learnt(loss / of, 0.0, clipped / max(1.0, tokens), parity, int(tokens), rows)

    def _forward(self, row: PackedBatch) -> torch.Tensor:
        """Return the log-probability of each token that was drawn."""
        with self._casting():
            losses: torch.Tensor = self.trainee(row.to(self._ranks.device)).losses.each_K
        return -losses

    @torch.no_grad()
    def _again(self, rows: Rows) -> list[torch.Tensor]:
        """Return the log-probabilities of rows at the weights as they stand."""
        self.trainee.train()
        return [self._forward(row) for row, _ in rows]

    def _casting(self) -> AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(torch.device(self._ranks.device).type, self._dtype)

    def divisor(self, groups: Sequence[Group]) -> int:
        """Return what a loss is divided by: answers, or tokens that were drawn."""
        answers = [one for group in groups for one in group.rollouts if one.drawn]
        return len(answers) if self.grpo.weighting == "sample" else sum(one.drawn for one in answers)

    def _step(self, rate: float) -> float:
        """Sum the gradients over the ranks, clip them, step; return their norm before."""
        weights = [weight for weight in self.trainee.parameters() if weight.requires_grad]
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            self._ranks.total(weight.grad)
        norm = torch.nn.utils.clip_grad_norm_(weights, self.stage.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(norm)


def _parts(groups: Sequence[Group], count: int) -> list[Sequence[Group]]:
    """Return groups in so many parts, as even as can be and in their order."""
    ends = [len(groups) * at // count for at in range(count + 1)]
    return [groups[begin:end] for begin, end in pairwise(ends)]


def _together(learnt: Sequence[Learnt]) -> Learnt:
    """Return the mean over updates; the most of parities, the sums of tokens and micro-steps."""
    if not learnt:
        return Learnt()
    count = len(learnt)
    return Learnt(
        sum(one.loss for one in learnt) / count,
        sum(one.gradient_norm for one in learnt) / count,
        sum(one.clipped for one in learnt) / count,
        max(one.parity for one in learnt),
        sum(one.tokens for one in learnt),
        sum(one.micro_steps for one in learnt),
    )
