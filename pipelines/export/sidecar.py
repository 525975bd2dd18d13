"""The sidecar of a shard: a row per sample, under img2dataset's names, with the byte range of every member."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from schemas.form import caption_of
from schemas.sample import Image, Sample, joint_digest, part_digest
from schemas.tables import SIDECAR
from schemas.tar import Member, span_end


class Sidecar:
    """The columns of a sidecar, as they grow."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {column.name: [] for column in SIDECAR}

    def add(self, sample: Sample, members: Sequence[Member]) -> None:
        """Add a sample and where its members lie."""
        for name, value in sidecar_row(sample, members).items():
            self.columns[name].append(value)


def sidecar_row(sample: Sample, members: Sequence[Member]) -> dict[str, Any]:
    """Return a sample's row; `sha256` is of the first picture or video, of the first text where there is neither, of a
    document over the digests of all its parts."""
    first = next((part for _, part in sample.media()), sample.parts[0])
    told = sample.parts if sample.is_document else (first,)
    picture = next((part for part in sample.parts if isinstance(part, Image)), None)
    width, height = (picture.width_px, picture.height_px) if picture else (0, 0)
    return {
        "key": sample.key,
        "url": sample.source.uri,
        "caption": caption_of(sample),
        "status": "success",
        "error_message": "",
        "width": width,
        "height": height,
        "original_width": width,
        "original_height": height,
        "exif": "",
        "sha256": joint_digest([part_digest(part) for part in told]),
        "dataset": sample.source.dataset,
        "row": sample.source.row,
        "licence": sample.source.licence,
        "parent": sample.source.parent,
        "texts": [text.text for text in sample.texts],
        "members": [member.name for member in members],
        "offsets": [member.offset for member in members],
        "sizes": [member.size_bytes for member in members],
    }


def sample_spans(offsets: Sequence[Sequence[int]], sizes: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return where each sample's first header begins and where the next sample's does, from its members' ranges."""
    ends = (span_end(at[-1], length[-1]) for at, length in zip(offsets, sizes, strict=True))
    return list(pairwise((0, *ends)))
