"""OpenStax books: a folder of CNXML modules, in the order in which its collections have them.

A collection is an order and a licence. A module that it lists and that is not in the folder is no row of this source;
a module that no collection lists comes last.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import msgspec
from msgspec import Struct

from pipelines.documents.licences import licence_of
from pipelines.ingest.row import Row, Written
from pipelines.ingest.source import file_ref, need, open_url
from schemas.errors import BadInput, BadSample

_MODULE_FILE = "index.cnxml"


class Listed(Struct, frozen=True):
    """What a collection says of a module."""

    book: str
    chapter: str
    licence: str


class Books(Struct, frozen=True):
    """A module's row is modules/<id>; its pictures lie anywhere in the folder."""

    url: str

    def rows(self) -> Iterator[Row]:
        """Yield a row per module. Raises BadInput where there is none, or a collection cannot be read."""
        fs, root = open_url(self.url)
        if not fs.isdir(root):
            name = root.rsplit("/", 2)[-2]
            yield _row(fs, root, root.rsplit("/", 1)[0], name, None)
            return
        files = [str(one) for one in fs.find(root)]
        modules = {one.rsplit("/", 2)[-2]: one for one in sorted(files) if one.endswith(f"/{_MODULE_FILE}")}
        need(modules, "no modules in it", self.url, f"it should hold modules/<id>/{_MODULE_FILE}")
        listed: dict[str, Listed] = {}
        for one in sorted(files):
            if one.endswith(".collection.xml"):
                for name, said in _collection(fs, one):
                    listed.setdefault(name, said)
        in_order = [*(name for name in listed if name in modules), *(name for name in modules if name not in listed)]
        for name in in_order:
            yield _row(
                fs, modules[name], root, modules[name][len(root) :].strip("/").rsplit("/", 1)[0], listed.get(name)
            )


def _row(fs: Any, path: str, root: str, name: str, said: Listed | None) -> Row:
    try:
        ref = file_ref(fs, path, name, within=root)
    except BadSample as bad:
        return Row(name, failed=bad.reason, meta=bad.detail)
    told = {"book": said.book, "chapter": said.chapter} if said else {}
    meta = msgspec.json.encode({key: value for key, value in told.items() if value}).decode() if said else ""
    return Row(name, document=Written(ref, "cnxml", root), licence=said.licence if said else "", meta=meta)


def _collection(fs: Any, path: str) -> Iterator[tuple[str, Listed]]:
    """Yield the modules of a collection in order."""
    try:
        root = ElementTree.fromstring(fs.cat_file(path))  # noqa: S314, expat holds entities to a size
    except ElementTree.ParseError as error:
        raise BadInput(f"the collection is no XML: {error}", where=path) from None
    book = next((_title(one) for one in root.iter() if _name(one) == "title"), "")
    stated = next((one.get("url") or "" for one in root.iter() if _name(one) == "license"), "")
    for name, chapters in _modules(root, ()):
        yield name, Listed(book, ": ".join(chapters), licence_of(stated))


def _modules(element: ElementTree.Element, chapters: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the modules below an element, with the titles of the chapters that they stand in."""
    for child in element:
        if _name(child) == "module":
            yield child.get("document") or "", chapters
        elif _name(child) == "subcollection":
            titles = [_title(one) for one in child if _name(one) == "title"]
            yield from _modules(child, (*chapters, *filter(None, titles[:1])))
        else:
            yield from _modules(child, chapters)


def _title(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
