"""Lengths: what every sample of an export will be as a document, counted once and kept beside it.

They lie in `<export>.lengths/<split>-<rule>-<export>/`, a file a shard, so that counting goes on where it was stopped,
several may count at once, and an export is never written into. Lengths of what the export was before are there under
another name: then it is refused. The digest is of the rows themselves: a plan made from other rows is another plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from schemas.errors import BadInput
from schemas.publish import put
from trainer.data.count_shard import CountShard
from trainer.data.export_index import Export, Shard, file_system, unavailable
from trainer.data.length_table import LeftOut, Rows, left_out_of, put_rows, rows_of
from trainer.documents.encoding import Encoding
from trainer.workers.workers import Workers

FORMAT = 1
AT_ONCE = 256
_ABOUT = "about.json"

Progress = Callable[[str, Sequence[str], Iterable[Any]], Iterable[Any]]


class About(Struct, frozen=True):
    """What lengths were counted from: the digests of the export's manifest and of the encoding's rule."""

    format: int
    export: str
    split: str
    rule: str


class Lengths(Struct, frozen=True, eq=False):
    """The lengths of an export: its rows in the order of its shards, and how many are left out by reason."""

    export: Export
    about: About
    folder: str
    digest: str
    rows: Rows
    first_row_S: np.ndarray[Any, np.dtype[np.int64]]
    """The number of each shard's first row."""
    left_out: dict[str, int]

    def path_of(self, row: int) -> str:
        """Return the tar that holds a row's sample."""
        shard = self.export.shards[int(np.searchsorted(self.first_row_S, row, "right")) - 1]
        return self.export.path(f"{shard.path}.tar")


class LengthsFolder:
    """Where the lengths of an export under an encoding lie."""

    def __init__(self, export: Export, rule: str, url: str = "") -> None:
        self._fs, root = file_system(url) if url else (export.fs, f"{export.root}.lengths")
        self.about = About(FORMAT, export.digest, export.split, rule)
        self._stem = f"{root}/{export.split}-{sha256(rule.encode()).hexdigest()[:10]}-"
        self.root = f"{self._stem}{export.digest[:10]}"
        self._export = export

    def claim(self, recount: bool) -> None:
        """Say what is counted here; raises BadInput where another export was, unless it is to be counted again."""
        there = self._counted_before()
        before = [one for one in there if one != self.root]
        if before and self.root not in there and not recount:
            raise BadInput(
                "the export has changed since its lengths were counted",
                where=self._export.url,
                remedy="count them again with --recount",
            )
        for one in there if recount else ():
            self._fs.rm(one, recursive=True)
        put(self._fs, f"{self.root}/{_ABOUT}", msgspec.json.encode(self.about) + b"\n")

    def _counted_before(self) -> list[str]:
        """Return the folders of this split and rule, whatever the export was then."""
        parent = self.root.rpartition("/")[0]
        self._fs.invalidate_cache()
        if not self._fs.isdir(parent):
            return []
        found = (str(one).rstrip("/") for one in self._fs.ls(parent, detail=False))
        return sorted(one for one in found if one.startswith(self._stem))

    def missing(self) -> list[Shard]:
        """Return the shards that are not counted yet."""
        there = self._files()
        return [shard for shard in self._export.shards if f"{self._path(shard)}.npy" not in there]

    def put(self, shard: Shard, rows: Rows, left_out: list[LeftOut]) -> None:
        """Publish what was counted of a shard."""
        put_rows(self._fs, self._path(shard), rows, left_out)

    def left_out(self) -> Iterator[LeftOut]:
        """Yield every sample that is left out."""
        there = self._files()
        paths = [f"{self._path(shard)}.left_out.jsonl" for shard in self._export.shards]
        for data in self._read_all([path for path in paths if path in there]):
            yield from left_out_of(data)

    def read(self) -> Lengths:
        """Read the lengths of a whole export; a row is 54 bytes in memory as well."""
        shards = self._export.shards
        paths = [f"{self._path(shard)}.npy" for shard in shards]
        read = zip(self._read_all(paths), paths, shards, strict=True)
        rows = np.concatenate([rows_of(data, path, shard.samples) for data, path, shard in read])
        seen = sha256(msgspec.json.encode(self.about))
        seen.update(rows.tobytes())
        first_row_S = np.cumsum([0, *(shard.samples for shard in shards[:-1])])
        reasons = dict(sorted(Counter(one.reason for one in self.left_out()).items()))
        return Lengths(self._export, self.about, self.root, seen.hexdigest(), rows, first_row_S, reasons)

    def _files(self) -> set[str]:
        self._fs.invalidate_cache()
        return {str(path) for path in self._fs.find(self.root)} if self._fs.isdir(self.root) else set()

    def _read_all(self, paths: Sequence[str]) -> Iterator[bytes]:
        """Yield the bytes of files in their order; a store is asked for some hundred at once."""
        for at in range(0, len(paths), AT_ONCE):
            some = list(paths[at : at + AT_ONCE])
            for path, data in zip(some, self._fs.cat_ranges(some, None, None, on_error="return"), strict=True):
                if isinstance(data, Exception):
                    raise unavailable(self._fs, data, path) from data
                yield data

    def _path(self, shard: Shard) -> str:
        return f"{self.root}/{shard.path.partition('/')[2]}"


def count_lengths(
    export: Export,
    encoding: Encoding,
    workers: int = 0,
    url: str = "",
    recount: bool = False,
    progress: Progress | None = None,
) -> Lengths:
    """Return the lengths of an export, after counting what is not counted yet; `url` is where they lie, if not beside.

    Raises BadInput where the export has changed since they were counted.
    """
    folder = LengthsFolder(export, encoding.rule, url)
    folder.claim(recount)
    missing = folder.missing()
    if missing:
        with Workers(CountShard(export, encoding), min(workers, len(missing))) as counting:
            counted = _counted(counting, missing)
            names = [shard.path for shard in missing]
            for shard, (rows, left_out) in progress("lengths", names, counted) if progress else counted:
                folder.put(shard, rows, left_out)
    return folder.read()


def _counted(workers: Workers, shards: Sequence[Shard]) -> Iterator[tuple[Shard, tuple[Rows, list[LeftOut]]]]:
    waiting, flying = list(reversed(shards)), 0
    while waiting or flying:
        while waiting and workers.has_room():
            workers.submit(waiting[-1], waiting.pop())
            flying += 1
        yield workers.next()
        flying -= 1
