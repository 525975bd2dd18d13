"""Records of a jsonl, csv, tsv or parquet file, one after another, and what their columns say."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ingest.source import extension_of, need
from pipelines.ingest.told import read_json
from schemas.errors import BadInput, BadSample

RECORD_FILES = ("jsonl", "csv", "tsv", "parquet")
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


def with_names(fs: Any, path: str) -> tuple[list[str], Iterator[Any]]:
    """Return the columns of a file's first hundred records, and all records, a BadSample in place of one that is none.

    Raises BadInput where there are none.
    """
    found = records(fs, path)
    first = list(islice(found, _PEEK))
    need(first, "the manifest has no rows", path)
    names = dict.fromkeys(name for record in first if isinstance(record, Mapping) for name in record if name)
    need(names, f"none of its first {len(first)} rows is a record", path, "give a jsonl, csv or parquet file")
    return list(names), chain(first, found)


def choose(chosen: str, known: Iterable[str], names: Collection[str], where: str) -> str:
    """Return the column that the user chose, or the first known one; raises BadInput where the chosen one is not."""
    if chosen:
        need(chosen in names, f"no column {chosen!r}", where, f"the columns are {', '.join(names)}")
        return chosen
    return next((name for name in known if name in names), "")


def choose_captions(chosen: str, names: Collection[str], where: str) -> dict[str, str]:
    """Return the roles of the columns of texts: the chosen one (or several, with commas between), or all known."""
    if chosen:
        several = [chosen] if chosen in names else chosen.split(",")
        return {choose(name.strip(), (), names, where): "caption" for name in several}
    return {name: role for name, role in CAPTION_COLUMNS.items() if name in names}


def texts_of(record: Mapping[str, Any], captions: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return each text of a record with its role; raises BadSample("text_not_utf8")."""
    return tuple(
        (role, plain(text))
        for column, role in captions.items()
        for text in each(record.get(column))
        if not is_empty(text)
    )


def json_of(record: Mapping[str, Any], leaving: Collection[str]) -> str:
    """Return a record's other columns as JSON, empty for none; raises BadSample where they cannot be written so."""
    rest = {key: value for key, value in record.items() if key not in leaving and not is_empty(value)}
    try:
        return msgspec.json.encode(rest, order="sorted").decode() if rest else ""
    except UnicodeEncodeError:
        raise BadSample("text_not_utf8", "a column is not UTF-8") from None
    except (TypeError, OverflowError) as error:
        raise BadSample("column_not_json", str(error)) from None


def records(fs: Any, path: str) -> Iterator[Any]:
    """Yield a file's records in order, a BadSample in place of one that is none; raises BadInput."""
    kind = extension_of(path)
    try:
        with fs.open(path, "rb") as file:
            if kind == "parquet":
                for batch in pq.ParquetFile(file).iter_batches(batch_size=1024):
                    yield from arrow_rows(batch)
            elif kind in ("csv", "tsv"):
                wrapped = io.TextIOWrapper(file, "utf-8-sig", newline="", errors="surrogateescape")
                yield from csv.DictReader(wrapped, delimiter="\t" if kind == "tsv" else ",")
            else:
                for line in file:
                    if line.strip():
                        yield json_or_bad(line, "line")
    except (pa.ArrowException, csv.Error) as error:
        raise BadInput(f"not a {kind} file: {error}", where=path) from None


def json_or_bad(text: bytes, name: str) -> Any:
    """Return what a JSON text holds, a BadSample where it is none."""
    try:
        return read_json(text, name)
    except BadSample as bad:
        return bad


def arrow_rows(batch: pa.RecordBatch) -> Iterable[Any]:
    """Return a batch's rows, a BadSample in place of one whose text is not UTF-8."""
    try:
        return list(batch.to_pylist())
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            return [BadSample("text_not_utf8", "a column is not UTF-8")]
        return [row for at in range(batch.num_rows) for row in arrow_rows(batch.slice(at, 1))]


def line_name(number: int) -> str:
    """Return the name of a row that has no id, by its place from 0."""
    return f"line-{number + 1:09d}"


def is_empty(value: Any) -> bool:
    """Say whether a cell says nothing: null, an empty text or NaN."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def each(value: Any) -> list[Any]:
    """Return a list as it is, and anything else as a list of one."""
    return value if isinstance(value, list) else [value]


def plain(text: Any) -> str:
    """Return a text without the marks that other tools put in; raises BadSample("text_not_utf8")."""
    bare = str(text)
    for mark in _MARKS:
        bare = bare.replace(mark, "")
    try:
        bare.encode()
    except UnicodeEncodeError:
        raise BadSample("text_not_utf8", "a text is not UTF-8") from None
    return bare.strip(" ")


def first_told(record: Mapping[str, Any], columns: Iterable[str]) -> str:
    """Return the first of these columns that says something in a record, or an empty string."""
    return next((column for column in columns if not is_empty(record.get(column))), "")


def text_of(record: Mapping[str, Any], column: str) -> str:
    """Return what a column says as text, empty where it says nothing or there is none."""
    value = record.get(column) if column else None
    return "" if is_empty(value) else str(value)
