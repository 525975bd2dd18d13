"""CLIP: how alike a picture and its first text are in a model's space, and where the picture lies there.

Batches are all of one size, padded with zeros, and the model runs on one thread: an encoder's last bits change with
the size of its batch, and so a note would change with how many others happened to be looked at beside it. The pictures
of the next batch are read and decoded while the model runs on this one.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from math import nan
from typing import Any, ClassVar

from msgspec import structs
from PIL import Image

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.clip_checkpoint import Checkpoint, Loaded
from annotators.header import PILLOW_RAISES
from annotators.upright import upright_rgb
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.vocabulary.captions import CLIP_SCORE
from schemas.vocabulary.compared import EMBEDDING

BATCH = 16
"""Samples in one pass of the model."""

_AS_IT_IS = 1 << 30
_DECODERS = 2
_DECIMALS = 6

Pending = Future[Any] | BadSample


class Clip(Annotator, frozen=True):
    """`model`: a name of open_clip's; `checkpoint`: its weights, or a folder with configuration and weights.

    A sample without a text has a score of NaN; a text longer than the model reads is cut. `device`: cpu or cuda, which
    differ in a note's last bits and so in the fingerprint. Pictures of more than `most_mpx` million pixels fail.
    """

    model: str = "ViT-B-32"
    checkpoint: str = ""
    device: str = "cpu"
    most_mpx: float = 200.0

    writes: ClassVar = (CLIP_SCORE, EMBEDDING)
    made_with: ClassVar = ("open-clip-torch", "torch", "pillow")
    extra: ClassVar = "clip"

    def __post_init__(self) -> None:
        if self.device not in ("cpu", "cuda"):
            raise BadInput(f"device is {self.device!r}", where="annotator clip", remedy="say cpu or cuda")

    @property
    def batch(self) -> int:
        return 8 * BATCH

    @property
    def needs(self) -> Needs:
        """A GPU where that is its device."""
        return Needs(gpus=int(self.device == "cuda"), memory_mib=8192)

    def given(self, weights: str) -> Clip:
        path = os.path.abspath(weights)
        return structs.replace(self, checkpoint=path, model="" if os.path.isdir(path) else self.model)

    def identity(self) -> Clip:
        return structs.replace(self, checkpoint="")

    def weights(self) -> tuple[str, ...]:
        """Return the digests of the checkpoint's files; raises BadInput where it is missing or does not load."""
        return Checkpoint(self.model, self.checkpoint).digests()

    @contextmanager
    def open(self) -> Iterator[Look]:
        import torch

        torch.set_num_threads(1)
        with ThreadPoolExecutor(_DECODERS) as pool:
            yield _Looking(Checkpoint(self.model, self.checkpoint).load(self.device), self, pool).look


class _Looking:
    """The model at work, and the pictures on their way to it."""

    def __init__(self, loaded: Loaded, clip: Clip, pool: ThreadPoolExecutor) -> None:
        self._loaded, self._clip, self._pool = loaded, clip, pool

    def look(self, subjects: Sequence[Subject]) -> list[Noted | BadSample]:
        found: list[Noted | BadSample] = []
        groups = _groups(subjects)
        ahead = self._begin(next(groups, ()))
        while ahead:
            now, ahead = ahead, self._begin(next(groups, ()))
            found += self._run(now)
        return found

    def _begin(self, subjects: Sequence[Subject]) -> list[tuple[str, Pending]]:
        """Read the bytes of a batch here, and begin to decode them beside."""
        return [
            (subject.sample.texts[0].text if subject.sample.texts else "", self._pending(subject))
            for subject in subjects
        ]

    def _pending(self, subject: Subject) -> Pending:
        try:
            return self._pool.submit(ready, self._loaded, subject.content(), self._clip.most_mpx)
        except BadSample as bad:
            return bad

    def _run(self, pending: Sequence[tuple[str, Pending]]) -> list[Noted | BadSample]:
        decoded = [(text, _decoded(picture)) for text, picture in pending]
        good = [(text, picture) for text, picture in decoded if not isinstance(picture, BadSample)]
        noted = iter(self._encode([text for text, _ in good], [picture for _, picture in good]) if good else ())
        return [picture if isinstance(picture, BadSample) else next(noted) for _, picture in decoded]

    def _encode(self, texts: Sequence[str], pictures_CHW: Sequence[Any]) -> list[Noted]:
        """Return the notes of at most BATCH samples, encoded as a batch of BATCH."""
        import torch

        pictures_BCHW = torch.zeros((BATCH, *pictures_CHW[0].shape))
        pictures_BCHW[: len(pictures_CHW)] = torch.stack(list(pictures_CHW))
        tokens_BT = self._loaded.tokenizer([*texts, *[""] * (BATCH - len(texts))])
        with torch.inference_mode():
            model, device = self._loaded.model, self._clip.device
            pictures_BD = model.encode_image(pictures_BCHW.to(device), normalize=True).double().cpu()
            texts_BD = model.encode_text(tokens_BT.to(device), normalize=True).double().cpu()
        scores_B = (pictures_BD * texts_BD).sum(-1).tolist()
        return [
            Noted(
                {
                    "clip_score": round(score, _DECIMALS) if text else nan,
                    "embedding": [round(value, _DECIMALS) for value in vector],
                }
            )
            for text, score, vector in zip(texts, scores_B, pictures_BD.tolist(), strict=False)
        ]


def ready(loaded: Loaded, data: bytes, most_mpx: float) -> Any:
    """Decode a picture and make it ready for a model; raises BadSample where it cannot be."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
            warnings.simplefilter("ignore")
            if picture.width * picture.height > most_mpx * 1e6:
                raise BadSample("too_many_pixels", f"{picture.width} x {picture.height}")
            picture.load()
            return loaded.preprocess(upright_rgb(picture, _AS_IT_IS))
    except PILLOW_RAISES as error:
        raise BadSample("undecodable", f"{type(error).__name__}: {error}") from None


def _groups(subjects: Sequence[Subject]) -> Iterator[Sequence[Subject]]:
    for first in range(0, len(subjects), BATCH):
        yield subjects[first : first + BATCH]


def _decoded(pending: Pending) -> Any:
    if isinstance(pending, BadSample):
        return pending
    try:
        return pending.result()
    except BadSample as bad:
        return bad
