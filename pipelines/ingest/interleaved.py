"""Interleaved documents as records: texts and pictures in two lists, as OBELICS, MINT and MMC4 have them.

Of `texts` and `images` the one is empty where the other speaks. `text_list` comes with `image_info`, which says the
number of the text that each picture stands before. Pictures are paths below a folder, or bytes in a parquet column; an
address is not fetched: what is missing is stated, and the document stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from pipelines.documents.pieces import Missing
from pipelines.ingest.huggingface import picture_columns
from pipelines.ingest.json_records import keyed_records
from pipelines.ingest.records import (
    ID_COLUMNS,
    LICENCE_COLUMNS,
    URL_COLUMNS,
    choose,
    first_told,
    is_empty,
    json_of,
    line_name,
    text_of,
)
from pipelines.ingest.row import Cell, Ref, Row
from pipelines.ingest.source import extension_of, file_ref, full_url, need, open_url, resolve, stamp_of
from schemas.errors import BadInput, BadSample

TEXTS, IMAGES = "texts", "images"
MMC4_TEXTS, MMC4_IMAGES = "text_list", "image_info"
_ROLE = "paragraph"
_PEEK = 100
_PATH_NAMES = ("image_name", "path", "file_name", "url", "raw_url")


class Interleaved(Struct, frozen=True):
    """One json, jsonl or parquet file; paths are relative to `root`, by default the file's own folder."""

    url: str
    root: str = ""
    id_column: str = ""
    base_names: bool = False

    def rows(self) -> Iterator[Row]:
        """Yield a row per record. Raises BadInput where there is none, or where the lists are not there."""
        fs, path = open_url(self.url)
        root = open_url(self.root)[1] if self.root else path.rsplit("/", 1)[0]
        cells = _Cells(fs, path) if extension_of(path) == "parquet" else None
        found = cells.records() if cells else keyed_records(fs, path)
        first = list(islice(found, _PEEK))
        need(first, "it holds no records", path)
        names = list(dict.fromkeys(name for _, record in first if isinstance(record, Mapping) for name in record))
        need(
            {TEXTS, MMC4_TEXTS} & {*names}, f"no column {TEXTS!r} or {MMC4_TEXTS!r}", path, f"it has {', '.join(names)}"
        )
        named_id = choose(self.id_column, ID_COLUMNS, names, path)
        for number, (key, record) in enumerate(chain(first, found)):
            name = key or line_name(number)
            if isinstance(record, BadSample):
                yield Row(name, failed=record.reason, meta=record.detail)
            elif not isinstance(record, Mapping):
                yield Row(name, failed="not_a_record")
            else:
                cell = cells.cell(number) if cells else None
                yield self._row(fs, root, text_of(record, named_id) or name, record, named_id, cell)

    def _row(self, fs: Any, root: str, name: str, record: Mapping[str, Any], named_id: str, cell: Cell | None) -> Row:
        url, licence = first_told(record, URL_COLUMNS), first_told(record, LICENCE_COLUMNS)
        try:
            order = list(_of_mmc4(record) if MMC4_TEXTS in record else _alternating(record, by_bytes=cell is not None))
            texts, media, before, missing = [], list[Ref](), list[int](), list[Missing]()
            for kind, said in order:
                if kind == "text":
                    texts.append((_ROLE, said))
                    continue
                found = None if cell else self._picture(fs, root, said)
                if isinstance(found, Missing):
                    missing.append(found)
                    continue
                media += [found] if found else []
                before.append(len(texts))
            meta = json_of(
                record, {TEXTS, IMAGES, MMC4_TEXTS, MMC4_IMAGES, "similarity_matrix", named_id, url, licence}
            )
        except BadSample as bad:
            return Row(name, failed=bad.reason, meta=bad.detail)
        return Row(
            name,
            tuple(media),
            tuple(texts),
            cells=(cell,) if cell and before else (),
            texts_before=tuple(before),
            uri=text_of(record, url),
            licence=text_of(record, licence),
            meta=with_missing(meta, missing),
        )

    def _picture(self, fs: Any, root: str, said: Any) -> Ref | Missing:
        source = first_of(said) if isinstance(said, Mapping) else said
        if not isinstance(source, str):
            raise BadSample("no_image_path", f"{said!r:.100}")
        if "://" in source or source.startswith("data:"):
            return Missing(source[:2000], "remote" if "://" in source else "bad_data_uri")
        try:
            return file_ref(fs, resolve(root, source, base_names=self.base_names), source, within=root)
        except BadSample as bad:
            return Missing(source, "not_there" if bad.reason == "file_missing" else "outside_source")


def is_interleaved(record: Any) -> bool:
    """Say whether a record is such a document."""
    if not isinstance(record, Mapping):
        return False
    return MMC4_TEXTS in record or (isinstance(record.get(TEXTS), list) and isinstance(record.get(IMAGES), list))


def holds_interleaved(fs: Any, path: str) -> bool:
    """Say whether a parquet file has the two columns as lists."""
    try:
        with fs.open(path, "rb") as file:
            kinds = {field.name: str(field.type) for field in pq.read_schema(file)}
    except pa.ArrowException:
        return False
    return all(kinds.get(name, "").startswith(("list", "large_list")) for name in (TEXTS, IMAGES))


def with_missing(meta: str, missing: Sequence[Missing]) -> str:
    """Return a row's meta with the pictures that could not be had."""
    if not missing:
        return meta
    said = {**(msgspec.json.decode(meta) if meta else {}), "pictures_missing": msgspec.to_builtins(missing)}
    return msgspec.json.encode(said, order="sorted").decode()


def first_of(said: Mapping[str, Any]) -> Any:
    """Return what a picture's record calls it."""
    return next((said[name] for name in _PATH_NAMES if not is_empty(said.get(name))), None)


def _alternating(record: Mapping[str, Any], *, by_bytes: bool) -> Iterator[tuple[str, Any]]:
    """Yield texts and pictures of two lists of one length; without pictures read, each gap among the texts is one."""
    texts, images = record.get(TEXTS), record.get(IMAGES)
    if not isinstance(texts, list):
        raise BadSample("no_text_list", f"{TEXTS} is {texts!r:.100}")
    if by_bytes:
        images = [None if text else "" for text in texts]
    elif not isinstance(images, list) or len(images) != len(texts):
        raise BadSample("lists_do_not_match", f"{len(texts)} texts, and images are {images!r:.100}")
    for text, image in zip(texts, images, strict=True):
        if image is not None:
            yield "image", image
        if text:
            yield "text", _said(text)


def _of_mmc4(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    texts, images = record[MMC4_TEXTS], record.get(MMC4_IMAGES) or []
    if not isinstance(texts, list) or not isinstance(images, list):
        raise BadSample("no_text_list", f"{MMC4_TEXTS} or {MMC4_IMAGES} is no list")
    at: dict[int, list[Any]] = {}
    for image in images:
        number = image.get("matched_text_index") if isinstance(image, Mapping) else None
        if not isinstance(number, int) or not 0 <= number < max(1, len(texts)):
            raise BadSample("no_text_index", f"{image!r:.100}")
        at.setdefault(number, []).append(image)
    for number, text in enumerate(texts):
        yield from (("image", image) for image in at.get(number, ()))
        if text:
            yield "text", _said(text)


def _said(text: Any) -> str:
    try:
        str(text).encode()
    except UnicodeEncodeError:
        raise BadSample("text_not_utf8", "a text is not UTF-8") from None
    return str(text).strip()


class _Cells:
    """A parquet file whose pictures are bytes: its records without them, and the cell of each."""

    def __init__(self, fs: Any, path: str) -> None:
        self._fs, self._path = fs, path
        self._url, self._stamp = full_url(fs, path), stamp_of(fs.info(path))
        try:
            with fs.open(path, "rb") as file:
                self._has_bytes = IMAGES in picture_columns(pq.read_schema(file))
        except pa.ArrowException as error:
            raise BadInput(f"not a parquet file: {error}", where=path) from None

    def records(self) -> Iterator[tuple[str, Any]]:
        """Yield each record, without its pictures where they are bytes."""
        with self._fs.open(self._path, "rb") as file:
            parquet = pq.ParquetFile(file)
            names = [name for name in parquet.schema_arrow.names if not (self._has_bytes and name == IMAGES)]
            for batch in parquet.iter_batches(batch_size=64, columns=names):
                yield from (("", record) for record in batch.to_pylist())

    def cell(self, row: int) -> Cell | None:
        """Return where a row's pictures are, None where the column names them."""
        return Cell(self._url, IMAGES, row, 0, self._stamp, has_gaps=True) if self._has_bytes else None
