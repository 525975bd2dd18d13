"""A manifest: a jsonl, csv or parquet file with a row per sample, which names pictures and holds texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.ingest.records import (
    ID_COLUMNS,
    LICENCE_COLUMNS,
    URL_COLUMNS,
    choose,
    choose_captions,
    is_empty,
    json_of,
    line_name,
    text_of,
    texts_of,
    with_names,
)
from pipelines.ingest.row import Row
from pipelines.ingest.source import file_ref, open_url, resolve
from schemas.errors import BadInput, BadSample
from schemas.note import Note

NOTES_COLUMN = "ostraka_notes"
"""A list of notes as a shelf holds them: what only the source can know of a place or a time span."""

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
        names, found = with_names(fs, path)
        columns = _Columns.find(self, names, path)
        for number, record in enumerate(found):
            if isinstance(record, BadSample):
                yield Row(line_name(number), failed=record.reason)
            elif not isinstance(record, Mapping):
                yield Row(line_name(number), failed="not_a_record")
            else:
                yield self._row(fs, root, columns, number, record)

    def _row(self, fs: Any, root: str, columns: _Columns, number: int, record: Mapping[str, Any]) -> Row:
        told = record.get(columns.id) if columns.id else None
        name = line_name(number) if is_empty(told) else str(told)
        named = record.get(columns.image)
        paths = named if isinstance(named, list) else [named]
        try:
            if None in record:
                raise BadSample("too_many_columns", "the row has more columns than the header")
            texts = texts_of(record, columns.captions)
            if any(is_empty(one) for one in paths):
                raise BadSample("no_image_path", f"{columns.image} is {named!r}")
            media = tuple(
                file_ref(fs, resolve(root, str(one), base_names=self.base_names), str(one), within=root)
                for one in paths
            )
            notes = _notes(record.get(NOTES_COLUMN))
            meta = columns.meta(record)
        except BadSample as bad:
            return Row(name, failed=bad.reason, meta=bad.detail)
        return Row(
            name,
            media,
            texts,
            uri=text_of(record, columns.url),
            licence=text_of(record, columns.licence),
            meta=meta,
            notes=notes,
        )


def _notes(told: Any) -> tuple[Note, ...]:
    try:
        return () if is_empty(told) else msgspec.convert(told, tuple[Note, ...])
    except msgspec.ValidationError as error:
        raise BadSample("bad_notes", f"{NOTES_COLUMN}: {error}") from None


class _Columns(Struct, frozen=True):
    """Which column says what."""

    image: str
    captions: dict[str, str]
    id: str
    url: str
    licence: str

    def meta(self, record: Mapping[str, Any]) -> str:
        """Return the other columns as JSON; raises BadSample where they cannot be written as such."""
        return json_of(record, {self.image, *self.captions, self.id, self.url, self.licence, NOTES_COLUMN})

    @classmethod
    def find(cls, manifest: Manifest, record: list[str], where: str) -> _Columns:
        def first(chosen: str, known: Iterable[str]) -> str:
            return choose(chosen, known, record, where)

        image = first(manifest.image_column, IMAGE_COLUMNS)
        if not image:
            url = first("", URL_COLUMNS)
            remedy = f"the columns are {', '.join(record)}; name the one with paths by --image-column"
            if url:
                remedy += f" ({url} holds links: to fetch them, say --as urls)"
            raise BadInput("no column names a picture or a video", where=where, remedy=remedy)
        captions = choose_captions(manifest.caption_column, record, where)
        return cls(
            image, captions, first(manifest.id_column, ID_COLUMNS), first("", URL_COLUMNS), first("", LICENCE_COLUMNS)
        )
