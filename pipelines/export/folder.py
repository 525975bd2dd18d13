"""The folder of an export: whose it is, and what may be done there.

The plan is written before anything else and taken away after the manifest, so a folder that holds files holds one of
the two, and says whose they are. A shard is done when its sidecar is there; its tar was there before.
"""

from __future__ import annotations

import re
import shutil
from typing import IO

import msgspec

from pipelines.export.manifest import (
    CARD,
    CONCEPTS,
    CROISSANT,
    PLAN,
    About,
    Manifest,
    about_json,
    read_manifest,
)
from pipelines.export.plan import Plan
from pipelines.ingest.source import full_url, open_url
from schemas.errors import BadInput
from schemas.form import MANIFEST
from schemas.publish import PREFIX, publish, put, sweep

SHARD_FILE = re.compile(r"[^/.][^/]*/[^/.][^/]*/[^/.]+-[0-9]{6,}[.](tar|parquet|tar[.]idx)")
_NV_META = ".nv-meta/"
CLIPS = ".clips"
"""Where spans lie that are cut and wait for their shards; gone when the export is done."""

_REPLACED = "being replaced"


class Folder:
    """An export's folder by its URL; raises BadInput where the URL is no place for one."""

    def __init__(self, url: str) -> None:
        self.fs, self.root = open_url(url)
        self.url = full_url(self.fs, self.root)
        if self.fs.isfile(self.root):
            raise BadInput("this is a file", where=url, remedy="give a folder with --to")

    def path(self, relative: str) -> str:
        """Return the path of a file of the export."""
        return f"{self.root}/{relative}"

    def files(self) -> list[str]:
        """Return, sorted and relative, every file but the temporaries of writers."""
        if not self.fs.isdir(self.root):
            return []
        self.fs.invalidate_cache()
        found = (str(path)[len(self.root) + 1 :] for path in self.fs.find(self.root))
        return sorted(path for path in found if not path.rsplit("/", 1)[-1].startswith(PREFIX))

    def put(self, relative: str, data: bytes) -> None:
        """Publish a file of the export."""
        put(self.fs, self.path(relative), data)

    def copy_in(self, relative: str, file: IO[bytes]) -> None:
        """Publish a file of the export from an open one."""
        publish(self.fs, self.path(relative), lambda target: shutil.copyfileobj(file, target, 8 << 20))

    def manifest(self) -> Manifest | None:
        """Return the manifest, None where the export is not whole."""
        return read_manifest(self.fs, self.root)

    def need_manifest(self) -> Manifest:
        """Return the manifest; raises BadInput where there is none."""
        manifest = self.manifest()
        if manifest is None:
            raise BadInput(
                "no manifest.json: this is no export, or it was not finished",
                where=self.url,
                remedy="run the same `ostraka export` again",
            )
        return manifest

    def plan(self) -> Plan | None:
        """Return the plan of an export that is not finished."""
        path = self.path(PLAN)
        try:
            return msgspec.json.decode(self.fs.cat_file(path), type=Plan)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def claim(self, inputs: str, replace: bool) -> Plan | Manifest | None:
        """Return what is there of the export with these inputs: its plan, its manifest, or nothing in an empty folder.

        Raises BadInput where the folder holds something else, unless it is an export and `replace` clears it away.
        """
        found: About | None = self.plan() or self._manifest_or_none(replace)
        again = replace and isinstance(found, Manifest)
        if found is not None and found.inputs == inputs and not again:
            assert isinstance(found, Plan | Manifest)
            self.sweep()
            return found
        files = self.files()
        if not files:
            self.sweep()
            return None
        if found is None and PLAN not in files and MANIFEST not in files:
            raise BadInput(
                f"the folder holds other files ({files[0]})", where=self.url, remedy="give an empty folder with --to"
            )
        if not replace:
            whose = f"{found.name} by {found.recipe}" if found else "one that cannot be read"
            raise BadInput(
                f"the folder holds another export ({whose}, or with other options)",
                where=self.url,
                remedy="give another folder with --to, or --replace it",
            )
        self.sweep()
        self._clear(files)
        return None

    def sweep(self) -> None:
        """Remove what killed writers left; asked only of a folder that is ours, or empty."""
        if self.fs.isdir(self.root) and getattr(self.fs, "local_file", False):
            sweep(self.root)

    def _manifest_or_none(self, replace: bool) -> Manifest | None:
        try:
            return self.manifest()
        except BadInput:
            if replace:
                return None
            raise

    def _clear(self, files: list[str]) -> None:
        """Remove what an export wrote and nothing else: the manifest first, the word that this happens last."""
        self.put(PLAN, msgspec.json.encode({"format": 0, "inputs": _REPLACED}) + b"\n")
        ours = [path for path in files if is_ours(path)]
        for path in sorted(ours, key=lambda path: path != MANIFEST):
            self.fs.rm_file(self.path(path))
        self.drop_plan()

    def drop_clips(self) -> None:
        """Take away what was cut: it lies in shards."""
        if self.fs.isdir(self.path(CLIPS)):
            self.fs.rm(self.path(CLIPS), recursive=True)

    def drop_plan(self) -> None:
        """Take the plan away, if nobody else did."""
        try:
            self.fs.rm_file(self.path(PLAN))
        except FileNotFoundError:
            return


def is_ours(path: str) -> bool:
    """Say whether an export, or `energon prepare` on it, writes a file of this name; the plan is not one of them."""
    return (
        path in (MANIFEST, CARD, CROISSANT, CONCEPTS)
        or path.startswith((_NV_META, f"{CLIPS}/"))
        or SHARD_FILE.fullmatch(path) is not None
    )


def is_energons(path: str) -> bool:
    """Say whether a file is one that `energon prepare` leaves in a folder."""
    return path.startswith(_NV_META) or path.endswith(".tar.idx")


def plan_json(plan: Plan) -> bytes:
    """Return a plan as its file holds it."""
    return about_json(plan)
