"""A folder of pictures and videos, each with a text or a JSON of the same name beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from pipelines.ingest.row import Ref, Row
from pipelines.ingest.source import PICTURES, TEXTS, VIDEOS, extension_of, file_ref, need, open_url
from schemas.errors import BadSample


class Folder(Struct, frozen=True):
    """Walks folders in the order of their names; a picture's row is its path below the folder."""

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
    entries = sorted(fs.ls(folder, detail=True), key=lambda entry: entry["name"])
    names = {entry["name"]: entry for entry in entries}
    for path, entry in names.items():
        last = path.rsplit("/", 1)[-1]
        if last.startswith("."):
            continue
        if entry["type"] == "directory" and not entry.get("islink"):
            yield from _walk(fs, root, path)
        elif extension_of(last) in PICTURES + VIDEOS:
            yield _row(fs, root, path, names)


def _row(fs: Any, root: str, path: str, beside: dict[str, Any]) -> Row:
    name = path[len(root) :].lstrip("/")
    stem = path.rsplit(".", 1)[0]
    try:
        media = (file_ref(fs, path, name, within=root),)
        texts: list[tuple[str, Ref]] = []
        for extension, role in TEXTS.items():
            if f"{stem}.{extension}" in beside:
                texts.append((role, file_ref(fs, f"{stem}.{extension}", f"{stem}.{extension}", within=root)))
        told = f"{stem}.json"
        meta = file_ref(fs, told, told, within=root) if told in beside else None
        return Row(name, media, text_files=tuple(texts), json_file=meta)
    except BadSample as bad:
        return Row(name, failed=bad.reason)
