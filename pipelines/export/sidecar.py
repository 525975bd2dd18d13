"""The sidecar of a shard: a row per sample, under img2dataset's names, with the byte range of every member."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from schemas.clip import clip_in
from schemas.form import caption_of
from schemas.kind import estimated_tokens, kind_of
from schemas.sample import Image, Sample, joint_digest, part_digest
from schemas.tables import CLIP_SIDECAR, PEOPLE, SIDECAR, Column
from schemas.tar import Member, span_end


class Sidecar:
    """The columns of a sidecar, as they grow."""

    def __init__(self, columns: Sequence[Column] = SIDECAR) -> None:
        self.columns: dict[str, list[Any]] = {column.name: [] for column in columns}

    def add(self, sample: Sample, members: Sequence[Member]) -> None:
        """Add a sample and where its members lie."""
        row = sidecar_row(sample, members)
        for name, values in self.columns.items():
            values.append(row[name])


def sidecar_row(sample: Sample, members: Sequence[Member]) -> dict[str, Any]:
    """Return a sample's row, of a clip with the columns of its cut, and what people say where that is told.

    `sha256` is of the first picture or video, of the first text where there is neither, of a document over the digests
    of all its parts.
    """
    first = next((part for _, part in sample.media()), sample.parts[0])
    told = sample.parts if sample.is_document else (first,)
    picture = next((part for part in sample.parts if isinstance(part, Image)), None)
    width, height = (picture.width_px, picture.height_px) if picture else (0, 0)
    row = {
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
        "kind": kind_of(sample),
        "estimated_tokens": estimated_tokens(sample),
        "texts": [text.text for text in sample.texts],
        "members": [member.name for member in members],
        "offsets": [member.offset for member in members],
        "sizes": [member.size_bytes for member in members],
    }
    return {**row, **_of_clip(sample), **({"people": sample.people} if sample.people else {})}


def columns_of(names: Sequence[str]) -> Sequence[Column] | None:
    """Return the columns of a sidecar whose names these are, None where they are no sidecar's."""
    known = (*(SIDECAR, CLIP_SIDECAR), (*SIDECAR, *PEOPLE), (*CLIP_SIDECAR, *PEOPLE))
    found = (columns for columns in known if [column.name for column in columns] == list(names))
    return next(found, None)


def _of_clip(sample: Sample) -> dict[str, Any]:
    clip = clip_in(sample.source.meta)
    if clip is None:
        return {}
    return {
        "cut": clip.cut,
        "part": clip.part,
        "start_pts": clip.start_pts,
        "end_pts": clip.end_pts,
        "time_base_num": clip.time_base[0],
        "time_base_den": clip.time_base[1],
        "frames": clip.frames,
        "duration_s": clip.duration_s,
        "spans": list(clip.spans),
    }


def sample_spans(offsets: Sequence[Sequence[int]], sizes: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return where each sample's first header begins and where the next sample's does, from its members' ranges."""
    ends = (span_end(at[-1], length[-1]) for at, length in zip(offsets, sizes, strict=True))
    return list(pairwise((0, *ends)))
