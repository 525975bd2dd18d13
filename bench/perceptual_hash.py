"""Perceptual hash, decode included: `annotators.pixels` against imagehash, both 64 bits, on one processor."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import imagehash
from PIL import Image

from annotators.pixels import Pixels, perceptual_hash
from bench.duel import Row, interleave, require, row
from bench.photographs import large_photographs, photographs

NEAR_BITS = 8


def ours(files: Sequence[bytes]) -> list[int]:
    decode = Pixels()._decode
    return [perceptual_hash(decode(file)) for file in files]


def peer(files: Sequence[bytes]) -> list[int]:
    return [int(str(imagehash.phash(Image.open(io.BytesIO(file)))), 16) for file in files]


def rows(_: str) -> Iterator[Row]:
    for what, files in (("photographs", photographs()), ("photographs of 1 megapixel and more", large_photographs())):
        apart = Counter((a ^ b).bit_count() for a, b in zip(ours(files), peer(files), strict=True))
        print(f"bits apart of 64, {what}: " + ", ".join(f"{bits}: {apart[bits]}" for bits in sorted(apart)))
        far = sum(number for bits, number in apart.items() if bits > NEAR_BITS)
        require(far <= len(files) / 20, f"{far} of {len(files)} hashes are over {NEAR_BITS} bits apart")
        times_s = interleave(partial(ours, files), partial(peer, files))
        yield row(f"perceptual hash: {what}", times_s, len(files), 3, "JPEG's Huffman codes")
