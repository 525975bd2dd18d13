"""Drift: how far answers have gone from the model that the run began with, domain by domain, to be watched.

The mean over tokens of log-probability now less that of the start: an estimate of the KL divergence between the two. It
is in no loss. One answer of each group is read by the start's weights, which costs a second model in memory and, with
groups of eight, some twentieth of a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from trainer.loop.parallel import Ranks
from trainer.loop.start import model_folder
from trainer.model.attention import use_document_attention
from trainer.model.flat_kernel import use_flat_kernel
from trainer.model.forward import Trainee
from trainer.model.model import load
from trainer.model.pack import pack
from trainer.rl.micro_steps import micro_steps
from trainer.rl.packed import Weighed, document_of, signals_of, sizes_of
from trainer.rl.rollout import Group


class Drift:
    """Measures against the model in a start's folder; ranks share the reading and learn the same numbers."""

    def __init__(self, start: str, row_tokens: int, among: Ranks) -> None:
        model = load(model_folder(start)).to(among.device)
        use_document_attention(model)
        use_flat_kernel(model)
        said = model.config
        self._ids = (int(said.image_token_id), int(said.text_config.pad_token_id))
        self._trainee, self._row_tokens, self._ranks = Trainee(model).eval(), row_tokens, among

    @torch.no_grad()
    def __call__(self, groups: Sequence[Group]) -> Mapping[str, float]:
        """Return the nats a token of each domain."""
        domains = sorted({group.task.task.domain for group in groups})
        first = [Weighed(group.rollouts[0], 0.0) for group in groups if group.rollouts[0].drawn]
        documents = [document_of(one.rollout) for one in first]
        sums = torch.zeros(len(domains), 2, dtype=torch.float64)
        image_id, padding_id = self._ids
        for row in micro_steps(sizes_of(documents), self._row_tokens, self._ranks.count)[self._ranks.rank]:
            mine = [first[place] for place in row]
            packed = pack(
                [documents[place] for place in row],
                sum(len(documents[place].tokens_T) for place in row),
                image_id=image_id,
                padding_id=padding_id,
            )
            start_K = -self._trainee(packed.to(self._ranks.device)).losses.each_K.cpu()
            of_K = [domains.index(one.rollout.task.task.domain) for one in mine for _ in range(one.rollout.drawn)]
            apart_K = (signals_of(mine, "token").old_K - start_K).double()
            sums[:, 0].index_add_(0, torch.tensor(of_K), apart_K)
            sums[:, 1].index_add_(0, torch.tensor(of_K), torch.ones_like(apart_K))
        whole = self._ranks.total(sums.to(self._ranks.device)).cpu()
        return {domain: float(whole[at, 0] / whole[at, 1].clamp(min=1)) for at, domain in enumerate(domains)}
