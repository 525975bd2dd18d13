"""Documents side by side in one row: the tensors that one forward takes.

A row is `length` tokens for documents and ROOM more, in which a padding document always finds place: one token of a
blank picture and the rest. It has no targets, so it weighs nothing, and a row without pictures runs the tower all the
same: ranks of a sharded model then meet in the same collectives. Shapes: B rows, always one; L tokens of the row;
D documents, the padding one last; N pictures, P patches; 4 the rows of positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.errors import BadInput
from trainer.documents.document import Document
from trainer.documents.grid import PATCH_VALUES
from trainer.documents.positions import positions
from trainer.model.normalised import normalised

IGNORED = -100
"""The target of a position that predicts nothing."""

ROOM = 8
"""Tokens beyond a row's length: one for the blank picture, and as many more as let kernels and splits divide evenly."""


class PackedBatch(NamedTuple):
    """One row, whole."""

    tokens_BL: torch.Tensor
    positions_4BL: torch.Tensor
    """Row 0 restarts with every document."""
    targets_BL: torch.Tensor
    """The token that each position predicts, IGNORED where there is none."""
    patches_PD: torch.Tensor
    grids_N3: torch.Tensor
    ends_D1: torch.Tensor
    """int32: where each document begins, and the row's end."""
    longest: int
    """Tokens of its longest document."""
    document_BL: torch.Tensor
    """int32: which document a position belongs to."""
    keys: tuple[str, ...]
    kinds: tuple[str, ...]
    shown: tuple[int, ...] = ()
    """Which of the pictures stands at each place of one, where some stand at several; empty: each at its own."""

    @property
    def targets(self) -> int:
        """How many tokens carry loss."""
        return int((self.targets_BL != IGNORED).sum())

    def to(self, device: str | torch.device) -> PackedBatch:
        """Return the row with its tensors on `device`."""
        moved: dict[str, Any] = {
            name: value.to(device, non_blocking=True)
            for name, value in self._asdict().items()
            if isinstance(value, torch.Tensor)
        }
        return self._replace(**moved)


def pack(documents: Sequence[Document], length: int, *, image_id: int, padding_id: int) -> PackedBatch:
    """Lay documents beside each other, in their order, and fill the row up; raises BadInput where they do not fit."""
    taken = sum(len(document.tokens_T) for document in documents)
    if taken > length:
        raise BadInput(f"{taken} tokens for a row of {length}", where="packing", remedy="was the plan made for it?")
    laid = [*documents, _padding(length + ROOM - taken, image_id, padding_id)]
    positions_4L = np.concatenate([_positions(document, image_id) for document in laid], axis=1)
    ends_D1 = np.cumsum([0, *(len(document.tokens_T) for document in laid)])
    return PackedBatch(
        tokens_BL=_row([document.tokens_T for document in laid], torch.int64),
        positions_4BL=torch.from_numpy(positions_4L)[:, None],
        targets_BL=_row([_predicted(document) for document in laid], torch.int64),
        patches_PD=normalised(np.concatenate([document.patches_PD for document in laid])),
        grids_N3=torch.from_numpy(np.concatenate([document.grids_N3 for document in laid])),
        ends_D1=torch.from_numpy(ends_D1.astype(np.int32)),
        longest=int(np.diff(ends_D1).max()),
        document_BL=torch.from_numpy(np.repeat(np.arange(len(laid), dtype=np.int32), np.diff(ends_D1)))[None],
        keys=tuple(document.key for document in documents),
        kinds=tuple(document.kind for document in documents),
    )


def _padding(tokens: int, image_id: int, padding_id: int) -> Document:
    tokens_T = np.full(tokens, padding_id, np.int32)
    tokens_T[0] = image_id
    blank_PD = np.zeros((4, PATCH_VALUES), np.uint8)
    return Document("", "padding", tokens_T, np.zeros(tokens, np.bool_), np.array([[1, 2, 2]]), blank_PD)


def _positions(document: Document, image_id: int) -> NDArray[np.int64]:
    patches = int(document.grids_N3.prod(axis=1).sum())
    if patches != len(document.patches_PD):
        raise BadInput(f"{len(document.patches_PD)} patches, where its grids make {patches}", where=document.key)
    try:
        return positions(document.tokens_T, document.grids_N3, image_id)
    except ValueError as error:
        raise BadInput(str(error), where=document.key) from None


def _predicted(document: Document) -> NDArray[np.int64]:
    """Return what each position predicts: the next token where that is a target; nothing across a document's end."""
    if document.is_target_T[:1].any():
        raise BadInput("its first token is a target, which nothing predicts", where=document.key)
    predicted_T = np.full(len(document.tokens_T), IGNORED, np.int64)
    predicted_T[:-1] = np.where(document.is_target_T[1:], document.tokens_T[1:], IGNORED)
    return predicted_T


def _row(parts: Sequence[NDArray[np.generic]], dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(parts))[None].to(dtype)
