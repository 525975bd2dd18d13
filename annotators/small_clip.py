"""A small model in open_clip's form, made of pictures and their texts in minutes: what caption-small runs with.

It is trained by CLIP's loss (each text against the pictures of its batch, and each picture against the texts; Radford
et al. 2021, section 2.3) at a fixed temperature of 0.07, so that a pair that does not belong together comes to a cosine
near 0. It remembers what it was shown and knows little else: it proves that weights are found, loaded and used.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import fsspec
from PIL import Image

from annotators.clip_checkpoint import CONFIG, WEIGHTS
from annotators.torchvision_ready import torchvision_ready
from annotators.upright import upright_rgb
from schemas.publish import put

MODEL = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": 64, "layers": 4, "width": 128, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 128, "heads": 4, "layers": 2},
}
PREPROCESS = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "interpolation": "bicubic", "resize_mode": "shortest"}
SCALE = 1 / 0.07
BATCH = 128
RATE = 1e-3
WARM_STEPS = 20

Pair = tuple[bytes, Sequence[str]]


def train_small_clip(
    pairs: Sequence[Pair], folder: str, steps: int, told: Callable[[int, float], None] = lambda step, loss: None
) -> None:
    """Train on pictures with their texts, and write configuration and weights to a folder.

    `told` hears the step and its loss, in nats. The same pairs and steps give the same weights on the same machine.
    """
    import torch
    from safetensors.torch import save
    from torch.nn.functional import cross_entropy

    torchvision_ready()
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    torch.manual_seed(0)
    model = open_clip.CLIP(**MODEL)
    preprocess = image_transform_v2(PreprocessCfg(**PREPROCESS, size=64), is_train=False)
    tokenizer = open_clip.SimpleTokenizer(context_length=32)
    pictures_NCHW = torch.stack([preprocess(upright_rgb(Image.open(io.BytesIO(data)), 1 << 30)) for data, _ in pairs])
    tokens = [tokenizer(list(texts)) for _, texts in pairs]
    optimizer: Any = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARM_STEPS))
    draws = torch.Generator().manual_seed(0)
    for step in range(steps):
        chosen = torch.randperm(len(pairs), generator=draws)[:BATCH]
        said = [tokens[one] for one in chosen.tolist()]
        tokens_BT = torch.stack([one[int(torch.randint(len(one), (1,), generator=draws))] for one in said])
        pictures_BD = model.encode_image(pictures_NCHW[chosen], normalize=True)
        logits_BB = SCALE * pictures_BD @ model.encode_text(tokens_BT, normalize=True).T
        diagonal = torch.arange(len(chosen))
        loss: Any = (cross_entropy(logits_BB, diagonal) + cross_entropy(logits_BB.T, diagonal)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        told(step + 1, loss.item())
    fs = fsspec.filesystem("file")
    os.makedirs(folder, exist_ok=True)
    put(fs, os.path.join(folder, WEIGHTS[0]), save(model.state_dict()))
    put(
        fs,
        os.path.join(folder, CONFIG),
        json.dumps({"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}, indent=1).encode(),
    )
