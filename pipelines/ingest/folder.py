"""A folder of pictures and videos, each with a text or a JSON of the same name beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from pipelines.ingest.row import Ref, Row
from pipelines.ingest.source import PICTURES, TEXTS, UNREAD, VIDEOS, extension_of, file_ref, need, open_url
from schemas.errors import BadSample

_BESIDE = (*TEXTS, "json")

Entries = Mapping[str, dict[str, Any] | None]
"""What is in a folder by its path, and what is known of it."""


class Folder(Struct, frozen=True):
    """Walks folders in the order of their names; a picture's row is its path below the folder.

    Memory grows with the names in one folder. Linked folders are not entered: each is a failed row.
    """

    url: str

    def rows(self) -> Iterator[Row]:
        """Yield a row per picture or video. Raises BadInput where there is none."""
        fs, root = open_url(self.url)
        some = False
        for row in _walk(fs, root, root):
            some = True
            yield row
        need(some, "no pictures or videos in this folder", self.url, f"it should hold {', '.join(PICTURES + VIDEOS)}")


def _walk(fs: Any, root: str, folder: str) -> Iterator[Row]:
    try:
        entries = _entries(fs, folder)
    except PermissionError:
        if folder == root:
            raise
        yield Row(_name(root, folder), failed="unreadable")
        return
    beside = {_sidecar(path): path for path in sorted(entries) if extension_of(path) in _BESIDE}
    for path in sorted(entries):
        last = path.rsplit("/", 1)[-1]
        if last.startswith("."):
            continue
        if _is_folder(fs, path, entries):
            if (entries[path] or fs.info(path)).get("islink"):
                yield Row(_name(root, path), failed="linked_folder")
            else:
                yield from _walk(fs, root, path)
        elif extension_of(last) in PICTURES + VIDEOS + UNREAD:
            yield _row(fs, root, path, beside, entries)


def _entries(fs: Any, folder: str) -> Entries:
    """Return what is in a folder: on a store with what its listing knows, on a disk by name alone, since to ask about
    something there costs nothing and a name may be a broken link."""
    if getattr(fs, "local_file", False):
        return dict.fromkeys(str(path) for path in fs.ls(folder, detail=False))
    return {str(one["name"]): one for one in fs.ls(folder, detail=True)}


def _is_folder(fs: Any, path: str, entries: Entries) -> bool:
    known = entries[path]
    return bool(fs.isdir(path) if known is None else known["type"] == "directory")


def _name(root: str, path: str) -> str:
    return path[len(root) :].lstrip("/")


def _sidecar(path: str) -> str:
    return f"{path.rsplit('.', 1)[0]}.{extension_of(path)}"


def _row(fs: Any, root: str, path: str, beside: Mapping[str, str], entries: Entries) -> Row:
    name, stem = _name(root, path), path.rsplit(".", 1)[0]

    def ref(extension: str) -> Ref:
        found = beside[f"{stem}.{extension}"]
        return file_ref(fs, found, _name(root, found), within=root, known=entries[found])

    try:
        media = (file_ref(fs, path, name, within=root, known=entries[path]),)
        texts = tuple((role, ref(extension)) for extension, role in TEXTS.items() if f"{stem}.{extension}" in beside)
        told = ref("json") if f"{stem}.json" in beside else None
        return Row(name, media, text_files=texts, json_file=told)
    except BadSample as bad:
        return Row(name, failed=bad.reason, meta=bad.detail)
