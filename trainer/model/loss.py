"""Loss of a row: the cross-entropy of its target tokens, one by one, so that the sum can be split by kind of data.

Whoever steps divides by the count of targets over all rows and ranks, never by the row's own. Shapes: L tokens of a
row, K of them targets, C width, V words.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from trainer.model.chunked_entropy import chunked_entropy
from trainer.model.pack import IGNORED


class Losses(NamedTuple):
    """The loss of each target of a row, and the document that it belongs to."""

    each_K: torch.Tensor
    document_K: torch.Tensor

    def sum(self) -> torch.Tensor:
        """The row's loss, to be divided by the count of all targets of the step."""
        return self.each_K.sum()

    def by_kind(self, kinds: tuple[str, ...]) -> dict[str, tuple[float, int]]:
        """Return, for each kind of data in the row, the sum of its losses and the count of its targets."""
        found: dict[str, tuple[float, int]] = {}
        sums = torch.zeros(len(kinds)).index_add_(0, self.document_K.cpu().long(), self.each_K.detach().float().cpu())
        targets = torch.bincount(self.document_K.cpu().long(), minlength=len(kinds))
        for kind, total, count in zip(kinds, sums.tolist(), targets.tolist(), strict=True):
            before = found.get(kind, (0.0, 0))
            found[kind] = (before[0] + total, before[1] + count)
        return found


def losses(
    hidden_LC: torch.Tensor, words_VC: torch.Tensor, targets_L: torch.Tensor, document_L: torch.Tensor
) -> Losses:
    """Return the cross-entropy of each target; a row without any still reaches every weight, with gradients of zero."""
    is_target_L = targets_L != IGNORED
    hidden_KC, targets_K = hidden_LC[is_target_L], targets_L[is_target_L]
    if not len(targets_K):
        return Losses(F.linear(hidden_LC[:1], words_VC[:1]).flatten().float() * 0, document_L[:0])
    return Losses(chunked_entropy(hidden_KC, words_VC, targets_K), document_L[is_target_L])
