"""Compiled layers: each layer of decoder and tower by itself, for sizes that do not change from row to row.

Layer by layer, because all layers of a kind are one piece of code, compiled once; a whole model takes many times as
long and gains little more. On a GPU attention is one operator inside a layer; the loop per document, for a CPU, stays
outside of what is compiled.
"""

from __future__ import annotations

from typing import Any

import torch

from trainer.model.fixed_sizes import use_fixed_tower

COMPILATIONS = 64
"""Of one piece of code: sizes of the tower, in training and in looking, with more to spare; torch's own limit is 8."""


def use_compiled_layers(model: Any, row_tokens: int, backend: str = "inductor") -> None:
    """Compile a model's layers for rows of so many tokens; its Trainee then has to be `fixed`."""
    limits: Any = torch._dynamo.config
    limits.recompile_limit = max(limits.recompile_limit, COMPILATIONS)
    use_fixed_tower(model, row_tokens)
    for layer in (*model.model.visual.blocks, *model.model.language_model.layers):
        layer.compile(backend=backend, dynamic=False)
