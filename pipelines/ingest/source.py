"""What a source is: something that lists rows in an order that is the same every time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from msgspec import Struct

from annotators.endpoint import Endpoint
from pipelines.ingest.row import Ref, Row
from pipelines.store.address import file_system
from schemas.errors import BadInput, BadSample, Unavailable

PICTURES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif")
VIDEOS = ("mp4", "webm", "mkv", "mov", "avi", "m4v", "3gp", "flv", "mpg", "mpeg", "wmv", "ts")
UNREAD = ("heic", "heif", "jxl", "svg")
"""Pictures that ostraka does not read: listed all the same, so that each is a failed row and not passed over."""
TEXTS = {"txt": "caption", "caption": "caption", "text": "caption", "cls": "label"}


class Source(Protocol):
    """Lists rows; raises BadInput where it is no such source at all."""

    def rows(self) -> Iterator[Row]:
        """Yield every row, the ones that can be no sample with their reason."""
        ...


class Options(Struct, frozen=True):
    """What a user says of a source: see `ostraka ingest --help`."""

    root: str = ""
    image_column: str = ""
    caption_column: str = ""
    id_column: str = ""
    base_names: bool = False
    by_reference: bool = False
    url_column: str = ""
    split: str = ""
    image_pattern: str = ""
    scenario: str = ""
    asks: Endpoint = Endpoint()
    recipe: str = ""
    most_answers: int = 1
    no_think: float = 0.0
    round: int = 0


def open_url(url: str) -> tuple[Any, str]:
    """Return the file system of a URL and the absolute path in it."""
    fs, path = file_system(url)
    plain = str(path).rstrip("/") or "/"
    return fs, os.path.normpath(plain) if getattr(fs, "local_file", False) else plain


def full_url(fs: Any, path: str) -> str:
    """Return what opens a path again: the path itself for a local file, a URL otherwise."""
    return path if getattr(fs, "local_file", False) else str(fs.unstrip_protocol(path))


def file_ref(fs: Any, path: str, name: str, *, within: str = "", known: dict[str, Any] | None = None) -> Ref:
    """Refer to a whole file; raises BadSample where it is not there, or is a link that leaves `within`.

    `known`: what a listing said of it.
    """
    try:
        info = known or fs.info(path)
    except FileNotFoundError:
        raise BadSample("file_missing", f"{path} is not there") from None
    except OSError as error:
        raise BadSample("unreadable", f"{path}: {error.strerror or error}") from None
    if info["type"] != "file":
        raise BadSample("no_regular_file", f"{path} is a {info['type']}")
    if within and getattr(fs, "local_file", False):
        real = os.path.realpath(path)
        if not _inside(real, os.path.realpath(within)):
            raise BadSample("link_leaves_source", f"{path} links to {real}")
    return Ref(full_url(fs, path), name, 0, info["size"], stamp_of(info))


def stamp_of(info: dict[str, Any]) -> str:
    """Return a file's size, and its modification time or tag where the file system tells."""
    return f"{info['size']}:{info.get('mtime', info.get('ETag', info.get('LastModified', '')))}"


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def resolve(root: str, relative: str, *, base_names: bool = False) -> str:
    """Return the path of something that a manifest names; raises BadSample where it leaves the root."""
    if base_names:
        relative = relative.rsplit("/", 1)[-1]
    if not relative or "\0" in relative:
        raise BadSample("no_image_path", f"the path is {relative!r}")
    path = os.path.normpath(relative if relative.startswith("/") else f"{root}/{relative}")
    if not _inside(path, os.path.normpath(root)):
        raise BadSample("path_leaves_source", f"{relative!r} is outside {root}; say --root, or --base-names")
    return path


def extension_of(name: str) -> str:
    """Return a name's last extension in lower case, or an empty string."""
    last = name.rsplit("/", 1)[-1]
    return last.rsplit(".", 1)[1].lower() if "." in last.lstrip(".") else ""


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn an error of the file system into one that says where; raises BadInput or Unavailable."""
    try:
        yield
    except OSError as error:
        kind = BadInput if isinstance(error, PermissionError | FileNotFoundError) else Unavailable
        raise kind(
            f"cannot be read ({error.strerror or error})",
            where=str(error.filename or where),
            remedy="see that it is there and that you may read it",
        ) from error


def need(condition: object, what: str, where: str, remedy: str = "") -> None:
    """Raise BadInput unless the condition holds."""
    if not condition:
        raise BadInput(what, where=where, remedy=remedy)
