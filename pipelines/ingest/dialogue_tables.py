"""Dialogues in parquet as Hugging Face holds them: turns in one column, and the pictures' bytes in another.

What is read while it is listed is all but the bytes: of a list of pictures its paths, which say how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from pipelines.ingest.dialogues import DIALOGUE_IDS, placed
from pipelines.ingest.huggingface import parquet_files, picture_columns, sizes_bytes, splits_of
from pipelines.ingest.records import LICENCE_COLUMNS, URL_COLUMNS, arrow_rows, choose, first_told, json_of, text_of
from pipelines.ingest.row import Cell, Row
from pipelines.ingest.source import full_url, need, open_url, stamp_of
from pipelines.ingest.turns import MEDIA, fields_of, is_dialogue, pieces_of
from schemas.errors import BadInput, BadSample


class DialogueTables(Struct, frozen=True):
    """One file, or all of a folder's in the order of their names; of one split where `split` says so.

    A row is <file>/<number>, from 0, or what its id column says.
    """

    url: str
    image_column: str = ""
    id_column: str = ""
    split: str = ""

    def rows(self) -> Iterator[Row]:
        """Yield a row per dialogue, whose pictures are not read yet. Raises BadInput where there is no such file."""
        fs, path = open_url(self.url)
        root = path if fs.isdir(path) else path.rsplit("/", 1)[0]
        found = {one: one[len(root) :].lstrip("/") for one in parquet_files(fs, path)}
        wanted = {one: name for one, name in found.items() if not self.split or self.split in splits_of(name)}
        need(wanted, f"no parquet files of split {self.split!r}" if self.split else "no parquet files", self.url)
        for one, name in wanted.items():
            yield from self._of_file(fs, one, name)

    def _of_file(self, fs: Any, path: str, name: str) -> Iterator[Row]:
        url, stamp, at = full_url(fs, path), stamp_of(fs.info(path)), 0
        try:
            with fs.open(path, "rb") as file:
                parquet = pq.ParquetFile(file)
                images = picture_columns(parquet.schema_arrow)
                if self.image_column:
                    images = [choose(self.image_column, (), images, path)]
                named_id = choose(self.id_column, DIALOGUE_IDS, parquet.schema_arrow.names, path)
                for group in range(parquet.num_row_groups):
                    sizes = sizes_bytes(parquet.metadata.row_group(group), images)
                    for record in light_records(parquet, [group]):
                        cells = tuple(Cell(url, column, at, sizes[column], stamp) for column in images)
                        yield _row(f"{name}/{at:09d}", named_id, cells, record)
                        at += 1
        except pa.ArrowException as error:
            raise BadInput(f"not a parquet file: {error}", where=path) from None


def holds_dialogues(fs: Any, path: str) -> bool:
    """Say whether a parquet file, or the first below a folder, begins with a dialogue beyond doubt."""
    try:
        with fs.open(parquet_files(fs, path)[0], "rb") as file:
            return is_dialogue(next(light_records(pq.ParquetFile(file), [0]), None))
    except (IndexError, pa.ArrowException):
        return False


def light_records(parquet: pq.ParquetFile, groups: list[int]) -> Iterator[Any]:
    """Yield the records of some row groups without any bytes: a picture is what else is known of it."""
    leaves = [parquet.schema.column(place) for place in range(len(parquet.schema.names))]
    light = [leaf.path for leaf in leaves if leaf.physical_type != "BYTE_ARRAY" or leaf.logical_type.type == "STRING"]
    for batch in parquet.iter_batches(batch_size=1024, row_groups=groups, columns=light):
        yield from arrow_rows(batch)


def _row(name: str, named_id: str, cells: tuple[Cell, ...], record: Any) -> Row:
    if isinstance(record, BadSample):
        return Row(name, failed=record.reason, meta=record.detail)
    name = text_of(record, named_id) or name
    url, licence = first_told(record, URL_COLUMNS), first_told(record, LICENCE_COLUMNS)
    try:
        counts = {cell.column: _count(record, cell.column) for cell in cells}
        pieces = pieces_of(record, sum(counts.values()))
        paths, texts_before = placed(pieces, {"image": [""] * sum(counts.values()), "video": []})
        if any(paths):
            raise BadSample("not_a_path", f"{next(filter(None, paths)):.100} stands where the pictures' bytes are")
        meta = json_of(record, {*fields_of(record), *counts, named_id, url, licence})
    except BadSample as bad:
        return Row(name, failed=bad.reason, meta=bad.detail)
    return Row(
        name,
        texts=tuple(piece for piece in pieces if piece[0] not in MEDIA),
        uri=text_of(record, url),
        licence=text_of(record, licence),
        meta=meta,
        cells=tuple(cell for cell in cells if counts[cell.column]),
        texts_before=texts_before,
    )


def _count(record: Mapping[str, Any], column: str) -> int:
    """Return how many pictures a column holds, a list of them or one."""
    found = record.get(column)
    return len(found) if isinstance(found, list) else int(found is not None)
