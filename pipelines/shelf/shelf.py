"""The shelf: the one map of a corpus on disk, under any fsspec URL.

plan/000017.parquet                        the rows that make this shard, cut once
media/000017.tar                           their original bytes (or the user's own tar, by reference)
catalog/000017.parquet                     a row per sample; there when the shard is done
keys/000000-004999.parquet                 where each key is, sorted: a cache that can be thrown away
notes/<annotator>@<fp>/000017-0000.parquet what an annotator found, in numbered pieces
answers/<model>@<fp>/000017.jsonl          what an endpoint answered, a line each: nothing is paid twice
decisions/<recipe>@<fp>/<snapshot>/        what a corpus filter dropped, for one set of shards
verdicts/<recipe>@<fp>/000017.parquet      a row per sample: kept, dropped or failed, and why
recipes/<recipe>@<fp>.json                 what that recipe is, as values
runs/<id>/                                 what each run did; the one place with clocks
scratch/<id>/                              columns on their way to a corpus decision; gone when the run ends
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from pipelines.shelf.table import read_table
from pipelines.store.address import file_system
from schemas.errors import BadInput
from schemas.publish import sweep

SHARD_DIGITS = 6
FOLDERS = ("plan", "media", "catalog", "keys", "notes", "decisions", "verdicts", "recipes", "sources", "runs")


class Shelf:
    """A shelf by its URL; paths it returns belong to its file system."""

    def __init__(self, url: str) -> None:
        self.fs, root = file_system(url)
        self.root = os.path.normpath(root) if self.is_local else str(root).rstrip("/")
        self.url = self.fs.unstrip_protocol(self.root) if not self.is_local else self.root

    @property
    def is_local(self) -> bool:
        return bool(getattr(self.fs, "local_file", False))

    def path(self, *parts: str) -> str:
        """Return the path of something on the shelf."""
        return "/".join((self.root, *parts))

    def names(self, folder: str, suffix: str) -> list[str]:
        """Return, sorted and without the suffix, the names of the files in a folder; none where it is not there."""
        if self.is_local:
            found = os.listdir(self.path(folder)) if os.path.isdir(self.path(folder)) else []
        else:
            found = [name for name, _, _ in self._listed(folder)]
        return sorted(name[: -len(suffix)] for name in found if name.endswith(suffix) and not name.startswith("."))

    def sizes(self, folder: str) -> list[tuple[str, int]]:
        """Return, sorted, the names of the files in a folder with their sizes in bytes."""
        if self.is_local:
            if not os.path.isdir(self.path(folder)):
                return []
            with os.scandir(self.path(folder)) as entries:
                return sorted((entry.name, entry.stat().st_size) for entry in entries if entry.is_file())
        return sorted((name, size_bytes) for name, kind, size_bytes in self._listed(folder) if kind == "file")

    def folders(self, folder: str) -> list[str]:
        """Return, sorted, the names of the folders in a folder."""
        return sorted(name for name, kind, _ in self._listed(folder) if kind == "directory")

    def _listed(self, folder: str) -> list[tuple[str, str, int]]:
        """Return name, kind and size of what is in a folder; none where it is not there."""
        try:
            found = self.fs.ls(self.path(folder), detail=True, refresh=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [(one["name"].rstrip("/").rsplit("/", 1)[-1], one["type"], one["size"]) for one in found]

    def shards(self) -> list[str]:
        """Return the shards whose catalogue is there, in order."""
        return self.names("catalog", ".parquet")

    def planned(self) -> list[str]:
        """Return the shards that were planned, in order."""
        return self.names("plan", ".parquet")

    def need_shards(self) -> list[str]:
        """Return the shards; raises BadInput where there are none."""
        shards = self.shards()
        if not shards:
            raise BadInput("no samples on this shelf", where=self.url, remedy="begin with `ostraka ingest SOURCE`")
        return shards

    def snapshot(self, shards: Sequence[str] | None = None) -> str:
        """Return the digest of a list of shards, by default the catalogue's: what a corpus decision is about."""
        return sha256("\n".join(self.shards() if shards is None else shards).encode()).hexdigest()[:10]

    def catalog(self, shard: str, columns: list[str] | None = None) -> Any:
        """Return a shard's catalogue, or some of its columns, as an Arrow table."""
        return read_table(self.fs, self.path("catalog", f"{shard}.parquet"), columns)

    def media_url(self, media: str) -> str:
        """Return the URL of a tar that a catalogue row names, relative to the shelf or absolute."""
        if "://" in media or media.startswith("/"):
            return media
        return self.path(media) if self.is_local else str(self.fs.unstrip_protocol(self.path(media)))

    def media_name(self, url: str) -> str:
        """Return how a catalogue row names a tar: relative where it lies on this shelf, else by its URL."""
        root = self.media_url("media").removesuffix("media")
        return url.removeprefix(root)

    def sweep(self) -> None:
        """Remove what killed writers left behind."""
        if self.is_local:
            for folder in FOLDERS:
                sweep(self.path(folder))


def shard_name(number: int) -> str:
    """Return a shard's name, six digits."""
    return f"{number:0{SHARD_DIGITS}d}"
