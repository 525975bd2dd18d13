"""It sees: a tiny model that learnt captioned photographs says each caption for its own picture and for no other."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.sample import Image, Sample, Source, Text
from trainer.attention import use_document_attention, use_plain_attention
from trainer.codec import Codec
from trainer.document import Document
from trainer.encode import encode
from trainer.flat_kernel import use_flat_kernel
from trainer.forward import Trainee
from trainer.model import build
from trainer.pack import pack
from trainer.picture import PictureRule
from trainer.presets import preset
from trainer.tokens import train_tokens

PHOTOGRAPHS, STEPS, WARM_UP = 12, 60, 15


def captioned(data: Path) -> list[tuple[Sample, bytes]]:
    folder = data / "image_caption" / "coco_mini"
    told = json.loads((folder / "annotations" / "captions_val2017.json").read_text())
    caption = {one["image_id"]: one["caption"] for one in reversed(told["annotations"])}
    found = []
    for image in sorted(told["images"], key=lambda one: one["id"])[:PHOTOGRAPHS]:
        content = (folder / "val2017" / image["file_name"]).read_bytes()
        picture = Image("0" * 64, len(content), "jpg", image["width"], image["height"])
        key = f"{image['id']:032x}"
        found.append((Sample(key, (picture, Text(caption[image["id"]])), Source("coco", key)), content))
    return found


def test_a_tiny_model_says_each_caption_for_its_own_photograph_only(data: Path) -> None:
    torch.set_num_threads(1)
    samples = captioned(data)
    assert len({sample.texts[0].text for sample, _ in samples}) == PHOTOGRAPHS
    tokens = train_tokens([sample.texts[0].text for sample, _ in samples], 600)
    ids = tokens.ids()
    codec = Codec("4.1v", tokens, PictureRule(most_tokens=12))
    documents = [encode(sample, [content], codec) for sample, content in samples]
    model = build(preset("tiny"), ids, tokens.size, seed=0).train()
    use_document_attention(model)
    use_flat_kernel(model)
    row = pack(documents, sum(len(one.tokens_T) for one in documents), image_id=ids.image, padding_id=ids.end)
    optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.0)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / WARM_UP)
        (Trainee(model)(row).losses.sum() / row.targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    model.eval()
    use_plain_attention(model)

    def says(document: Document, patches: NDArray[np.float32]) -> bool:
        learnt = document.tokens_T[document.is_target_T].tolist()
        prompt = torch.from_numpy(document.tokens_T[: -len(learnt)]).long()[None]
        said = model.generate(
            input_ids=prompt,
            mm_token_type_ids=(prompt == ids.image).int(),
            pixel_values=torch.from_numpy(patches),
            image_grid_thw=torch.from_numpy(document.grids_N3),
            max_new_tokens=len(learnt),
            do_sample=False,
            eos_token_id=ids.end,
            pad_token_id=ids.end,
        )
        return bool(said[0, prompt.shape[1] :].tolist() == learnt)

    swapped = [
        (one, other.patches_PD)
        for one, other in permutations(documents, 2)
        if one.patches_PD.shape == other.patches_PD.shape
    ]
    assert len(swapped) > PHOTOGRAPHS
    with torch.no_grad():
        assert all(says(one, one.patches_PD) for one in documents)
        assert not any(says(one, np.zeros_like(one.patches_PD)) for one in documents)
        assert not any(says(one, patches) for one, patches in swapped[::3])
