"""It sees: a tiny model says each caption for its own photograph and no other, and tells a clip from its reverse."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from itertools import islice, permutations
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray

from schemas.sample import Image, Sample, Source, Text, Video
from trainer.documents.clip_frames import ClipRule, clip_facts, decoded
from trainer.documents.codec import Codec
from trainer.documents.document import Document
from trainer.documents.encode import encode
from trainer.documents.picture import PictureRule
from trainer.documents.tokens import Tokens, train_tokens
from trainer.model.attention import use_document_attention, use_plain_attention
from trainer.model.flat_kernel import use_flat_kernel
from trainer.model.forward import Trainee
from trainer.model.model import build
from trainer.model.normalised import normalised
from trainer.model.pack import pack
from trainer.model.presets import preset

PHOTOGRAPHS, WARM_UP = 8, 15
CLIPS = ("2jKXlH_ceCo.11.mp4", "4F0B-U_xwN0.23.mp4", "CgcadSRtAag.140.mp4", "ITKgZZcTpzE.5.mp4")
FRAMES = 6

Says = Callable[[Document, NDArray[np.uint8]], bool]


def learnt(documents: list[Document], tokens: Tokens, steps: int) -> Says:
    """Train a tiny model on documents, and return whether it says a document's own words for the patches given."""
    torch.set_num_threads(1)
    ids = tokens.ids()
    model = build(preset("tiny"), ids, tokens.size, seed=0).train()
    use_document_attention(model)
    use_flat_kernel(model)
    row = pack(documents, sum(len(one.tokens_T) for one in documents), image_id=ids.image, padding_id=ids.end)
    optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.0)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / WARM_UP)
        (Trainee(model)(row).losses.sum() / row.targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    model.eval()
    use_plain_attention(model)

    @torch.no_grad()
    def says(document: Document, patches: NDArray[np.uint8]) -> bool:
        words = document.tokens_T[document.is_target_T].tolist()
        prompt = torch.from_numpy(document.tokens_T[: -len(words)]).long()[None]
        said = model.generate(
            input_ids=prompt,
            mm_token_type_ids=(prompt == ids.image).int(),
            pixel_values=normalised(patches),
            image_grid_thw=torch.from_numpy(document.grids_N3),
            max_new_tokens=len(words),
            do_sample=False,
            eos_token_id=ids.end,
            pad_token_id=ids.end,
        )
        return bool(said[0, prompt.shape[1] :].tolist() == words)

    return says


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
    samples = captioned(data)
    assert len({sample.texts[0].text for sample, _ in samples}) == PHOTOGRAPHS
    tokens = train_tokens([sample.texts[0].text for sample, _ in samples], 600)
    codec = Codec("4.1v", tokens, PictureRule(most_tokens=12))
    documents = [encode(sample, [content], codec) for sample, content in samples]
    swapped = [
        (one, other.patches_PD)
        for one, other in permutations(documents, 2)
        if one.patches_PD.shape == other.patches_PD.shape
    ]
    assert len(swapped) >= PHOTOGRAPHS
    says = learnt(documents, tokens, steps=50)
    assert all(says(one, one.patches_PD) for one in documents)
    assert not any(says(one, np.zeros_like(one.patches_PD)) for one in documents)
    assert not any(says(one, patches) for one, patches in swapped[::2])


def both_ways(content: bytes) -> list[bytes]:
    """Return a clip of six frames of a real one, two a second, a quarter as large: as it went and in reverse."""
    every = clip_facts(content).frames // FRAMES
    frames = [frame[::4, ::4] for frame in islice(decoded(content), 0, FRAMES * every, every)]
    found = []
    for ordered in (frames, frames[::-1]):
        out = io.BytesIO()
        with av.open(out, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=2)
            stream.height, stream.width = (side // 2 * 2 for side in frames[0].shape[:2])
            stream.pix_fmt = "yuv420p"
            for frame in ordered:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame))))
            container.mux(stream.encode())
        found.append(out.getvalue())
    return found


def test_a_tiny_model_tells_a_clip_from_the_same_in_reverse(data: Path) -> None:
    folder = data / "video" / "panda70m_research_only"
    tokens = train_tokens(["a clip of number goes on in reverse"] * 9, 400)
    codec = Codec("4.1v", tokens, clip=ClipRule(most_tokens=24))
    documents = []
    for count, name in enumerate(CLIPS):
        for way, content in zip(("on", "in reverse"), both_ways((folder / name).read_bytes()), strict=True):
            parts = (Video("0" * 64, len(content), "mp4", 3.0), Text(f"clip number {count} goes {way}"))
            documents.append(encode(Sample(f"{len(documents):032x}", parts, Source("clips", name)), [content], codec))
    assert all(len(one.grids_N3) == FRAMES // 2 for one in documents)
    says = learnt(documents, tokens, steps=90)
    assert all(says(one, one.patches_PD) for one in documents)
    pairs = zip(documents[::2], documents[1::2], strict=True)
    assert not any(says(one, other.patches_PD) or says(other, one.patches_PD) for one, other in pairs)
