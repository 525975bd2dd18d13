"""The form of a sample in a shard: `<key>.<extension>` for its media, `<key>.json` for everything else it is.

A sample with one picture or video has `<key>.jpg`; one with several has `<key>.000.jpg`, numbered by their places
among the parts, so that no member's name depends on what else is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.errors import BadTar
from schemas.sample import Media, Sample, from_json, to_json
from schemas.tar import Writer


def media_extensions(sample: Sample) -> list[tuple[int, Media, str]]:
    """Return, for each picture and video, its place, itself, and its member's extension."""
    found = list(sample.media())
    if len(found) == 1:
        place, part = found[0]
        return [(place, part, part.extension)]
    return [(place, part, f"{place:03d}.{part.extension}") for place, part in found]


def write(tar: Writer, sample: Sample, contents: Iterable[bytes]) -> list[int]:
    """Write a sample and return where each picture's or video's bytes begin."""
    offsets = [
        tar.add(f"{sample.key}.{extension}", content)
        for (_, _, extension), content in zip(media_extensions(sample), contents, strict=True)
    ]
    tar.add(f"{sample.key}.json", to_json(sample))
    return offsets


def read(members: Mapping[str, bytes]) -> tuple[Sample, list[bytes]]:
    """Read a sample back from its members by extension; raises BadTar where one is missing."""
    if "json" not in members:
        raise BadTar("a sample without its json member", remedy="was this shard written by ostraka?")
    sample = from_json(members["json"])
    missing = [extension for _, _, extension in media_extensions(sample) if extension not in members]
    if missing:
        raise BadTar(f"sample {sample.key} lacks {', '.join(missing)}")
    return sample, [members[extension] for _, _, extension in media_extensions(sample)]


def member_set(sample: Sample) -> tuple[str, ...]:
    """Return what has to be equal for two samples to lie in one folder: the extensions of their media."""
    return tuple(extension for _, _, extension in media_extensions(sample))
