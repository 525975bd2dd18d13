"""An export as the trainer reads it: its manifest, its shards, and where each sample lies in them.

The manifest lists every file with its size and SHA-256, so its own digest stands for the whole export. Opening one
lists the folder once and compares sizes; digests are what `ostraka verify` looks at. Sidecars are read one shard at a
time, and of them three columns.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple

import fsspec
import msgspec
import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from schemas.errors import BadInput, OstrakaError, Unavailable
from schemas.form import MANIFEST
from schemas.tar import span_end

FORMAT = 1
_MEND = "copy it again from where it was exported, or export again with --replace"


class Shard(Struct, frozen=True):
    """A shard: its path in the export without a suffix, and how many samples it holds."""

    path: str
    samples: int

    def __str__(self) -> str:
        return self.path


class Places(NamedTuple):
    """Where the samples of a shard lie: whole members from the first header up to the next sample's, and in these the
    bytes of the json; keys are 16 bytes each."""

    key_N16: NDArray[np.uint8]
    span_N2: NDArray[np.int64]
    json_N2: NDArray[np.int64]


class Part(Struct, frozen=True):
    """A part of a mix: the name that its shards bear, and its weight, 0 where none was given."""

    name: str
    weight: int


class Export(Struct, frozen=True):
    """An export that is whole: where it is, the digest of its manifest, the shards of one split, and its parts where it
    is a mix."""

    fs: Any
    root: str
    url: str
    name: str
    digest: str
    split: str
    shards: tuple[Shard, ...]
    mix: tuple[Part, ...] = ()

    def part(self, part: Part) -> Export:
        """Return the shards of a part alone, as an export of its own."""
        own = tuple(shard for shard in self.shards if shard.path.rsplit("/", 1)[1].rsplit("-", 1)[0] == part.name)
        return structs.replace(self, name=f"{self.name}/{part.name}", shards=own, mix=())

    def path(self, relative: str) -> str:
        """Return the path of a file of the export."""
        return f"{self.root}/{relative}"

    def places(self, shard: Shard) -> Places:
        """Return where the samples of a shard lie; raises Unavailable where its sidecar does not say."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        where = self.path(f"{shard.path}.parquet")
        try:
            with self.fs.open(where, "rb") as file:
                table = pq.read_table(file, columns=["key", "offsets", "sizes"], use_threads=False)
            keys, offsets, sizes = (table[name].to_pylist() for name in ("key", "offsets", "sizes"))
            if len(keys) != shard.samples:
                raise ValueError(f"{len(keys)} rows, the manifest counts {shard.samples}")
            ends = [0, *(span_end(at[-1], size[-1]) for at, size in zip(offsets, sizes, strict=True))]
            jsons = [(at[-1], at[-1] + size[-1]) for at, size in zip(offsets, sizes, strict=True)]
            return Places(
                np.frombuffer(bytes.fromhex("".join(keys)), np.uint8).reshape(len(keys), 16),
                np.array(list(pairwise(ends)), np.int64).reshape(-1, 2),
                np.array(jsons, np.int64).reshape(-1, 2),
            )
        except (pa.ArrowException, OSError, ValueError, KeyError, IndexError) as error:
            raise Unavailable(f"the sidecar cannot be read ({error})", where=where, remedy=_MEND) from None


class _File(Struct):
    path: str
    size_bytes: int
    samples: int = 0


class _Manifest(Struct):
    """What is read of a manifest."""

    format: int
    name: str
    files: list[_File]
    mix: tuple[Part, ...] = ()


def open_export(url: str, split: str = "train") -> Export:
    """Open an export; raises BadInput where there is none, or where a file of the split is missing or has changed."""
    fs, root = file_system(url)
    data, manifest = _manifest(fs, root, url)
    listed = [file for file in manifest.files if file.path.startswith(f"{split}/")]
    shards = tuple(Shard(file.path[:-4], file.samples) for file in listed if file.path.endswith(".tar"))
    if not shards:
        splits = sorted({file.path.split("/")[0] for file in manifest.files if file.path.endswith(".tar")})
        raise BadInput(f"it has no split {split}", where=url, remedy=f"its splits: {', '.join(splits) or 'none'}")
    _check(fs, root, url, listed)
    return Export(fs, root, url, manifest.name, sha256(data).hexdigest(), split, shards, manifest.mix)


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL and the path in it; raises BadInput where none is installed for it."""
    try:
        fs, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise BadInput(f"no file system for this address ({error})", where=url) from None
    return fs, str(root).rstrip("/")


def _manifest(fs: Any, root: str, url: str) -> tuple[bytes, _Manifest]:
    try:
        data: bytes = fs.cat_file(f"{root}/{MANIFEST}")
        manifest = msgspec.json.decode(data, type=_Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(
            f"no {MANIFEST}: this is no export, or it was not finished",
            where=url,
            remedy="give the folder that `ostraka export` wrote",
        ) from None
    except msgspec.DecodeError as error:
        raise BadInput(f"the manifest is malformed ({error})", where=f"{root}/{MANIFEST}", remedy=_MEND) from None
    except Exception as error:
        raise unavailable(fs, error, f"{root}/{MANIFEST}") from error
    if manifest.format != FORMAT:
        raise BadInput(f"the manifest has format {manifest.format}, this ostraka reads {FORMAT}", where=url)
    return data, manifest


def _check(fs: Any, root: str, url: str, listed: list[_File]) -> None:
    """Raise BadInput where a file is not there, or has another size than was written."""
    try:
        there = {str(path)[len(root) + 1 :]: info["size"] for path, info in fs.find(root, detail=True).items()}
    except Exception as error:
        raise unavailable(fs, error, url) from error
    wrong = [
        (
            file.path,
            "is listed and not there" if file.path not in there else f"has {there[file.path]} bytes, not {size}",
        )
        for file in listed
        if there.get(file.path) != (size := file.size_bytes)
    ]
    if wrong:
        path, what = wrong[0]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise BadInput(f"{path} {what}{more}", where=url, remedy=_MEND)


def unavailable(fs: Any, error: Exception, where: str) -> Exception:
    """Return what to raise for an error of a file system; a store's libraries have errors of their own for a network or
    credentials, and a local one's are of the system, or mistakes of ours."""
    if isinstance(error, OSError):
        return Unavailable(f"cannot be read ({error.strerror or error})", where=where)
    if isinstance(error, OstrakaError) or getattr(fs, "local_file", False):
        return error
    return Unavailable(f"cannot be read ({type(error).__name__}: {error})", where=where)
