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
from schemas.vocabulary.people import OBJECT

_HEAD_BYTES = 256
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
            found = _annotations(fs, path)
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


def may_be_coco(fs: Any, path: str) -> bool:
    """Return whether any json in a folder's `annotations` begins as an object, as COCO's do; that of others may be a
    list."""
    return any(fs.read_block(name, 0, _HEAD_BYTES).lstrip().startswith(b"{") for name in _annotations(fs, path))


def _annotations(fs: Any, path: str) -> list[str]:
    return sorted(str(name) for name in fs.ls(f"{path}/annotations", detail=False) if str(name).endswith(".json"))


class _Said(Struct):
    """What a split's annotations tell of one picture, each with its id; what two files tell alike counts once."""

    captions: dict[tuple[int, str], None] = {}
    boxes: dict[tuple[int, Note], None] = {}

    def texts(self) -> tuple[tuple[str, str], ...]:
        return tuple(("caption", text) for _, text in sorted(self.captions))

    def notes(self) -> tuple[Note, ...]:
        return tuple(note for _, note in sorted(self.boxes, key=lambda pair: pair[0]))


def _split(fs: Any, root: str, split: str, names: list[str]) -> Iterator[Row]:
    files = [_read(fs, name) for name in names]
    told = _told(files)
    licences = {licence.id: _licence(licence) for file in files for licence in file.licenses}
    folder = _folder(fs, root, split)
    first: dict[int, _Image] = {}
    for image in _images(files):
        name, uri = f"{split}/{image.id}", image.coco_url or image.flickr_url
        taken = first.setdefault(image.id, image)
        if taken is not image:
            why = f"{image.file_name} has the id of {taken.file_name}"
            yield Row(name, uri=uri, failed="duplicate_id", meta=why)
            continue
        said = told.pop(image.id, _Said())
        try:
            media = (file_ref(fs, resolve(folder, image.file_name), image.file_name, within=root),)
        except BadSample as bad:
            yield Row(name, uri=uri, failed=bad.reason, meta=bad.detail)
            continue
        licence = licences.get(image.license, "")
        yield Row(name, media, said.texts(), uri=uri, licence=licence, notes=said.notes())
    for image_id in sorted(told):
        why = f"annotations tell of image {image_id}, which images does not list"
        yield Row(f"{split}/{image_id}", failed="unlisted_image", meta=why)


def _images(files: list[_File]) -> Iterator[_Image]:
    """Yield all images, an entry that another file of the split repeats only once."""
    named = dict[int, str]()
    for file in files:
        before = dict(named)
        for image in file.images:
            if before.get(image.id) != image.file_name:
                named.setdefault(image.id, image.file_name)
                yield image


def _told(files: list[_File]) -> dict[int, _Said]:
    told: dict[int, _Said] = {}
    for file in files:
        categories = {category.id: category.name for category in file.categories}
        for annotation in file.annotations:
            of_image = told.setdefault(annotation.image_id, _Said())
            if annotation.caption is not None:
                of_image.captions[annotation.id, annotation.caption] = None
            if annotation.bbox is not None and annotation.category_id is not None:
                left, top, width, height = annotation.bbox
                at = Box(0, left, top, left + width, top + height)
                category = categories.get(annotation.category_id, str(annotation.category_id))
                of_image.boxes[annotation.id, Note(OBJECT.name, category, at)] = None
    return told


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
