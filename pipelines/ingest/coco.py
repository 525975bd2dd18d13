"""COCO json: one sample per picture, its captions as several texts, its boxes as notes by the source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.ingest.row import Row
from pipelines.ingest.source import file_ref, need, open_url, resolve
from schemas.errors import BadInput, BadSample
from schemas.note import Box, Note
from schemas.vocabulary import OBJECT

_CC = re.compile(r"creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)")


class _Image(Struct):
    id: int
    file_name: str
    width: int = 0
    height: int = 0
    license: int = 0
    coco_url: str = ""
    flickr_url: str = ""


class _Annotation(Struct):
    image_id: int
    id: int = 0
    caption: str | None = None
    bbox: tuple[float, float, float, float] | None = None
    category_id: int | None = None


class _Named(Struct):
    id: int
    name: str
    url: str = ""


class _File(Struct):
    images: list[_Image]
    annotations: list[_Annotation] = []
    licenses: list[_Named] = []
    categories: list[_Named] = []


class Coco(Struct, frozen=True):
    """A COCO json, or a folder with `annotations/*.json` and the pictures beside them, one folder a split.

    Files of one split (`captions_val2017.json`, `instances_val2017.json`) are joined by the picture's id.
    """

    url: str

    def rows(self) -> Iterator[Row]:
        """Yield a row per picture, in the order of the first file that lists it. Raises BadInput for other JSON."""
        fs, path = open_url(self.url)
        if fs.isdir(path):
            found = sorted(str(p) for p in fs.ls(f"{path}/annotations", detail=False) if str(p).endswith(".json"))
            need(found, "no json in annotations/", self.url)
            root = path
        else:
            found, root = [path], path.rsplit("/", 1)[0]
            root = root.rsplit("/", 1)[0] if root.endswith("/annotations") else root
        splits: dict[str, list[str]] = {}
        for name in found:
            splits.setdefault(name.rsplit("/", 1)[-1].removesuffix(".json").rsplit("_", 1)[-1], []).append(name)
        for split, names in sorted(splits.items()):
            yield from _split(fs, root, split, names)


def _split(fs: Any, root: str, split: str, names: list[str]) -> Iterator[Row]:
    files = [_read(fs, name) for name in names]
    images: dict[int, _Image] = {}
    captions: dict[int, list[tuple[int, str]]] = {}
    boxes: dict[int, list[tuple[int, Note]]] = {}
    for file in files:
        categories = {category.id: category.name for category in file.categories}
        for image in file.images:
            images.setdefault(image.id, image)
        for annotation in file.annotations:
            if annotation.caption is not None:
                captions.setdefault(annotation.image_id, []).append((annotation.id, annotation.caption))
            elif annotation.bbox is not None and annotation.category_id is not None:
                left, top, width, height = annotation.bbox
                at = Box(0, left, top, left + width, top + height)
                note = Note(OBJECT.name, categories.get(annotation.category_id, str(annotation.category_id)), at)
                boxes.setdefault(annotation.image_id, []).append((annotation.id, note))
    licences = {licence.id: _licence(licence) for file in files for licence in file.licenses}
    folder = _folder(fs, root, split)
    for image in images.values():
        name = f"{split}/{image.id}"
        texts = tuple(("caption", text) for _, text in sorted(captions.get(image.id, [])))
        unique = dict(sorted(boxes.get(image.id, []), key=lambda pair: pair[0]))
        try:
            row = Row(
                name,
                (file_ref(fs, resolve(folder, image.file_name), image.file_name, within=root),),
                texts,
                uri=image.coco_url or image.flickr_url,
                licence=licences.get(image.license, ""),
                notes=tuple(unique.values()),
            )
        except BadSample as bad:
            row = Row(name, uri=image.coco_url or image.flickr_url, failed=bad.reason)
        yield row


def _folder(fs: Any, root: str, split: str) -> str:
    for candidate in (f"{root}/{split}", f"{root}/images/{split}", f"{root}/images", root):
        if fs.isdir(candidate):
            return candidate
    return root


def _read(fs: Any, path: str) -> _File:
    with fs.open(path, "rb") as file:
        data = file.read()
    try:
        return msgspec.json.decode(data, type=_File)
    except msgspec.ValidationError as error:
        raise BadInput(f"not COCO json: {error}", where=path, remedy="it needs images[] and annotations[]") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"not JSON: {error}", where=path) from None


def _licence(licence: _Named) -> str:
    found = _CC.search(licence.url)
    return f"CC-{found[1].upper()}-{found[2]}" if found else licence.url or licence.name
