"""Rows that answer together: each step gives every row a token, and rows that are done leave.

Prefixes of several prompts stand side by side, shorter ones with room before them that nobody looks at; prompts of one
length need no such mask. A row's numbers hang on the others no more than on the shape of the batch, that is by
rounding. Shapes: R rows, H heads, L tokens kept, E values of a head, V words.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from trainer.engine.chance import fraction
from trainer.engine.engine import Drawn, Sampling
from trainer.engine.pick import pick
from trainer.engine.prefill import Prefix


class Row(NamedTuple):
    """Which prefix a row goes on from, and the seed of its draws."""

    prefix: int
    seed: int


class Rows:
    """A batch of rows; `living` are the places, in what was given, of those that go on."""

    def __init__(
        self,
        model: Any,
        prefixes: Sequence[Prefix],
        rows: Sequence[Row],
        sampling: Sampling,
        stops: Container[int],
        barred: Sequence[int] = (),
    ) -> None:
        self._model, self._sampling, self._stops, self._barred = model, sampling, stops, barred
        self._keys = [prefixes[row.prefix].key for row in rows]
        self._seeds = [row.seed for row in rows]
        self._begins = [prefixes[row.prefix].next_place for row in rows]
        of_row_R = torch.tensor([row.prefix for row in rows], device=model.device)
        self._cache = _side_by_side(model, prefixes, of_row_R)
        self._seen_RL = _seen(prefixes).to(model.device).index_select(0, of_row_R)
        self._masked = len({prefix.tokens for prefix in prefixes}) > 1
        self._logits_RV = torch.stack([prefix.logits_V for prefix in prefixes]).index_select(0, of_row_R)
        self._in_batch = list(range(len(rows)))
        self._last: dict[int, int] = {}
        self._place = 0
        self.living = list(self._in_batch)

    @torch.no_grad()
    def step(self) -> list[Drawn]:
        """Give every living row its next token; a row whose token ends it is living no more."""
        if not self.living:
            return []
        if self._place:
            self._go_on()
        fractions = [fraction(self._seeds[row], self._keys[row], self._place) for row in self.living]
        picked = pick(self._logits_RV, fractions, self._sampling, self._barred)
        self._place += 1
        at_end = self._place == self._sampling.max_tokens
        drawn = [
            Drawn(row, token, logprob, top, "stop" if token in self._stops else "length" if at_end else None)
            for row, token, logprob, top in zip(self.living, *picked, strict=True)
        ]
        self._last = {one.row: one.token for one in drawn}
        self.living = [one.row for one in drawn if one.finish is None]
        return drawn

    def leave(self, row: int) -> None:
        """Take a row out: it gets no further token."""
        self.living.remove(row)

    def _go_on(self) -> None:
        """Read the last tokens of those that live, and drop what is kept of the others."""
        if self._in_batch != self.living:
            staying = torch.tensor([self._in_batch.index(row) for row in self.living], device=self._model.device)
            self._cache.batch_select_indices(staying)
            self._seen_RL = self._seen_RL.index_select(0, staying)
            self._in_batch = list(self.living)
        device = self._model.device
        places_R = torch.tensor([self._begins[row] + self._place - 1 for row in self.living], device=device)
        self._seen_RL = F.pad(self._seen_RL, (0, 1), value=1)
        out = self._model.model(
            input_ids=torch.tensor([[self._last[row]] for row in self.living], device=device),
            position_ids=places_R[None, :, None].expand(3, -1, -1),
            attention_mask=self._seen_RL if self._masked else None,
            past_key_values=self._cache,
            use_cache=True,
        )
        self._logits_RV = self._model.lm_head(out.last_hidden_state[:, -1]).float()


def _side_by_side(model: Any, prefixes: Sequence[Prefix], of_row_R: torch.Tensor) -> Any:
    """Return a cache with a copy of its prefix for each row, all ending at one place."""
    from transformers import DynamicCache

    longest = max(prefix.tokens for prefix in prefixes)

    def laid(layer: int, which: int) -> torch.Tensor:
        ends_alike = [F.pad(one.kept[layer][which], (0, 0, longest - one.tokens, 0)) for one in prefixes]
        return torch.cat(ends_alike).index_select(0, of_row_R)

    layers = [(laid(layer, 0), laid(layer, 1)) for layer in range(len(prefixes[0].kept))]
    return DynamicCache(layers, config=model.config)


def _seen(prefixes: Sequence[Prefix]) -> torch.Tensor:
    """Return, for each prefix, 1 where a token stands and 0 in the room before it."""
    longest = max(prefix.tokens for prefix in prefixes)
    return torch.stack([(torch.arange(longest) >= longest - prefix.tokens).long() for prefix in prefixes])
