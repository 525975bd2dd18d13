"""WebDataset tars, as img2dataset, video2dataset and any writer that webdataset reads make them."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from pipelines.ingest.row import Ref, Row
from pipelines.ingest.source import PICTURES, TEXTS, UNREAD, VIDEOS, full_url, need, open_url, stamp_of
from schemas.errors import BadInput, BadSample, BadTar
from schemas.tar import Member, by_extension, group, scan, split_name

TAR_NAMES = (".tar", ".tar.gz", ".tgz")


class Tars(Struct, frozen=True):
    """One tar, or all of a folder's in the order of their names; a sample's row is <tar>/<key>."""

    url: str
    by_reference: bool = False

    def paths(self) -> tuple[Any, list[str], str]:
        """Return the file system, the tars, and the root that rows are relative to."""
        fs, path = open_url(self.url)
        if not fs.isdir(path):
            return fs, [path], path.rsplit("/", 1)[0]
        found = sorted(str(p) for p in fs.find(path) if str(p).endswith(TAR_NAMES))
        need(found, "no tars in this folder", self.url)
        return fs, found, path

    def rows(self) -> Iterator[Row]:
        """Yield a row per sample; a tar may be empty, as img2dataset leaves one where every download failed.

        Raises BadInput where a tar is none, where its samples hold no picture, text or video, or where all are empty.
        """
        fs, paths, root = self.paths()
        some = False
        for path in paths:
            if self.by_reference:
                need(path.endswith(".tar"), "a compressed tar cannot be taken by reference", path, "ingest a copy")
            for row in self._of_tar(fs, path, path[len(root) :].lstrip("/")):
                some = True
                yield row
        need(some, "no samples in it", self.url, "give a tar of samples")

    def _of_tar(self, fs: Any, path: str, name: str) -> Iterator[Row]:
        stamp, url = stamp_of(fs.info(path)), full_url(fs, path)
        extensions = set[str]()
        broken = list[BadTar]()
        usable, key, last = False, "", None
        for key, members in group(_until_broken(_members(fs, path), broken)):
            if last:
                yield last
            extensions.update(cut[1] for cut in (split_name(m.name) for m in members) if cut)
            last = _row(url, stamp, f"{name}/{key}", members)
            usable = usable or bool(last.failed or last.media or last.text_files)
        if broken and last is None:
            raise BadInput(broken[0].what, where=path, remedy="give a tar of samples")
        if broken:
            yield Row(f"{name}/(cut at {key})", failed="tar_cut")
        elif extensions and not usable:
            raise BadInput(
                f"no sample holds a picture, a text or a video: members end in {', '.join(sorted(extensions))}",
                where=path,
                remedy=f"ostraka reads {', '.join((*PICTURES, *VIDEOS, *TEXTS, 'json'))}",
            )
        elif last:
            yield last


def _until_broken(members: Iterator[Member], broken: list[BadTar]) -> Iterator[Member]:
    """Yield members to the tar's end, or to a cut: then `broken` holds why, and the last sample is in doubt."""
    try:
        yield from members
    except BadTar as error:
        broken.append(error)


def _members(fs: Any, path: str) -> Iterator[Member]:
    if path.endswith((".tgz", ".gz")):
        with fs.open(path, "rb") as file, gzip.open(file) as plain:
            yield from _stream(plain)
    else:
        with fs.open(path, "rb") as file:
            yield from scan(file)


def _stream(plain: Any) -> Iterator[Member]:
    """Yield the members of a tar that can only be read from its beginning, each when its bytes have been passed.

    It is read past the archive's end, since gzip's checksum stands behind it.
    """
    whole: Member | None = None
    try:
        with tarfile.open(fileobj=plain, mode="r|") as tar:
            for info in tar:
                if whole:
                    yield whole
                kind = "file" if info.isreg() and not info.issparse() else "link"
                whole = None if info.isdir() else Member(info.name, info.offset_data, info.size, kind)
        while plain.read(1 << 20):
            pass
        if whole:
            yield whole
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise BadTar(f"the compressed tar cannot be read to its end: {error}") from None


def _row(url: str, stamp: str, name: str, members: list[Member]) -> Row:
    try:
        found = by_extension(members)
    except BadSample as bad:
        return Row(name, failed=bad.reason, meta=bad.detail)
    media: list[Ref] = []
    texts: list[tuple[str, Ref]] = []
    told: Ref | None = None
    for extension, member in found.items():
        last = extension.rsplit(".", 1)[-1]
        ref = Ref(url, member.name, member.offset, member.size_bytes, stamp)
        if last in PICTURES + VIDEOS + UNREAD:
            media.append(ref)
        elif last in TEXTS:
            texts.append((last, ref))
        elif extension == "json":
            told = ref
    order = list(TEXTS)
    said = tuple((TEXTS[last], ref) for last, ref in sorted(texts, key=lambda pair: order.index(pair[0])))
    return Row(name, tuple(media), text_files=said, json_file=told)
