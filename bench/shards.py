"""The samples that shards are written from and read back: pictures of some 160 kB, and small ones of 1 kB."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256

from bench.photographs import photographs
from schemas.sample import Image, Sample, Source, Text
from schemas.tar import Writer

PICTURES, SMALL = 2_000, 20_000
CAPTION = "A man with a hat stands on the left of a red car, a dog beside him; behind them a house among trees. "
MEMORY = "/dev/shm"
BUFFER_BYTES = 1 << 17

Members = list[tuple[str, dict[str, bytes]]]


@cache
def picture_members() -> Members:
    """Return key and members by extension of samples with a photograph, a caption and a JSON."""
    found = photographs()
    return [
        (f"{n:032x}", {"jpg": found[n % len(found)], "json": b'{"caption":"%08d"}' % n * 20, "txt": CAPTION.encode()})
        for n in range(PICTURES)
    ]


@cache
def small_members() -> Members:
    """Return key and members by extension of samples of 1 kB: a JSON and a text."""
    return [(f"{n:032x}", {"json": b'{"caption":"%08d"}' % n * 30, "txt": CAPTION.encode() * 4}) for n in range(SMALL)]


def picture_samples() -> list[tuple[Sample, list[bytes]]]:
    """Return samples with a photograph and five captions, and the bytes of their media."""
    found = [(Image(sha256(photo).hexdigest(), len(photo), "jpg"), photo) for photo in photographs()]
    pairs = (found[n % len(found)] for n in range(PICTURES))
    return [(_sample(n, image, *[Text(f"{n} {CAPTION}")] * 5), [photo]) for n, (image, photo) in enumerate(pairs)]


def small_samples() -> list[tuple[Sample, list[bytes]]]:
    """Return samples of a text alone, 1 kB with its JSON."""
    return [(_sample(n, Text(f"{n} {CAPTION * 3}")), []) for n in range(SMALL)]


def _sample(number: int, *parts: Image | Text) -> Sample:
    return Sample(f"{number:032x}", parts, Source("bench", f"{number:08d}.jpg", licence="CC-BY-4.0"))


def write_tar(path: str, samples: Iterable[tuple[str, dict[str, bytes]]]) -> None:
    """Write samples as a plain tar."""
    with open(path, "wb", BUFFER_BYTES) as file:
        tar = Writer(file)
        for key, members in samples:
            for extension, content in members.items():
                tar.add(f"{key}.{extension}", content)
        tar.close()


def in_memory(folder: str, needs_bytes: int = 2 << 30) -> str:
    """Return a folder in memory where there is room, so that no disk's pace is measured; else one on disk."""
    try:
        room = os.statvfs(MEMORY)
    except OSError:
        return folder
    if room.f_bavail * room.f_frsize < needs_bytes:
        return folder
    here = os.path.join(MEMORY, os.path.basename(folder))
    os.makedirs(here, exist_ok=True)
    return here


def members_of(tar: Iterator[tuple[str, bytes]]) -> dict[str, bytes]:
    """Return the digest of every member by its name."""
    return {name: sha256(content).digest() for name, content in tar}
