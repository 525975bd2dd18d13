"""Dialogues: a json, jsonl, csv or parquet file with a dialogue per record, whose pictures and clips it names.

Where pictures are is told by a column, by the typed parts of a turn, or, where no column says it, by a pattern that
holds columns in braces: `tables/{id}.png`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from msgspec import Struct

from pipelines.ingest.json_records import keyed_records
from pipelines.ingest.records import LICENCE_COLUMNS, URL_COLUMNS, choose, each, first_told, is_empty, json_of, text_of
from pipelines.ingest.row import Row
from pipelines.ingest.source import file_ref, need, open_url, resolve
from pipelines.ingest.turns import MEDIA, Piece, fields_of, pieces_of
from schemas.errors import BadSample

DIALOGUE_IDS = ("id", "key", "uid", "question_id")
IMAGE_COLUMNS = ("images", "image")
VIDEO_COLUMNS = ("videos", "video")
_PEEK = 100
_BRACED = re.compile(r"\{([^{}]*)\}")


class Dialogues(Struct, frozen=True):
    """Paths are relative to `root`, by default the file's own folder; other columns are kept as the row's meta."""

    url: str
    root: str = ""
    image_column: str = ""
    id_column: str = ""
    base_names: bool = False
    image_pattern: str = ""

    def rows(self) -> Iterator[Row]:
        """Yield a row per record, called by its key, its id or its place.

        Raises BadInput where the file holds none, or not the columns that were named.
        """
        fs, path = open_url(self.url)
        root = open_url(self.root)[1] if self.root else path.rsplit("/", 1)[0]
        found = keyed_records(fs, path)
        first = list(islice(found, _PEEK))
        need(first, "it holds no records", path)
        names = list(dict.fromkeys(name for _, record in first if isinstance(record, Mapping) for name in record))
        known_ids = () if first[0][0] else DIALOGUE_IDS
        named_id = choose(self.id_column, known_ids, names, path)
        choose(self.image_column, (), names, path)
        for number, (key, record) in enumerate(chain(first, found)):
            name = key or f"record-{number + 1:09d}"
            if isinstance(record, BadSample):
                yield Row(name, failed=record.reason)
            elif not isinstance(record, Mapping):
                yield Row(name, failed="not_a_record")
            else:
                yield self._row(fs, root, text_of(record, named_id) or name, record, named_id)

    def _row(self, fs: Any, root: str, name: str, record: Mapping[str, Any], named_id: str) -> Row:
        images, videos = self._images(record), first_told(record, VIDEO_COLUMNS)
        url, licence = first_told(record, URL_COLUMNS), first_told(record, LICENCE_COLUMNS)
        try:
            if None in record:
                raise BadSample("too_many_columns", "the row has more columns than the header")
            listed = {"image": _paths(record, images), "video": _paths(record, videos)}
            if self.image_pattern:
                listed["image"] = [_filled(self.image_pattern, {**record, "id": name})]
            pieces = pieces_of(record, len(listed["image"]), len(listed["video"]))
            paths, texts_before = placed(pieces, listed)
            media = tuple(
                file_ref(fs, resolve(root, one, base_names=self.base_names), one, within=root) for one in paths
            )
            meta = json_of(record, {*fields_of(record), images, videos, named_id, url, licence})
        except BadSample as bad:
            return Row(name, failed=bad.reason, meta=bad.detail)
        return Row(
            name,
            media,
            tuple(piece for piece in pieces if piece[0] not in MEDIA),
            uri=text_of(record, url),
            licence=text_of(record, licence),
            meta=meta,
            texts_before=texts_before,
        )

    def _images(self, record: Mapping[str, Any]) -> str:
        """Return the column of this record's pictures; none where the pattern says where they are."""
        if self.image_pattern:
            return ""
        return self.image_column or first_told(record, IMAGE_COLUMNS)


def _paths(record: Mapping[str, Any], column: str) -> list[str]:
    paths = [] if is_empty(record.get(column)) else each(record[column])
    if not all(isinstance(path, str) and path for path in paths):
        raise BadSample("no_image_path", f"{column} is {record[column]!r:.100}")
    return paths


def _filled(pattern: str, record: Mapping[str, Any]) -> str:
    """Return the pattern with what the columns in its braces say."""

    def said(found: re.Match[str]) -> str:
        if text := text_of(record, found[1]):
            return text
        raise BadSample("no_image_path", f"the pattern names {found[1]!r}, which says nothing here")

    return _BRACED.sub(said, pattern)


def placed(pieces: Sequence[Piece], listed: Mapping[str, list[str]]) -> tuple[list[str], tuple[int, ...]]:
    """Return the paths of the pictures and clips in order, and how many texts stand before each."""
    for kind, paths in listed.items():
        marks = sum(1 for piece in pieces if piece == (kind, ""))
        if marks != len(paths):
            raise BadSample("marks_do_not_match", f"{marks} marks <{kind}>, and {len(paths)} to stand there")
    left = {kind: iter(paths) for kind, paths in listed.items()}
    paths, texts_before, told = list[str](), list[int](), 0
    for kind, content in pieces:
        if kind not in MEDIA:
            told += 1
            continue
        path = content or next(left[kind])
        if "://" in path or path.startswith("data:"):
            raise BadSample("not_a_path", f"{path:.100}")
        paths.append(path)
        texts_before.append(told)
    return paths, tuple(texts_before)
