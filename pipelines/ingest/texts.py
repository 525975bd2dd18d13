"""Texts: long ones without pictures, in files of their own or as records of a jsonl, csv or parquet file.

A record's text lies in the plan, as its caption would; a file's is read at the door.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from pipelines.ingest.asked import said
from pipelines.ingest.cnxml import cnxml_text
from pipelines.ingest.records import (
    ID_COLUMNS,
    LICENCE_COLUMNS,
    RECORD_FILES,
    URL_COLUMNS,
    choose,
    json_of,
    line_name,
    text_of,
    with_names,
)
from pipelines.ingest.row import Row
from pipelines.ingest.source import extension_of, file_ref, need, open_url
from schemas.errors import BadSample

TEXT_COLUMNS = ("text", "content", "raw_content", "document")
TEXT_FILES = ("txt", "md", "cnxml")
ROLE = "text"


class Texts(Struct, frozen=True):
    """A file, or all of a folder's in the order of their paths: txt, md and cnxml are a row each, records one a line.

    A row is its path below the folder; of records it is their id, or the line, behind the path in a folder.
    """

    url: str
    text_column: str = ""
    id_column: str = ""

    def rows(self) -> Iterator[Row]:
        """Yield a row per text. Raises BadInput where there is none, or no column of texts."""
        fs, path = open_url(self.url)
        if not fs.isdir(path):
            yield from self._of_file(fs, path, path.rsplit("/", 1)[0], "")
            return
        known = (*TEXT_FILES, *RECORD_FILES)
        found = sorted(str(one) for one in fs.find(path) if extension_of(str(one)) in known)
        need(found, "no texts in this folder", self.url, f"it should hold {', '.join(known)}")
        for one in found:
            yield from self._of_file(fs, one, path, f"{one[len(path) :].lstrip('/')}/")

    def _of_file(self, fs: Any, path: str, root: str, prefix: str) -> Iterator[Row]:
        kind, name = extension_of(path), path[len(root) :].lstrip("/")
        if kind in RECORD_FILES:
            yield from self._of_records(fs, path, prefix)
            return
        need(kind in TEXT_FILES, f"no text ({kind or 'no extension'})", path, f"give {', '.join(TEXT_FILES)}")
        try:
            ref = file_ref(fs, path, name, within=root)
            if not ref.size_bytes:
                raise BadSample("empty_file", f"{name} has no bytes")
            if kind == "cnxml":
                yield Row(name, texts=((ROLE, cnxml_text(fs.cat_file(path), name)),))
            else:
                yield Row(name, text_files=((ROLE, ref),))
        except BadSample as bad:
            yield Row(name, failed=bad.reason, meta=bad.detail)

    def _of_records(self, fs: Any, path: str, prefix: str) -> Iterator[Row]:
        names, found = with_names(fs, path)
        text = choose(self.text_column, TEXT_COLUMNS, names, path)
        need(text, "no column of texts", path, f"the columns are {', '.join(names)}; name it by --caption-column")
        columns = [choose("", known, names, path) for known in (URL_COLUMNS, LICENCE_COLUMNS)]
        named_id = choose(self.id_column, ID_COLUMNS, names, path)
        for number, record in enumerate(found):
            if isinstance(record, BadSample):
                yield Row(prefix + line_name(number), failed=record.reason)
            elif not isinstance(record, Mapping):
                yield Row(prefix + line_name(number), failed="not_a_record")
            else:
                yield _row(prefix + (text_of(record, named_id) or line_name(number)), text, named_id, columns, record)


def _row(name: str, column: str, named_id: str, columns: list[str], record: Mapping[str, Any]) -> Row:
    url, licence = columns
    try:
        if None in record:
            raise BadSample("too_many_columns", "the row has more columns than the header")
        text = said(record.get(column), column)
        if not text.strip():
            raise BadSample("empty_text", column)
        meta = json_of(record, {column, named_id, url, licence})
    except BadSample as bad:
        return Row(name, failed=bad.reason, meta=bad.detail)
    return Row(name, texts=((ROLE, text),), uri=text_of(record, url), licence=text_of(record, licence), meta=meta)
