"""Reading raw samples from a plain tar: `schemas.shard` against webdataset, by its class and by its bare pipeline."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import webdataset

from bench.duel import Row, interleave, require, row
from bench.shards import PICTURES, SMALL, picture_members, small_members, write_tar
from schemas.shard import samples

Read = Iterable[tuple[str, dict[str, bytes]]]
PAGE = 4096
COPIED = "the first touch of mapped pages, then one copy"
PARSED = "the interpreter: a header a member, a dict a sample"


def ours(path: str, views: bool = False) -> Read:
    return samples(path, views=views)


def peer(path: str) -> Read:
    """Return the samples of `WebDataset` without a decoder."""
    return map(_without_marks, webdataset.WebDataset(path, shardshuffle=False, empty_check=False))


def bare_peer(path: str) -> Read:
    """Return the samples of webdataset's own pipeline of a shard list and a tar expander, and nothing else."""
    pipeline = webdataset.DataPipeline(webdataset.SimpleShardList(path), webdataset.tarfile_to_samples())
    return map(_without_marks, pipeline)


def _without_marks(sample: dict) -> tuple[str, dict[str, bytes]]:
    return sample.pop("__key__"), {name: content for name, content in sample.items() if name[:2] != "__"}


def add_up(read: Read) -> int:
    """Take every sample and return the sum of its members' sizes."""
    return sum(len(content) for _, members in read for content in members.values())


def touch(read: Read) -> int:
    """Take every sample and a byte of every page of its members, so that views are really read."""
    return sum(len(bytes(content[::PAGE])) for _, members in read for content in members.values())


def rows(folder: str) -> Iterator[Row]:
    pictures, small = os.path.join(folder, "pictures.tar"), os.path.join(folder, "small.tar")
    write_tar(pictures, picture_members())
    write_tar(small, small_members())
    for path in (pictures, small):
        for theirs in (peer, bare_peer):
            require(list(ours(path)) == list(theirs(path)), f"samples of {path}")

    def fight(what: str, path: str, count: int, goal: float, bound: str, theirs=peer, use=add_up, views=False) -> Row:
        times_s = interleave(lambda: use(ours(path, views)), lambda: use(theirs(path)))
        return row(f"read shards: {what}", times_s, count, goal, bound)

    yield fight("pictures, as bytes", pictures, PICTURES, 10, COPIED)
    yield fight("pictures, as bytes (bare pipeline)", pictures, PICTURES, 10, COPIED, bare_peer)
    yield fight("pictures, as views", pictures, PICTURES, 10, "the first touch of mapped pages", peer, touch, True)
    yield fight("small samples", small, SMALL, 50, PARSED)
    yield fight("small samples (bare pipeline)", small, SMALL, 50, PARSED, bare_peer)
