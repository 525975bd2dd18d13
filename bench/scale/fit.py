"""Measuring the real samples: `python -m bench.scale.fit` writes real.json anew.

Pictures: all that the folder of samples holds. Captions: COCO's and LAION's alternative texts.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import ArrayLike
from PIL import Image

from annotators.annotator import Subject
from annotators.concepts import Concepts
from annotators.header import PILLOW_RAISES
from annotators.pixels import laplacian_variance, perceptual_hash, top_colour_share
from annotators.upright import upright_rgb
from bench.scale.real import HERE, REAL, Real, Shape
from schemas.note import Noted
from schemas.sample import Sample, Source, Text

SIDE_PX = 128
MOST_SHAPES, MOST_WORDS, MOST_TEXTS, POINTS = 256, 512, 5, 101
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".gif", ".webp")
WORD = re.compile(r"[a-z]+")

Colours = tuple[float, float, float, int]


def data() -> str:
    """Return the folder of real samples."""
    return os.environ.get("OSTRAKA_DATA", os.path.join(HERE, "..", "..", "..", "shared", "data"))


def fit() -> Real:
    """Measure all."""
    seen = list(pictures())
    said = list(captions())
    texts = [text for sample in said for text in sample]
    words = Counter(word for text in texts for word in WORD.findall(text.lower())).most_common(MOST_WORDS)
    noted, vocabulary = concepts(said)
    counts = sorted(Counter(entry for found in noted for entry in found).values(), reverse=True)
    shapes = sorted(shape for shape, _ in seen)
    shapes.sort(key=lambda shape: shape[0] * shape[1])
    return Real(
        pictures=len(seen),
        samples=len(said),
        shapes=tuple(shapes[at] for at in np.linspace(0, len(shapes) - 1, MOST_SHAPES).astype(int)),
        channel_std=quantiles([colours[0] for _, colours in seen]),
        top_colour_share=quantiles([colours[1] for _, colours in seen]),
        sharpness=quantiles([colours[2] for _, colours in seen]),
        texts=shares([len(sample) - 1 for sample in said]),
        words={word: round(count / sum(count for _, count in words), 6) for word, count in words},
        words_a_text=quantiles([len(text.split()) for text in texts]),
        concepts=shares([len(found) for found in noted]),
        concept_ranks=quantiles(np.repeat(np.arange(len(counts)), counts)),
        vocabulary=vocabulary,
        hashes=hashes([colours[3] for _, colours in seen]),
    )


def quantiles(values: ArrayLike) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in np.quantile(np.asarray(values), np.linspace(0, 1, POINTS)))


def shares(counts: Sequence[int]) -> tuple[float, ...]:
    return tuple(round(float(share), 6) for share in np.bincount(counts) / len(counts))


def pictures() -> Iterator[tuple[Shape, Colours]]:
    """Yield shape and colours of every picture that decodes."""
    for folder, _, names in sorted(os.walk(data())):
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                path = os.path.join(folder, name)
                try:
                    with Image.open(path) as picture:
                        kind, mode, size = (picture.format or "").lower(), picture.mode, picture.size
                        rgb = upright_rgb(picture, SIDE_PX)
                except PILLOW_RAISES:
                    continue
                yield (*size, os.path.getsize(path), kind, mode), _colours(rgb)


def _colours(rgb: Image.Image) -> Colours:
    rgb_HWC = np.asarray(rgb)
    luma_HW = np.asarray(rgb.convert("L"), dtype=np.float64)
    spread = float(rgb_HWC.std(axis=(0, 1)).max())
    return spread, top_colour_share(rgb_HWC), laplacian_variance(luma_HW), perceptual_hash(rgb)


def captions() -> Iterator[list[str]]:
    """Yield the texts of every captioned sample."""
    root = os.path.join(data(), "image_caption")
    for split in ("train2017", "val2017"):
        told = _json(os.path.join(root, "coco_mini", "annotations", f"captions_{split}.json"))
        of_image: dict[int, list[str]] = {}
        for annotation in told["annotations"]:
            of_image.setdefault(annotation["image_id"], []).append(annotation["caption"])
        yield from (texts[:MOST_TEXTS] for texts in of_image.values())
    alternative = pq.read_table(os.path.join(root, "img2dataset_url_lists", "test_1000.parquet"))["TEXT"]
    yield from ([text] for text in alternative.to_pylist() if text)


def _json(path: str) -> Any:
    with open(path, "rb") as file:
        return msgspec.json.decode(file.read())


def concepts(said: Sequence[Sequence[str]]) -> tuple[list[list[int]], int]:
    """Return the concepts that each sample names, and how many there are in all."""
    annotator = Concepts()
    samples = [Sample(f"{n:032x}", tuple(map(Text, texts)), Source("", "")) for n, texts in enumerate(said)]
    found: list[list[int]] = []
    with annotator.open() as look:
        for sample in samples:
            (noted,) = look([Subject(sample, "", (), {}, _nothing)])
            assert isinstance(noted, Noted)
            found.append(list(noted.values["concepts"]))  # type: ignore[arg-type]
    return found, len(annotator.entries())


def _nothing(url: str, offset: int, size_bytes: int) -> bytes:
    return b""


def hashes(found: Sequence[int]) -> dict[str, float]:
    """Return what different hashes are like: bits that stand, the top bit, bits between two."""
    distinct = sorted(set(found))
    weights = [value.bit_count() for value in distinct]
    apart = [(one ^ other).bit_count() for one, other in combinations(distinct, 2)]
    return {
        "distinct": len(distinct),
        "bits_mean": round(float(np.mean(weights)), 2),
        "bits_std": round(float(np.std(weights)), 2),
        "top_bit": round(float(np.mean([value >> 63 for value in distinct])), 4),
        "apart_mean": round(float(np.mean(apart)), 2),
        "apart_std": round(float(np.std(apart)), 2),
    }


def write(found: Real) -> None:
    """Write what was measured, a line a field."""
    fields = msgspec.structs.asdict(found).items()
    lines = (f'"{name}": {msgspec.json.encode(value).decode()}' for name, value in fields)
    with open(REAL, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    write(fit())
