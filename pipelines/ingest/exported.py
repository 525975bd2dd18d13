"""Samples that ostraka exported, read back: the JSON beside the media says every part, its role and its place."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from schemas.errors import BadSample
from schemas.form import MANIFEST, media_extensions
from schemas.sample import Sample, from_json
from schemas.tar import split_name


class _File(Struct):
    path: str


class _Manifest(Struct):
    """What tells an export's manifest from other files of its name."""

    recipe: str
    snapshot: str
    files: list[_File]


def is_export(fs: Any, path: str) -> bool:
    """Say whether a folder is an export's, or one of its splits'."""
    above, _, split = path.rpartition("/")
    return bool(_splits(fs, path)) or split in _splits(fs, above)


def _splits(fs: Any, path: str) -> set[str]:
    """Return the splits of an export that lie in a folder, none where it is no export's."""
    if not fs.isfile(f"{path}/{MANIFEST}"):
        return set()
    try:
        manifest = msgspec.json.decode(fs.cat_file(f"{path}/{MANIFEST}"), type=_Manifest)
    except msgspec.DecodeError:
        return set()
    return {file.path.split("/")[0] for file in manifest.files if file.path.endswith(".tar")}


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
