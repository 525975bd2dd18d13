"""Relevance: how alike each picture of a document and the text around it are in CLIP's space.

A model reads a line or two, and a document is longer: the text around a picture is cut into sentences, and its score is
that of the sentence that it is likest. Looked at are what stands for the picture, its caption, and `around` texts on
either side, the nearest sentences first. Batches are padded to one size, as `Clip` does, so no neighbour changes a bit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from math import nan
from typing import Any, ClassVar

from msgspec import structs
from PIL import Image as Picture

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.clip import BATCH, ready
from annotators.clip_checkpoint import Checkpoint, Loaded
from schemas.errors import BadInput, BadSample
from schemas.note import Item, Noted
from schemas.sample import Image, Sample, Text
from schemas.vocabulary.documents import EMBEDDINGS, PICTURE_CLIP_SCORE

SENTENCES = 16
"""Sentences that a picture is compared with at the most."""

_BETWEEN = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n")
_OWN = ("alt", "caption", "label")
_FEWEST_LETTERS = 3
_DECIMALS = 6


class Relevance(Annotator, frozen=True):
    """`model`, `checkpoint`, `device` and `most_mpx` are `Clip`'s: `--weights relevance=PATH` must be given.

    A picture that cannot be decoded, or that no text stands around, has a score of NaN; its vector is zeros where it
    cannot be decoded.
    """

    model: str = "ViT-B-32"
    checkpoint: str = ""
    device: str = "cpu"
    most_mpx: float = 200.0
    around: int = 2

    writes: ClassVar = (PICTURE_CLIP_SCORE, EMBEDDINGS)
    made_with: ClassVar = ("open-clip-torch", "torch", "pillow")
    extra: ClassVar = "clip"

    def __post_init__(self) -> None:
        if self.device not in ("cpu", "cuda"):
            raise BadInput(f"device is {self.device!r}", where="annotator relevance", remedy="say cpu or cuda")

    @property
    def needs(self) -> Needs:
        """A GPU where that is its device."""
        return Needs(gpus=int(self.device == "cuda"), limit_s=600.0, memory_mib=8192)

    def given(self, weights: str) -> Relevance:
        path = os.path.abspath(weights)
        return structs.replace(self, checkpoint=path, model="" if os.path.isdir(path) else self.model)

    def identity(self) -> Relevance:
        return structs.replace(self, checkpoint="")

    def weights(self) -> tuple[str, ...]:
        """Return the digests of the checkpoint's files; raises BadInput where it is missing or does not load."""
        return Checkpoint(self.model, self.checkpoint, self.name).digests()

    def loaded(self) -> Loaded:
        """Return the model, ready to look; raises BadInput where there are no weights of it."""
        return Checkpoint(self.model, self.checkpoint, self.name).load(self.device)

    @contextmanager
    def open(self) -> Iterator[Look]:
        import torch

        torch.set_num_threads(1)
        loaded = self.loaded()

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            return [self._said(loaded, subject) for subject in subjects]

        yield look

    def _said(self, loaded: Loaded, subject: Subject) -> Noted:
        sample = subject.sample
        parts = [(place, part) for place, part in sample.media() if isinstance(part, Image)]
        vectors_ND = encoded_pictures(loaded, [subject.content(part) for _, part in parts], self.device, self.most_mpx)
        said = [sentences_around(sample, place, self.around) for place, _ in parts]
        every = list(dict.fromkeys(text for texts in said for text in texts))
        texts_D = dict(zip(every, _encoded_texts(loaded, every, self.device), strict=True))
        scores: list[Item] = [
            max((round(_product(vector_D, texts_D[text]), _DECIMALS) for text in texts), default=nan)
            if any(vector_D)
            else nan
            for vector_D, texts in zip(vectors_ND, said, strict=True)
        ]
        embeddings: list[Item] = [round(value, _DECIMALS) for vector_D in vectors_ND for value in vector_D]
        return Noted({"picture_clip_score": scores, "embeddings": embeddings})


def encoded_pictures(loaded: Loaded, pictures: Sequence[bytes], device: str, most_mpx: float) -> list[list[float]]:
    """Return the unit vectors of pictures, zeros for one that cannot be decoded."""
    import torch

    found: list[list[float]] = []
    for first in range(0, len(pictures), BATCH):
        made_CHW = [_ready(loaded, data, most_mpx) for data in pictures[first : first + BATCH]]
        blank_CHW = loaded.preprocess(Picture.new("RGB", (32, 32), "white"))
        padded = [*made_CHW, *[None] * (BATCH - len(made_CHW))]
        pictures_BCHW = torch.stack([blank_CHW if one is None else one for one in padded])
        with torch.inference_mode():
            vectors_BD = loaded.model.encode_image(pictures_BCHW.to(device), normalize=True).double().cpu().tolist()
        some = zip(vectors_BD, made_CHW, strict=False)
        found += [[0.0] * len(vector_D) if one is None else vector_D for vector_D, one in some]
    return found


def _ready(loaded: Loaded, data: bytes, most_mpx: float) -> Any:
    try:
        return ready(loaded, data, most_mpx)
    except BadSample:
        return None


def _encoded_texts(loaded: Loaded, texts: Sequence[str], device: str) -> list[list[float]]:
    import torch

    found: list[list[float]] = []
    for first in range(0, len(texts), BATCH):
        some = texts[first : first + BATCH]
        tokens_BT = loaded.tokenizer([*some, *[""] * (BATCH - len(some))])
        with torch.inference_mode():
            vectors_BD = loaded.model.encode_text(tokens_BT.to(device), normalize=True).double().cpu().tolist()
        found += vectors_BD[: len(some)]
    return found


def _product(one_D: Sequence[float], other_D: Sequence[float]) -> float:
    return sum(one * other for one, other in zip(one_D, other_D, strict=True))


def sentences_around(sample: Sample, place: int, around: int) -> list[str]:
    """Return the sentences around a picture, nearest first: what stands for it and its caption before all others."""
    own = list(takewhile(lambda part: getattr(part, "role", "") in _OWN, sample.parts[place + 1 :]))
    before = [part for part in reversed(sample.parts[:place]) if isinstance(part, Text)][:around]
    behind = [part for part in sample.parts[place + 1 + len(own) :] if isinstance(part, Text)][:around]
    told = [sentence for part in own if isinstance(part, Text) for sentence in _sentences(part.text)]
    for at in range(around):
        told += _sentences(behind[at].text) if at < len(behind) else []
        told += _sentences(before[at].text)[::-1] if at < len(before) else []
    return list(dict.fromkeys(told))[:SENTENCES]


def _sentences(text: str) -> list[str]:
    found = (one.strip() for one in _BETWEEN.split(text))
    return [one for one in found if sum(map(str.isalnum, one)) >= _FEWEST_LETTERS]
