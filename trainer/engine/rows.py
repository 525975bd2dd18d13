"""Rows that answer together: each step gives every row a token, and rows that are done leave.

A row's numbers hang on the others no more than on the shape of the batch, that is by rounding. Shapes: R rows, V words.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import torch

from trainer.engine.chance import fraction
from trainer.engine.engine import Drawn, Sampling
from trainer.engine.pick import pick
from trainer.engine.prefill import Prefix
from trainer.engine.shared import Shared


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
        of_row = [row.prefix for row in rows]
        self._kept = Shared(prefixes, of_row)
        self._logits_RV = torch.stack([prefix.logits_V for prefix in prefixes])[of_row]
        self._in_batch = list(range(len(rows)))
        self._last: dict[int, int] = {}
        self._place = 0
        self._thinking = set(range(len(rows)))
        self.living = list(self._in_batch)

    @torch.no_grad()
    def step(self) -> list[Drawn]:
        """Give every living row its next token; a row whose token ends it is living no more."""
        if not self.living:
            return []
        if self._place:
            self._go_on()
        fractions = [fraction(self._seeds[row], self._keys[row], self._place) for row in self.living]
        given = self._given()
        picked = pick(self._logits_RV, fractions, self._sampling, self._barred, given)
        self._place += 1
        at_end = self._place == self._sampling.max_tokens
        drawn = [
            Drawn(
                row, token, logprob, top, "stop" if token in self._stops else "length" if at_end else None, at in given
            )
            for at, (row, token, logprob, top) in enumerate(zip(self.living, *picked, strict=True))
        ]
        self._thinking -= {one.row for one in drawn if self._ends_thinking(one)}
        self._last = {one.row: one.token for one in drawn}
        self.living = [one.row for one in drawn if one.finish is None]
        return drawn

    def _given(self) -> dict[int, int]:
        """Return the token that is put in, by place in the batch, for rows that have thought for too long."""
        force = self._sampling.force
        if force is None or not 0 <= (past := self._place - force.after) < len(force.tokens):
            return {}
        return {at: force.tokens[past] for at, row in enumerate(self.living) if row in self._thinking}

    def _ends_thinking(self, drawn: Drawn) -> bool:
        force = self._sampling.force
        return force is not None and drawn.token == force.end and not drawn.is_injected

    def leave(self, row: int) -> None:
        """Take a row out: it gets no further token."""
        self.living.remove(row)

    def _go_on(self) -> None:
        """Read the last tokens of those that live, and drop what is kept of the others."""
        if self._in_batch != self.living:
            self._kept.keep([self._in_batch.index(row) for row in self.living])
            self._in_batch = list(self.living)
        device = self._model.device
        places_R = torch.tensor([self._begins[row] + self._place - 1 for row in self.living], device=device)
        out = self._model.model(
            input_ids=torch.tensor([[self._last[row]] for row in self.living], device=device),
            position_ids=places_R[None, :, None].expand(3, -1, -1),
            past_key_values=self._kept,
            use_cache=True,
            shared=self._kept,
        )
        self._logits_RV = self._model.lm_head(out.last_hidden_state[:, -1]).float()
