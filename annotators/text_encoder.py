"""Text encoder: unit vectors of texts in the space of a model that is given, a checkpoint of open_clip.

Texts are encoded in batches of one size, padded with empty ones, on one thread: a vector's last bits change with the
size of its batch, and so a note would change with how many others happened to be looked at beside it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.clip_checkpoint import Checkpoint
from schemas.errors import BadInput

BATCH = 16
MADE_WITH = ("open-clip-torch", "torch")


class TextEncoder(Struct, frozen=True):
    """`path`: a folder as open_clip saves one, or a file of weights of the model called `model`; longer texts are cut
    to what the model reads."""

    path: str
    model: str = ""

    def digests(self, asked_by: str) -> tuple[str, ...]:
        """Return the digests of the checkpoint's files; raises BadInput where it is missing or does not load."""
        if not self.path:
            raise BadInput(
                "embeddings are asked for, and no weights are given",
                where=f"annotator {asked_by}",
                remedy=f"give --weights {asked_by}=PATH, a checkpoint of open_clip, or leave embeddings out",
            )
        return self._checkpoint(asked_by).digests()

    def load(self) -> Encode:
        """Return what encodes texts."""
        import torch

        torch.set_num_threads(1)
        return Encode(self._checkpoint("clip").load("cpu"))

    def _checkpoint(self, asked_by: str) -> Checkpoint:
        return Checkpoint("" if os.path.isdir(self.path) else self.model, self.path, asked_by)


class Encode:
    """A loaded encoder. N texts, D dimensions."""

    def __init__(self, loaded: Any) -> None:
        self._loaded = loaded

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return a unit vector for each text."""
        import torch

        found_ND = list[NDArray[np.float64]]()
        for first in range(0, len(texts), BATCH):
            some = texts[first : first + BATCH]
            tokens_BT = self._loaded.tokenizer([*some, *[""] * (BATCH - len(some))])
            with torch.inference_mode():
                vectors_BD = self._loaded.model.encode_text(tokens_BT, normalize=True).double().numpy()
            found_ND.append(vectors_BD[: len(some)])
        return np.concatenate(found_ND) if found_ND else np.zeros((0, 1))
