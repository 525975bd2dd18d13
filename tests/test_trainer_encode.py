"""Encoding real samples: COCO as ostraka exports it; lengths counted from facts are those of the documents."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas import form
from schemas.errors import BadInput, BadSample
from schemas.sample import Image, Part, Sample, Source, Text, Video
from trainer.documents.clip_frames import ClipRule
from trainer.documents.codec import Codec
from trainer.documents.encode import encode
from trainer.documents.length import length, needs_contents
from trainer.documents.picture import PictureRule
from trainer.documents.tokens import train_tokens

Read = tuple[Sample, list[bytes]]
TOKENS = train_tokens(["a man riding a wave on top of a surfboard", "two dogs and a frisbee"] * 9, 500)
SMALL = Codec("4.1v", TOKENS, PictureRule(most_tokens=60), ClipRule(most_tokens=300))


@pytest.fixture(scope="module")
def coco(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Read]:
    """Return every sample of an export of COCO, read from its tars."""
    root = tmp_path_factory.mktemp("coco")
    shelf = Shelf(str(root / "shelf"))
    ingest(shelf, str(data / "image_caption" / "coco_mini"), Local(1))
    run(shelf, find_recipe("headers-only"), Local(1))
    export(shelf, "headers-only", str(root / "out"), Local(1), ExportOptions())
    found: list[Read] = []
    for path in sorted((root / "out").rglob("*.tar")):
        members: dict[str, dict[str, bytes]] = {}
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, extension = member.name.partition(".")
                opened = tar.extractfile(member)
                assert opened is not None
                members.setdefault(key, {})[extension] = opened.read()
        found += [form.read(one) for one in members.values()]
    return found


def counted(sample: Sample, contents: list[bytes], codec: Codec) -> tuple[int, ...]:
    document = encode(sample, contents, codec)
    patches = document.grids_N3.prod(axis=1)
    assert patches.sum() == len(document.patches_PD)
    assert not document.is_target_T[0]
    return (
        len(document.tokens_T),
        int(document.is_target_T.sum()),
        len(document.patches_PD),
        int((patches**2).sum()),
    )


def test_every_caption_of_coco_is_as_long_as_its_facts_say(coco: list[Read]) -> None:
    assert len(coco) == 139
    assert not any(needs_contents(sample) for sample, _ in coco)
    for sample, contents in coco:
        found = length(sample, SMALL)
        assert found.kind == "caption"
        assert counted(sample, contents, SMALL) == found[1:]


def test_a_document_of_coco_is_its_picture_and_its_caption(coco: list[Read]) -> None:
    sample, contents = coco[0]
    document = encode(sample, contents, SMALL)
    learnt = document.tokens_T[document.is_target_T].tolist()
    assert TOKENS.decode(learnt) == form.caption_of(sample).strip() + "<|endoftext|>"
    again = encode(sample, contents, SMALL)
    assert all(np.array_equal(one, other) for one, other in zip(document[2:], again[2:], strict=True))


@settings(max_examples=25)
@given(seeds=st.lists(st.integers(0, 138), min_size=1, max_size=3, unique=True), shape=st.data())
def test_any_document_made_of_real_pictures_is_as_long_as_its_facts_say(
    coco: list[Read], seeds: list[int], shape: st.DataObject
) -> None:
    parts: list[Part] = []
    contents: list[bytes] = []
    for seed in seeds:
        sample, held = coco[seed]
        picture = next(part for _, part in sample.media())
        parts.append(shape.draw(st.sampled_from([picture, structs.replace(picture, width_px=0)])))
        contents += held
        if shape.draw(st.booleans()):
            parts.append(Text(form.caption_of(sample), shape.draw(st.sampled_from(["text", "user", "ocr"]))))
    ending = [Text("Look.", "text")], [Text("What?", "user"), Text("Red.", "think"), Text("A dog.", "assistant")]
    sample = Sample("0" * 32, (*parts, *shape.draw(st.sampled_from(ending))), Source("made", "1"))
    codec = structs.replace(SMALL, family=shape.draw(st.sampled_from(["4.1v", "4.5v"])))
    assert counted(sample, contents, codec) == length(sample, codec, contents)[1:]


def test_a_clip_is_as_long_as_its_container_says(data: Path) -> None:
    content = (data / "video" / "mdn_cc0" / "rabbit320.mp4").read_bytes()
    clip = Video("0" * 64, len(content), "mp4", 7.8)
    sample = Sample("0" * 32, (clip, Text("A rabbit turns.")), Source("made", "1"))
    assert needs_contents(sample)
    found = length(sample, SMALL, [content])
    assert found.kind == "video"
    assert counted(sample, [content], SMALL) == found[1:]
    with pytest.raises(BadInput, match=r"parts\[0\].*give its bytes"):
        length(sample, SMALL)


def test_what_encoding_refuses_counting_refuses_too(picture: Callable[..., bytes]) -> None:
    content = picture(0, (28, 5628), "PNG")
    for width_px, height_px in ((28, 5628), (0, 0)):
        image = Image("0" * 64, len(content), "png", width_px, height_px)
        sample = Sample("0" * 32, (image, Text("A line.")), Source("made", "1"))
        for look in (length, lambda sample, codec, contents: encode(sample, contents, codec)):
            with pytest.raises(BadSample, match="aspect_over_200"):
                look(sample, SMALL, [content])
