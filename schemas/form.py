"""The form of a sample in a shard: `<key>.<extension>` for its media, `<key>.json` for everything else it is.

A sample with one picture or video has `<key>.jpg`; one with several has `<key>.000.jpg`, numbered by their places
among the parts, so that no member's name depends on what else is left out. In an export `<key>.txt` comes between: its
caption, empty where it has no text, for readers that know pairs of picture and caption.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from msgspec import json, to_builtins

from schemas.errors import BadTar
from schemas.sample import Media, Part, Sample, Text, from_json, to_json
from schemas.tar import Member, Writer

MOST_FORM_CHARS = 64
DOCUMENTS = "documents"
MANIFEST = "manifest.json"
"""The file of an export that says what is in it; it is written last."""

_EVERY_PART = {
    "kind": "",
    "text": "",
    "role": "",
    "digest": "",
    "size_bytes": 0,
    "extension": "",
    "width_px": 0,
    "height_px": 0,
    "duration_s": 0.0,
}


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


def write_exported(tar: Writer, sample: Sample, contents: Iterable[bytes]) -> list[Member]:
    """Write a sample as an export holds it and return its members, named by their extensions."""
    members = [
        Member(extension, tar.add(f"{sample.key}.{extension}", content), len(content))
        for (_, _, extension), content in zip(media_extensions(sample), contents, strict=True)
    ]
    for extension, content in (("txt", caption_of(sample).encode()), ("json", exported_json(sample))):
        members.append(Member(extension, tar.add(f"{sample.key}.{extension}", content), len(content)))
    return members


def exported_json(sample: Sample) -> bytes:
    """Return the JSON of a sample in an export: every part has the fields of all kinds, so that a reader that infers
    a schema from the first samples has the schema of all; `from_json` reads it."""
    parts = [{**_EVERY_PART, **to_builtins(part)} for part in sample.parts]
    people = {"people": sample.people} if sample.people else {}
    return json.encode({"key": sample.key, "parts": parts, "source": sample.source, **people})


def caption_of(sample: Sample) -> str:
    """Return the first caption of a sample; without one its first other text, a label last; empty without any."""
    place = caption_place(sample.parts)
    part = None if place is None else sample.parts[place]
    return part.text if isinstance(part, Text) else ""


def caption_place(parts: Sequence[Part]) -> int | None:
    """Return the place of the text that is a sample's caption, None where it has no text; a recaption is a caption."""
    rank = {"caption": 0, "recaption": 0, "label": 2}
    texts = [(rank.get(part.role, 1), place) for place, part in enumerate(parts) if isinstance(part, Text)]
    return min(texts)[1] if texts else None


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


def form_name(sample: Sample) -> str:
    """Return the name of the folder that holds samples with this member set: jpg, mp4, 000.jpg+002.png, or txt.

    A document is `documents`, whatever pictures it has and wherever they stand. A long name is cut to its count and a
    digest, so that different member sets never share a name.
    """
    if sample.is_document:
        return DOCUMENTS
    extensions = member_set(sample)
    name = "+".join(extensions) or "txt"
    if len(name) <= MOST_FORM_CHARS:
        return name
    return f"{len(extensions)}-media-{sha256(name.encode()).hexdigest()[:10]}"
