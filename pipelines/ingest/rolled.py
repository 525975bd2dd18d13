"""Rollouts of a training run as a source: its folder's tars, told from any others by what the first sample holds."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from pipelines.ingest.exported import exported
from pipelines.ingest.source import full_url
from schemas.errors import BadInput, BadSample, BadTar
from schemas.rollout import ROLLOUTS, rolled_out_of
from schemas.tar import scan


class _Asked(Struct):
    """What a run was asked, as far as rollouts go: a run of another stage than reinforcement learning says nothing."""

    keep_rollouts: bool | None = None


class _Run(Struct):
    """What tells a run's `run.json` from other files of its name."""

    asked: _Asked
    versions: dict[str, str]


def rollouts_below(fs: Any, path: str) -> str:
    """Return the folder of rollouts of a run's folder, empty where it is no run's; raises BadInput where it has none.

    Nothing else in it is a source: `index.html` is the run's page.
    """
    told, below = f"{path}/run.json", f"{path}/{ROLLOUTS}"
    if not fs.isfile(told):
        return ""
    if holds_rollouts(fs, below):
        return below
    try:
        asked = msgspec.json.decode(fs.cat_file(told), type=_Run).asked
    except msgspec.DecodeError:
        return ""
    raise BadInput("this is a training run without rollouts", where=full_url(fs, path), remedy=_remedy(asked))


def _remedy(asked: _Asked) -> str:
    if asked.keep_rollouts is None:
        return "only runs of `ostraka train rl` have them; give the data that it trained on, run.json says where"
    if not asked.keep_rollouts:
        return "it was run with --no-rollouts; run `ostraka train rl` without that into another folder, and give that"
    return f"each step writes its own into {ROLLOUTS}/; give it again when the first step is done"


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
