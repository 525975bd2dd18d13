"""Reading a benchmark: a file of records, or a folder of such files and of pictures, becomes items.

In a folder, pictures are found by the names that records give, wherever they lie in it. A JSON file that is one record
and names no picture has that of its own name beside it, or those of its folder. A picture that belongs to no record is
an item by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from annotators.picturehashes import HASHED_SIDE_PX
from annotators.pictureoverlap import small_copy
from annotators.pixels import perceptual_hash
from annotators.small_rgb import small_rgb
from pipelines.benchmark.embedded import Embed
from pipelines.benchmark.fields import Fields
from pipelines.ingest.json_records import keyed_records
from pipelines.ingest.records import RECORD_FILES
from pipelines.ingest.source import PICTURES, extension_of, open_url
from schemas.benchmark import Item, Picture
from schemas.errors import BadInput, BadSample

FILES = ("json", *RECORD_FILES)
MOST_MPX = 200.0
PICTURE_MISSING, NO_RECORD, NOTHING_ASKED = "picture_missing", "no_record", "nothing_asked"


class Reading:
    """One benchmark while it is read; `left_out` counts what made no item or no picture, by reason."""

    def __init__(self, url: str, fields: Fields, pictures: str = "", embed: Embed | None = None) -> None:
        self._fs, self._path = open_url(url)
        self._url, self._fields, self._embed = url, fields, embed
        self.left_out = Counter[str]()
        self._names, self._decoded = dict[str, None](), dict[str, Picture | None]()
        self._claimed = set[str]()
        if not self._fs.exists(self._path):
            raise BadInput("it is not there", where=url, remedy="give a file or a folder")
        self._is_folder = bool(self._fs.isdir(self._path))
        self._root = self._path if self._is_folder else self._path.rsplit("/", 1)[0]
        self._listed = sorted(str(path) for path in self._fs.find(self._path)) if self._is_folder else [self._path]
        self._pictures = _Pictures(self._fs, pictures or (self._root if self._is_folder else ""), self._root)

    def items(self) -> list[Item]:
        """Read all; raises BadInput where there is nothing that asks and no picture."""
        files = [path for path in self._listed if extension_of(path) in FILES]
        if not self._is_folder and not files:
            raise BadInput("no file of records", where=self._url, remedy=f"give one of {', '.join(FILES)}, or a folder")
        found = [item for path in files for item in self._of_file(path)]
        self._fields.check(list(self._names), self._url)
        if self._is_folder:
            found += self._alone()
        if not found:
            names = ", ".join(self._names) or "none"
            raise BadInput(f"nothing is asked in it (fields: {names})", where=self._url, remedy="say --text FIELD")
        return found

    def _of_file(self, path: str) -> Iterator[Item]:
        where = f"{path[len(self._root) :].lstrip('/')}#" if self._is_folder else ""
        read = list(keyed_records(self._fs, path))
        if _is_one_record(read):
            record = dict(read)
            yield from self._item(
                where.rstrip("#"), record, self._beside(path) if self._fields.asked_of(record) else []
            )
            return
        for number, (key, record) in enumerate(read, start=1):
            if not isinstance(record, Mapping):
                self.left_out[NO_RECORD] += 1
                continue
            yield from self._item(f"{where}{key or self._fields.item_of(record) or number}", record, [])

    def _beside(self, path: str) -> list[str]:
        """Return the pictures of a record that names none: that of its own name, else those of no other's."""
        folder = _folder(path)
        pictures = [one for one in self._listed if _is_picture(one) and _folder(one) == folder]
        own = [one for one in pictures if _stem(one) == _stem(path)]
        others = {_stem(one) for one in self._listed if extension_of(one) in FILES}
        return own or [one for one in pictures if _stem(one) not in others]

    def _item(self, name: str, record: Mapping[str, Any], beside: Iterable[str]) -> Iterator[Item]:
        self._names.update(dict.fromkeys(str(one) for one in record))
        asked, told = self._fields.asked_of(record), self._fields.told_of(record)
        named = self._fields.pictures_of(record)
        pictures = tuple(one for said in named or beside if (one := self._picture(said)))
        if asked or pictures:
            yield Item(name, asked, told, pictures)
        else:
            self.left_out[NOTHING_ASKED] += 1

    def _picture(self, said: str | bytes) -> Picture | None:
        if isinstance(said, bytes):
            return self._decode("", said)
        path = self._pictures.find(said)
        if path is None:
            self.left_out[PICTURE_MISSING] += 1
            return None
        self._claimed.add(path)
        if path not in self._decoded:
            name = path[len(self._root) :].lstrip("/") if path.startswith(self._root) else said
            self._decoded[path] = self._decode(name, self._fs.cat_file(path))
        return self._decoded[path]

    def _decode(self, name: str, data: bytes) -> Picture | None:
        try:
            phash = perceptual_hash(small_rgb(data, HASHED_SIDE_PX, MOST_MPX))
            [vector] = self._embed([data]) if self._embed else [()]
            return Picture(name, phash, small_copy(data, MOST_MPX), vector)
        except BadSample as bad:
            self.left_out[bad.reason] += 1
            return None

    def _alone(self) -> Iterator[Item]:
        for path in self._listed:
            if _is_picture(path) and path not in self._claimed and (picture := self._picture(path)):
                yield Item(picture.name, pictures=(picture,))


class _Pictures:
    """Where pictures are: beside the file, or anywhere in a folder."""

    def __init__(self, fs: Any, folder: str, root: str) -> None:
        self._fs, self._root = fs, open_url(folder)[1] if folder else root
        listed = sorted(str(path) for path in fs.find(self._root)) if folder else []
        self._paths = {path for path in listed if _is_picture(path)}
        self._by_name = {path.rsplit("/", 1)[-1]: path for path in sorted(self._paths, reverse=True)}

    def find(self, said: str) -> str | None:
        """Return the path of a picture that a record names, None where it is not there."""
        for path in (said, f"{self._root}/{said}"):
            if path in self._paths or (path.startswith(f"{self._root}/") and self._fs.isfile(path)):
                return path
        return self._by_name.get(said.rsplit("/", 1)[-1])


def _is_one_record(read: Sequence[tuple[str, Any]]) -> bool:
    """Say whether the values of a JSON object are fields of one record, rather than records under their ids."""
    fields = [record for key, record in read if key and not isinstance(record, Mapping)]
    return len(fields) > len(read) / 2


def _is_picture(path: str) -> bool:
    return extension_of(path) in PICTURES


def _stem(path: str) -> str:
    return path.rsplit(".", 1)[0]


def _folder(path: str) -> str:
    return path.rsplit("/", 1)[0]
