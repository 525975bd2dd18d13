"""Samples that ostraka exported, read back: the JSON beside the media says every part, its role and its place."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from schemas.errors import BadSample
from schemas.form import media_extensions
from schemas.sample import Sample, from_json
from schemas.tar import split_name


def exported(text: str) -> Sample | None:
    """Return the sample that a JSON is, None where it is anything else."""
    if '"parts"' not in text or '"source"' not in text:
        return None
    try:
        sample = from_json(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return sample if sample.parts else None


def contents_of(sample: Sample, named: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """Return the bytes of an exported sample's pictures and videos in their order; raises BadSample where members are
    missing, or are not those that the JSON states."""
    members = {cut[1]: content for name, content in named if (cut := split_name(name))}
    found: list[bytes] = []
    for _, part, extension in media_extensions(sample):
        if extension not in members:
            raise BadSample("member_missing", f"its json states a .{extension}, which is not there")
        content = members[extension]
        if sha256(content).hexdigest() != part.digest:
            raise BadSample("not_as_stated", f"the bytes of .{extension} are not those of the digest in its json")
        found.append(content)
    return found
