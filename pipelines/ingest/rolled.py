"""Rollouts of a training run as a source: its folder's tars, told from any others by what the first sample holds."""

from __future__ import annotations

from typing import Any

from pipelines.ingest.exported import exported
from schemas.errors import BadSample, BadTar
from schemas.rollout import ROLLOUTS, rolled_out_of
from schemas.tar import scan


def rollouts_below(fs: Any, path: str) -> str:
    """Return the folder of rollouts of a run's folder, empty where it has none or is no run's."""
    below = f"{path}/{ROLLOUTS}"
    return below if fs.isfile(f"{path}/run.json") and holds_rollouts(fs, below) else ""


def holds_rollouts(fs: Any, path: str) -> bool:
    """Say whether a tar, or the first of a folder's, begins with rollouts."""
    if fs.isdir(path):
        path = min((str(one) for one in fs.ls(path, detail=False) if str(one).endswith(".tar")), default="")
    if not path.endswith(".tar") or not fs.isfile(path):
        return False
    try:
        with fs.open(path, "rb") as file:
            member = next((one for one in scan(file) if one.name.endswith(".json") and one.kind == "file"), None)
            if member is None:
                return False
            file.seek(member.offset)
            sample = exported(file.read(member.size_bytes).decode())
    except (BadTar, OSError, UnicodeDecodeError):
        return False
    try:
        return sample is not None and bool(rolled_out_of(sample.source.meta).rolled)
    except BadSample:
        return False
