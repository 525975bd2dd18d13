"""Writing shards: `schemas.tar.Writer` against webdataset's `TarWriter`, members ready or in our form with its JSON.

Both write into a file that is opened for them with one size of buffer.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from functools import partial

from webdataset import TarWriter

from bench.duel import Row, interleave, require, row
from bench.shards import (
    BUFFER_BYTES,
    PICTURES,
    SMALL,
    Members,
    in_memory,
    members_of,
    picture_members,
    picture_samples,
    small_members,
    small_samples,
    write_tar,
)
from schemas import form
from schemas.sample import Sample
from schemas.tar import Writer

Samples = list[tuple[Sample, list[bytes]]]


def ours(path: str, samples: Members) -> None:
    write_tar(path, samples)


def peer(path: str, samples: Members) -> None:
    with open(path, "wb", BUFFER_BYTES) as file, TarWriter(file, encoder=False, mtime=0) as tar:
        for key, members in samples:
            tar.write({"__key__": key, **members})


def ours_in_form(path: str, samples: Samples) -> None:
    with open(path, "wb", BUFFER_BYTES) as file:
        tar = Writer(file)
        for sample, contents in samples:
            form.write_exported(tar, sample, contents)
        tar.close()


def peer_in_form(path: str, samples: Samples) -> None:
    with open(path, "wb", BUFFER_BYTES) as file, TarWriter(file, encoder=False, mtime=0) as tar:
        for sample, contents in samples:
            extensions = [extension for _, _, extension in form.media_extensions(sample)]
            written = {"__key__": sample.key, **dict(zip(extensions, contents, strict=True))}
            tar.write({**written, "txt": form.caption_of(sample).encode(), "json": form.exported_json(sample)})


def rows(folder: str) -> Iterator[Row]:
    here = in_memory(folder)
    paths = os.path.join(here, "ours.tar"), os.path.join(here, "peer.tar")
    for what, samples, count, goal in (
        ("pictures, members ready", picture_members(), PICTURES, 2.5),
        ("small samples, members ready", small_members(), SMALL, 15),
    ):
        a, b = partial(ours, paths[0], samples), partial(peer, paths[1], samples)
        a(), b()
        _agree(*paths)
        yield row(f"write shards: {what}", interleave(a, b), count, goal, _bound(what))
    for what, made, count, goal in (
        ("pictures in the form", picture_samples(), PICTURES, 2.5),
        ("small samples in the form", small_samples(), SMALL, 15),
    ):
        a, b = partial(ours_in_form, paths[0], made), partial(peer_in_form, paths[1], made)
        a(), b()
        _agree(*paths)
        yield row(f"write shards: {what}", interleave(a, b), count, goal, _bound(what))


def _bound(what: str) -> str:
    if "pictures" in what:
        return "new pages, and the copy into them"
    return "the interpreter: a header and a write a member" + (", and JSON on both sides" if "form" in what else "")


def _agree(one: str, other: str) -> None:
    with tarfile.open(one) as ours_tar, tarfile.open(other) as peer_tar:
        found = [members_of((info.name, tar.extractfile(info).read()) for info in tar) for tar in (ours_tar, peer_tar)]
    require(found[0] == found[1], f"members of {one} and {other}")
