"""One row through the model: the losses of its targets and, where there are experts, what their routers said."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from trainer.model.attention import flex_blocks
from trainer.model.fixed_sizes import document_bounds
from trainer.model.loss import Losses, losses
from trainer.model.pack import PackedBatch


class Passed(NamedTuple):
    """What one forward gives; `routed` holds each expert layer's router logits, [L, experts]."""

    losses: Losses
    routed: tuple[torch.Tensor, ...]


class Trainee(torch.nn.Module):
    """A model of transformers together with its loss: one module, so that sharding wraps the words' weights too.

    `flex`: FlexAttention in the decoder, in place of varlen_attn. `fixed`: counts of documents as compiled layers need
    them (fixed_sizes.py).
    """

    def __init__(self, model: Any, *, flex: bool = False, fixed: bool = False) -> None:
        super().__init__()
        self.model = model
        self.flex, self.fixed = flex, fixed
        self.has_experts = model.config.model_type == "glm4v_moe"

    def forward(self, batch: PackedBatch) -> Passed:
        """Run one row; the model must attend within documents (`use_document_attention`) or know the text row."""
        said: dict[str, Any] = {"output_router_logits": True} if self.has_experts else {}
        if self.flex:
            said["flex_blocks"] = flex_blocks(batch.document_BL[0])
        bounds_D1, longest = document_bounds(batch) if self.fixed else (batch.ends_D1, batch.longest)
        out = self.model.model(
            input_ids=batch.tokens_BL,
            position_ids=batch.positions_4BL,
            **self._pictures(batch),
            use_cache=False,
            cu_seq_lens_q=bounds_D1,
            cu_seq_lens_k=bounds_D1,
            max_length_q=longest,
            max_length_k=longest,
            **said,
        )
        found = losses(out[0][0], self.model.lm_head.weight, batch.targets_BL[0], batch.document_BL[0])
        return Passed(found, tuple(out.router_logits) if self.has_experts else ())

    def _pictures(self, batch: PackedBatch) -> dict[str, Any]:
        """Return the pictures of a row, looked at already where one stands at several places."""
        if not batch.shown:
            return {"pixel_values": batch.patches_PD, "image_grid_thw": batch.grids_N3}
        seen = self.model.model.get_image_features(batch.patches_PD, batch.grids_N3, return_dict=True)
        seen.pooler_output = [seen.pooler_output[picture] for picture in batch.shown]
        return {"mm_encoder_outputs": {"image": seen}}
