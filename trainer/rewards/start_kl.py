"""The divergence from the start: how far what is said now is from what the first model would have said.

Every few steps a keyed share of each domain's answers goes once through the first model, whose weights are held beside
the trained ones. With d = log p_now - log p_start of each drawn token, the mean of exp(-d) - 1 + d is an estimate of
the divergence in nats a token that is never below 0 and scatters little. Nothing is learnt from it: it is watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from trainer.documents.special import SpecialIds
from trainer.documents.tokens import Tokens
from trainer.loop.start import Start, model_folder, tokenizer_of
from trainer.model.attention import use_document_attention
from trainer.model.flat_kernel import use_flat_kernel
from trainer.model.forward import Trainee
from trainer.model.model import load
from trainer.model.pack import pack
from trainer.rewards.canary import fraction
from trainer.rl.packed import document_of
from trainer.rl.rollout import Group, Rollout

ANSWERS = 16
"""So many answers of each domain are measured."""


def start_kl(start: Start, every: int, seed: int) -> StartKl | None:
    """Return what measures every so many steps, None for 0."""
    if not every:
        return None
    path = tokenizer_of(start, "")
    with open(path, encoding="utf-8") as file:
        return StartKl(start.folder, Tokens(file.read(), path).ids(), every, seed)


class StartKl:
    """Measures; the first model is loaded when it is first asked."""

    def __init__(self, start: str, ids: SpecialIds, every: int, seed: int = 0) -> None:
        self._start, self._ids, self._seed, self._every = start, ids, seed, every
        self._first: Any = None

    def __call__(self, groups: Sequence[Group], step: int) -> dict[str, float]:
        """Return the divergence of each domain; of a step that is not measured, nothing."""
        if step % self._every:
            return {}
        by_domain: dict[str, list[Rollout]] = {}
        for group in groups:
            by_domain.setdefault(group.task.task.domain, []).extend(one for one in group.rollouts if one.drawn)
        return {domain: self._divergence(self._some(answers, step)) for domain, answers in by_domain.items() if answers}

    def _some(self, answers: Sequence[Rollout], step: int) -> list[Rollout]:
        return sorted(answers, key=lambda one: fraction("kl", self._seed, step, one.task.key, one.row))[:ANSWERS]

    @torch.inference_mode()
    def _divergence(self, answers: Sequence[Rollout]) -> float:
        total, count = 0.0, 0
        for one in answers:
            document = document_of(one)
            row = pack([document], len(document.tokens_T), image_id=self._ids.image, padding_id=self._ids.end)
            first_K = -self._trainee()(row).losses.each_K.double()
            barred = frozenset(one.injected)
            now = [said for place, said in enumerate(one.answer.logprobs) if place not in barred]
            apart_K = torch.tensor(now, dtype=torch.float64) - first_K
            total += float((torch.exp(-apart_K) - 1 + apart_K).sum())
            count += len(now)
        return total / count

    def _trainee(self) -> Trainee:
        if self._first is None:
            model = load(model_folder(self._start), torch.float32)
            use_document_attention(model)
            use_flat_kernel(model)
            self._first = Trainee(model).eval()
        found: Trainee = self._first
        return found
