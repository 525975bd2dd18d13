"""Lists of links: jsonl, csv, tsv or parquet with a link and a text per row, as LAION and img2dataset have them.

Nothing is fetched while they are listed. What became of each link is kept in img2dataset's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.ingest import records
from pipelines.ingest.row import Row
from pipelines.ingest.source import extension_of, need, open_url
from schemas.errors import BadInput, BadSample

LINK_COLUMNS = (*records.URL_COLUMNS, "image_url")
LINK_ID_COLUMNS = (*records.ID_COLUMNS, "SAMPLE_ID")
LINK_LICENCE_COLUMNS = (*records.LICENCE_COLUMNS, "LICENSE")
NOT_STATED = "?"
"""What LAION writes for a licence that nobody stated."""

NO_PICTURE = frozenset({"empty_file", "unknown_format", "not_a_picture", "too_many_parts"})
"""Reasons of rows whose bytes came and cannot be used: img2dataset finds that out where it resizes."""


class Links(Struct, frozen=True):
    """One list, or all of a folder's in the order of their names; other columns are kept as the row's meta."""

    url: str
    url_column: str = ""
    caption_column: str = ""
    id_column: str = ""

    def rows(self) -> Iterator[Row]:
        """Yield a row per line. Raises BadInput where no column holds links."""
        fs, path = open_url(self.url)
        if not fs.isdir(path):
            yield from self._of_file(fs, path, "")
            return
        found = sorted(str(one) for one in fs.find(path) if extension_of(str(one)) in records.RECORD_FILES)
        need(found, f"no {', '.join(records.RECORD_FILES)} in this folder", self.url)
        for one in found:
            yield from self._of_file(fs, one, one[len(path) :].lstrip("/") + "/")

    def _of_file(self, fs: Any, path: str, prefix: str) -> Iterator[Row]:
        names, found = records.with_names(fs, path)
        columns = _Columns.find(self, names, path)
        for number, record in enumerate(found):
            name = prefix + records.line_name(number)
            if isinstance(record, BadSample):
                yield Row(name, failed=record.reason)
            elif not isinstance(record, Mapping):
                yield Row(name, failed="not_a_record")
            else:
                yield columns.row(name, record)


class _Columns(Struct, frozen=True):
    """Which column says what."""

    link: str
    captions: dict[str, str]
    id: str
    licence: str

    @classmethod
    def find(cls, source: Links, names: list[str], where: str) -> _Columns:
        link = records.choose(source.url_column, LINK_COLUMNS, names, where)
        if not link:
            remedy = f"the columns are {', '.join(names)}; name the one with links by --url-column"
            raise BadInput("no column holds links", where=where, remedy=remedy)
        return cls(
            link,
            records.choose_captions(source.caption_column, names, where),
            records.choose(source.id_column, LINK_ID_COLUMNS, names, where),
            records.choose("", LINK_LICENCE_COLUMNS, names, where),
        )

    def row(self, name: str, record: Mapping[Any, Any]) -> Row:
        told = record.get(self.id) if self.id else None
        name = name if records.is_empty(told) else str(told)
        links = tuple(str(one).strip() for one in records.each(record.get(self.link)) if not records.is_empty(one))
        try:
            if None in record:
                raise BadSample("too_many_columns", "the row has more columns than the header")
            texts = records.texts_of(record, self.captions)
            if not links:
                raise BadSample("no_link", f"{self.link} is {record.get(self.link)!r}")
            meta = records.json_of(
                record, {self.link, *self.captions, self.id, self.licence, "status", "error_message"}
            )
        except BadSample as bad:
            return Row(name, failed=bad.reason, meta=bad.detail)
        licence = records.text_of(record, self.licence)
        licence = "" if licence == NOT_STATED else licence
        return Row(name, texts=texts, uri=links[0], licence=licence, meta=meta, links=links)


def fetched_meta(row: Row, bad: BadSample | None = None) -> str:
    """Return the meta of a row whose links were fetched: its other columns, and what became of it as img2dataset
    writes it (`status`, `error_message`); where it failed also `url` and `caption`, since no sample holds them."""
    meta: dict[str, Any] = msgspec.json.decode(row.meta) if row.meta else {}
    if bad is None:
        meta |= {"status": "success", "error_message": None}
    else:
        status = "failed_to_resize" if bad.reason in NO_PICTURE else "failed_to_download"
        caption = next((text for role, text in row.texts if role == "caption"), None)
        meta |= {"url": row.uri, "caption": caption, "status": status, "error_message": str(bad)}
    return msgspec.json.encode(meta, order="sorted").decode()
