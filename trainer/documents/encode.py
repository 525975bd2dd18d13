"""Encoding: a sample and the bytes of its media become a document."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.kind import kind_of
from schemas.sample import Sample, Video
from trainer.documents.clip_frames import clip_facts, clip_patches, look_at
from trainer.documents.codec import Codec
from trainer.documents.document import Document
from trainer.documents.grid import PATCH_VALUES
from trainer.documents.layout import Medium, lay_out
from trainer.documents.picture import picture_patches


def encode(sample: Sample, contents: Sequence[bytes], codec: Codec) -> Document:
    """Return the document of a sample; raises BadSample where a picture or clip of it cannot be used.

    `contents` are the bytes of its pictures and clips in their order, as `schemas.form.read` returns them.
    """
    media, patches_PD = looked_at(sample, contents, codec)
    laid = lay_out(sample, codec, media)
    return Document(sample.key, kind_of(sample), *laid, patches_PD)


def looked_at(sample: Sample, contents: Sequence[bytes], codec: Codec) -> tuple[dict[int, Medium], NDArray[np.uint8]]:
    """Return what is seen of each picture and clip, by its place, and the patches of all; raises BadSample."""
    media: dict[int, Medium] = {}
    patches: list[NDArray[np.uint8]] = [np.zeros((0, PATCH_VALUES), np.uint8)]
    for (place, part), content in zip(sample.media(), contents, strict=True):
        if isinstance(part, Video):
            looked = look_at(clip_facts(content), codec.clip)
            media[place] = looked
            patches.append(clip_patches(content, looked))
        else:
            media[place], of_picture = picture_patches(content, codec.picture)
            patches.append(of_picture)
    return media, np.concatenate(patches)
