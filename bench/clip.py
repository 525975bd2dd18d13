"""CLIP over pictures and captions: `annotators.clip` against bare open_clip on the same batches, on one processor.

Both decode, preprocess and encode batches of one size. The weights are random: speed does not depend on them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from itertools import cycle, islice
from typing import Any

import numpy as np
from PIL import Image as Picture

from annotators.annotator import Subject
from annotators.clip import BATCH, Clip
from annotators.torchvision_ready import torchvision_ready
from bench.duel import Row, interleave, require, row
from bench.photographs import photographs
from schemas.sample import Image, Sample, Source, Text

MODEL = "ViT-B-32"
TEXT = "a photograph of something that somebody saw somewhere"
PASSES = 4


def subject(data: bytes) -> Subject:
    sample = Sample(
        "0" * 32, (Image(sha256(data).hexdigest(), len(data), "jpg"), Text(TEXT, "caption")), Source("", "")
    )
    return Subject(sample, "", (0, 0), {}, lambda url, offset, size_bytes: data[offset : offset + size_bytes])


def bare(model: Any, preprocess: Any, tokenizer: Any, files: Sequence[bytes]) -> list[float]:
    import torch

    scores: list[float] = []
    with torch.inference_mode():
        for first in range(0, len(files), BATCH):
            batch = files[first : first + BATCH]
            pictures = torch.stack([preprocess(Picture.open(io.BytesIO(data)).convert("RGB")) for data in batch])
            texts = tokenizer([TEXT] * len(batch))
            pictures_BD = model.encode_image(pictures, normalize=True)
            scores += (pictures_BD * model.encode_text(texts, normalize=True)).sum(-1).tolist()
    return scores


def rows(folder: str) -> Iterator[Row]:
    torchvision_ready()
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model, _, preprocess = open_clip.create_model_and_transforms(MODEL)
    checkpoint = os.path.join(folder, "random.safetensors")
    save_file(model.state_dict(), checkpoint)
    files = list(islice(cycle(photographs()), PASSES * BATCH))
    subjects = [subject(data) for data in files]
    with Clip(MODEL, checkpoint).open() as look:
        peer = partial(bare, model.eval(), preprocess, open_clip.get_tokenizer(MODEL), files)
        ours = [noted.values["clip_score"] for noted in look(subjects)]
        require(bool(np.allclose(ours, peer(), atol=1e-4)), "scores differ by more than 1e-4")
        times_s = interleave(partial(look, subjects), peer)
    yield row(f"clip score, {MODEL}", times_s, len(files), 0.95, "the encoder's matrix products")
