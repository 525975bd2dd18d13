"""Still: a file system of a store as it stood when an answer began.

DuckDB lists a folder and opens a file again for every place where a query names them, asks for lengths and times
besides, and each is a request. One answer is about one moment, so here each is asked for once: a listing tells the
lengths of its files, and small ones are held.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import Any

from fsspec import AbstractFileSystem

SMALL_BYTES = 1 << 20
MOST_HELD_BYTES = 64 << 20


class Still(AbstractFileSystem):  # type: ignore[misc]
    """Reads through another file system, each thing once; lives as long as a connection."""

    cachable = False

    def __init__(self, beneath: Any) -> None:
        super().__init__()
        self._beneath, self.protocol = beneath, beneath.protocol
        self._listed: dict[str, list[str]] = {}
        self._known: dict[str, dict[str, Any]] = {}
        self._held: OrderedDict[str, bytes] = OrderedDict()

    def glob(self, path: str, *_: Any, **__: Any) -> list[str]:
        """Return, in order, the files that a pattern names; a plain name stands for itself."""
        if not set("*?[") & set(path):
            return [self._beneath._strip_protocol(path)]
        if path not in self._listed:
            found = self._beneath.glob(path, detail=True)
            self._known.update(found)
            self._listed[path] = sorted(found)
        return self._listed[path]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return what is known of a file; raises FileNotFoundError."""
        name = self._beneath._strip_protocol(path)
        if name not in self._known:
            self._known[name] = self._beneath.info(name)
        return self._known[name]

    def size(self, path: str) -> int:
        """Return a file's length in bytes."""
        return int(self.info(path)["size"])

    def modified(self, path: str) -> Any:
        """Return when a file was written."""
        told = self.info(path)
        return told.get("LastModified", told.get("created"))

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        if mode != "rb":
            raise PermissionError(f"{path}: an answer writes nothing")
        name = self._beneath._strip_protocol(path)
        if self.size(name) > SMALL_BYTES:
            return self._beneath.open(name, "rb")
        if name not in self._held:
            self._held[name] = self._beneath.cat_file(name)
            while sum(map(len, self._held.values())) > MOST_HELD_BYTES:
                self._held.popitem(last=False)
        self._held.move_to_end(name)
        return io.BytesIO(self._held[name])
