"""A manifest: a jsonl, csv or parquet file with a row per sample, which names pictures and holds texts."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from pipelines.ingest.row import Row
from pipelines.ingest.source import extension_of, file_ref, need, open_url, resolve
from pipelines.ingest.told import read_json
from schemas.errors import BadInput, BadSample

IMAGE_COLUMNS = (
    "image",
    "image_path",
    "file_name",
    "filename",
    "filepath",
    "path",
    "images",
    "video",
    "videos",
    "file",
)
CAPTION_COLUMNS = {
    "caption": "caption",
    "captions": "caption",
    "text": "caption",
    "TEXT": "caption",
    "texts": "caption",
    "txt": "caption",
    "alt": "alt",
    "alt_text": "alt",
}
ID_COLUMNS = ("id", "key", "uid", "image_id")
URL_COLUMNS = ("url", "URL", "uri")
LICENCE_COLUMNS = ("licence", "license")
_PEEK = 100
_MARKS = ("<__dj__image>", "<__dj__video>", "<|__dj__eoc|>", "<image>", "<video>")


csv.field_size_limit(2**31 - 1)


class Manifest(Struct, frozen=True):
    """Paths are relative to `root`, by default the manifest's own folder; other columns are kept as the row's meta.

    Columns are found among those of the first hundred rows, since rows of a jsonl need not all have the same.
    """

    url: str
    root: str = ""
    image_column: str = ""
    caption_column: str = ""
    id_column: str = ""
    base_names: bool = False

    def rows(self) -> Iterator[Row]:
        """Yield a row per line. Raises BadInput where the columns are not there."""
        fs, path = open_url(self.url)
        root = open_url(self.root)[1] if self.root else path.rsplit("/", 1)[0]
        records = _records(fs, path)
        first = list(islice(records, _PEEK))
        need(first, "the manifest has no rows", self.url)
        names = dict.fromkeys(name for record in first if isinstance(record, Mapping) for name in record if name)
        need(names, f"none of its first {len(first)} rows is a record", self.url, "give a jsonl, csv or parquet file")
        columns = _Columns.find(self, list(names), path)
        for number, record in enumerate(chain(first, records)):
            if isinstance(record, BadSample):
                yield Row(_line(number), failed=record.reason)
            elif not isinstance(record, Mapping):
                yield Row(_line(number), failed="not_a_record")
            else:
                yield self._row(fs, root, columns, number, record)

    def _row(self, fs: Any, root: str, columns: _Columns, number: int, record: Mapping[str, Any]) -> Row:
        told = record.get(columns.id) if columns.id else None
        name = _line(number) if _empty(told) else str(told)
        named = record.get(columns.image)
        paths = named if isinstance(named, list) else [named]
        try:
            if None in record:
                raise BadSample("too_many_columns", "the row has more columns than the header")
            texts = tuple(
                (role, _plain(text))
                for column, role in columns.captions.items()
                for text in _each(record.get(column))
                if not _empty(text)
            )
            if any(_empty(one) for one in paths):
                raise BadSample("no_image_path", f"{columns.image} is {named!r}")
            media = tuple(
                file_ref(fs, resolve(root, str(one), base_names=self.base_names), str(one), within=root)
                for one in paths
            )
            meta = columns.meta(record)
        except BadSample as bad:
            return Row(name, failed=bad.reason, meta=bad.detail)
        return Row(
            name, media, texts, uri=_text(record, columns.url), licence=_text(record, columns.licence), meta=meta
        )


class _Columns(Struct, frozen=True):
    """Which column says what."""

    image: str
    captions: dict[str, str]
    id: str
    url: str
    licence: str

    def meta(self, record: Mapping[str, Any]) -> str:
        """Return the other columns as JSON; raises BadSample where they cannot be written as such."""
        used = {self.image, *self.captions, self.id, self.url, self.licence}
        rest = {key: value for key, value in record.items() if key not in used and not _empty(value)}
        try:
            return msgspec.json.encode(rest, order="sorted").decode() if rest else ""
        except UnicodeEncodeError:
            raise BadSample("text_not_utf8", "a column is not UTF-8") from None
        except (TypeError, OverflowError) as error:
            raise BadSample("column_not_json", str(error)) from None

    @classmethod
    def find(cls, manifest: Manifest, record: list[str], where: str) -> _Columns:
        def first(chosen: str, known: Iterable[str]) -> str:
            if chosen:
                need(chosen in record, f"no column {chosen!r}", where, f"the columns are {', '.join(record)}")
                return chosen
            return next((name for name in known if name in record), "")

        image = first(manifest.image_column, IMAGE_COLUMNS)
        captions = dict.fromkeys([manifest.caption_column], "caption") if manifest.caption_column else CAPTION_COLUMNS
        found = {name: role for name, role in captions.items() if name in record}
        if not image:
            url = first("", URL_COLUMNS)
            remedy = f"the columns are {', '.join(record)}; name the one with paths by --image-column"
            if url:
                remedy += f" ({url} holds links: download the pictures first, for instance into WebDataset tars)"
            raise BadInput("no column names a picture or a video", where=where, remedy=remedy)
        need(
            found or not manifest.caption_column,
            f"no column {manifest.caption_column!r}",
            where,
            f"the columns are {', '.join(record)}",
        )
        return cls(
            image, found, first(manifest.id_column, ID_COLUMNS), first("", URL_COLUMNS), first("", LICENCE_COLUMNS)
        )


def _records(fs: Any, path: str) -> Iterator[Any]:
    kind = extension_of(path)
    try:
        with fs.open(path, "rb") as file:
            if kind == "parquet":
                for batch in pq.ParquetFile(file).iter_batches(batch_size=1024):
                    yield from _arrow_rows(batch)
            elif kind in ("csv", "tsv"):
                wrapped = io.TextIOWrapper(file, "utf-8-sig", newline="", errors="surrogateescape")
                yield from csv.DictReader(wrapped, delimiter="\t" if kind == "tsv" else ",")
            else:
                for line in file:
                    if line.strip():
                        yield _json_line(line)
    except (pa.ArrowException, csv.Error) as error:
        raise BadInput(f"not a {kind} file: {error}", where=path) from None


def _json_line(line: bytes) -> Any:
    try:
        return read_json(line, "line")
    except BadSample as bad:
        return bad


def _arrow_rows(batch: pa.RecordBatch) -> Iterable[Any]:
    try:
        return list(batch.to_pylist())
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            return [BadSample("text_not_utf8", "a column is not UTF-8")]
        return [row for at in range(batch.num_rows) for row in _arrow_rows(batch.slice(at, 1))]


def _line(number: int) -> str:
    return f"line-{number + 1:09d}"


def _empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _plain(text: Any) -> str:
    plain = str(text)
    for mark in _MARKS:
        plain = plain.replace(mark, "")
    try:
        plain.encode()
    except UnicodeEncodeError:
        raise BadSample("text_not_utf8", "a text is not UTF-8") from None
    return plain.strip(" ")


def _text(record: Mapping[str, Any], column: str) -> str:
    value = record.get(column) if column else None
    return "" if _empty(value) else str(value)
