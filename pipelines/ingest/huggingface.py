"""Hugging Face parquet: a row per sample, with the pictures' bytes in columns of {bytes, path}, or lists of them.

Which columns hold pictures, and what a label's number means, stands in the file's own schema, as `datasets` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from pipelines.ingest.records import (
    ID_COLUMNS,
    LICENCE_COLUMNS,
    URL_COLUMNS,
    arrow_rows,
    choose,
    choose_captions,
    is_empty,
    json_of,
    text_of,
    texts_of,
)
from pipelines.ingest.row import Cell, Row
from pipelines.ingest.source import full_url, need, open_url, stamp_of
from schemas.errors import BadInput, BadSample

_METADATA = b"huggingface"


class HuggingFace(Struct, frozen=True):
    """One file, or all of a folder's in the order of their names; of one split where `split` says so.

    A row is <file>/<number>, from 0, or what its id column says.
    """

    url: str
    image_column: str = ""
    caption_column: str = ""
    id_column: str = ""
    split: str = ""

    def rows(self) -> Iterator[Row]:
        """Yield a row per row, whose bytes are not read yet. Raises BadInput where no column holds pictures."""
        fs, path = open_url(self.url)
        if not fs.isdir(path):
            yield from self._of_file(fs, path, path.rsplit("/", 1)[-1])
            return
        found = parquet_files(fs, path)
        names = [one[len(path) :].lstrip("/") for one in found]
        wanted = [name for name in names if not self.split or self.split in splits_of(name)]
        need(wanted, f"no parquet files of split {self.split!r}" if self.split else "no parquet files", self.url)
        for name in wanted:
            yield from self._of_file(fs, f"{path}/{name}", name)

    def _of_file(self, fs: Any, path: str, name: str) -> Iterator[Row]:
        url, stamp, at = full_url(fs, path), stamp_of(fs.info(path)), 0
        try:
            with fs.open(path, "rb") as file:
                parquet = pq.ParquetFile(file)
                columns = _Columns.find(self, parquet.schema_arrow, path)
                for group in range(parquet.num_row_groups):
                    sizes = sizes_bytes(parquet.metadata.row_group(group), columns.images)
                    count = parquet.metadata.row_group(group).num_rows
                    for record in _records(parquet, group, columns.read, count):
                        cells = tuple(Cell(url, column, at, sizes[column], stamp) for column in columns.images)
                        yield columns.row(f"{name}/{at:09d}", cells, record)
                        at += 1
        except pa.ArrowException as error:
            raise BadInput(f"not a parquet file: {error}", where=path) from None


def holds_pictures(fs: Any, path: str) -> bool:
    """Say whether a parquet file, or the first below a folder, has a column of pictures' bytes."""
    found = parquet_files(fs, path)
    try:
        with fs.open(found[0], "rb") as file:
            return bool(picture_columns(pq.read_schema(file)))
    except (IndexError, pa.ArrowException):
        return False


def parquet_files(fs: Any, path: str) -> list[str]:
    """Return the parquet files below a folder, in the order of their names, or the file itself."""
    return [path] if not fs.isdir(path) else sorted(str(one) for one in fs.find(path) if str(one).endswith(".parquet"))


def splits_of(name: str) -> set[str]:
    """Return what may be a split's name in a file's: its folders, and what stands before the first hyphen or dot."""
    *folders, last = name.split("/")
    return {*folders, re.split(r"[-.]", last, maxsplit=1)[0]}


def picture_columns(schema: pa.Schema) -> list[str]:
    """Return the columns that hold pictures: those whose feature is Image, or of no stated feature but its shape."""
    features = _features(schema)
    return [
        field.name
        for field in schema
        if _holds_bytes(field.type) and (field.name not in features or _kind(features[field.name]) == "Image")
    ]


def _features(schema: pa.Schema) -> dict[str, Any]:
    """Return what `datasets` wrote of the columns, nothing where that is not there or not readable."""
    try:
        told = msgspec.json.decode((schema.metadata or {}).get(_METADATA, b"{}"))
        return dict(told["info"]["features"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return {}


def _kind(feature: Any) -> str:
    """Return a feature's type; a list's is that of what it holds, which was written in three ways over time."""
    while isinstance(feature, list | dict):
        if isinstance(feature, list):
            feature = feature[0] if feature else ""
        elif feature.get("_type") in ("Sequence", "List", "LargeList"):
            feature = feature.get("feature")
        else:
            return str(feature.get("_type", ""))
    return ""


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_struct(kind) and {field.name for field in kind} == {"bytes", "path"})


class _Columns(Struct, frozen=True):
    """Which column says what; `read` are all but those of bytes, `labels` are names by column."""

    images: list[str]
    captions: dict[str, str]
    labels: dict[str, list[str]]
    read: list[str]
    id: str
    url: str
    licence: str

    @classmethod
    def find(cls, source: HuggingFace, schema: pa.Schema, where: str) -> _Columns:
        images, names = picture_columns(schema), [str(name) for name in schema.names]
        if source.image_column:
            images = [choose(source.image_column, (), images, where)]
        need(images, "no column holds pictures", where, f"the columns are {', '.join(names)}")
        read = [field.name for field in schema if not _holds_bytes(field.type) and not _is_binary(field.type)]
        labels = {
            name: [str(one) for one in feature["names"]]
            for name, feature in _features(schema).items()
            if name in read and _kind(feature) == "ClassLabel" and isinstance(feature, dict) and "names" in feature
        }
        return cls(
            images,
            choose_captions(source.caption_column, read, where),
            labels,
            read,
            choose(source.id_column, ID_COLUMNS, read, where),
            choose("", URL_COLUMNS, read, where),
            choose("", LICENCE_COLUMNS, read, where),
        )

    def row(self, name: str, cells: tuple[Cell, ...], record: Any) -> Row:
        """Return the row of a record that was read without its pictures."""
        if isinstance(record, BadSample):
            return Row(name, failed=record.reason, meta=record.detail)
        told = record.get(self.id) if self.id else None
        name = name if is_empty(told) else str(told)
        try:
            texts = texts_of(record, self.captions) + tuple(self._labels(record))
            meta = json_of(record, {*self.captions, self.id, self.url, self.licence})
        except BadSample as bad:
            return Row(name, failed=bad.reason, meta=bad.detail)
        uri, licence = text_of(record, self.url), text_of(record, self.licence)
        return Row(name, texts=texts, uri=uri, licence=licence, meta=meta, cells=cells)

    def _labels(self, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for column, names in self.labels.items():
            number = record.get(column)
            if isinstance(number, int) and 0 <= number < len(names):
                yield "label", names[number]


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _records(parquet: pq.ParquetFile, group: int, columns: list[str], count: int) -> Iterator[Any]:
    """Yield a row group's records without their pictures; there may be nothing else in them."""
    if not columns:
        yield from ({} for _ in range(count))
        return
    for batch in parquet.iter_batches(batch_size=1024, row_groups=[group], columns=columns):
        yield from arrow_rows(batch)


def sizes_bytes(group: Any, columns: list[str]) -> dict[str, int]:
    """Return what a cell of each column takes on the average in a row group, uncompressed."""
    found = dict.fromkeys(columns, 0)
    for place in range(group.num_columns):
        chunk = group.column(place)
        if (column := chunk.path_in_schema.split(".", 1)[0]) in found:
            found[column] += chunk.total_uncompressed_size
    return {column: size // max(1, group.num_rows) for column, size in found.items()}
