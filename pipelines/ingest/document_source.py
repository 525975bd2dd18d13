"""Which of the doors for documents a source is: pages, WARC, CNXML, PDF, or records of texts and pictures in turn."""

from __future__ import annotations

from typing import Any

from pipelines.documents.extract import need_packages
from pipelines.documents.kind import Kind
from pipelines.ingest.books import Books
from pipelines.ingest.interleaved import Interleaved, holds_interleaved, is_interleaved
from pipelines.ingest.json_records import first_record
from pipelines.ingest.pages import PAGES, Pages
from pipelines.ingest.pdfs import Pdfs
from pipelines.ingest.source import PICTURES, VIDEOS, Options, Source, extension_of, full_url, open_url
from pipelines.ingest.warcs import WARC_NAMES, Warcs

DOCUMENTS = ("pages", "warc", "cnxml", "pdf", "interleaved")
DOCUMENT_SOURCES = (Pages, Warcs, Books, Pdfs, Interleaved)
_READ_AS: dict[str, Kind] = {"pages": "html", "warc": "warc", "cnxml": "cnxml", "pdf": "pdf"}


def document_source(kind: str, where: str, options: Options) -> Source:
    """Return the source of documents of this kind; raises BadInput where what reads them is not installed."""
    root = full_url(*open_url(options.root)) if options.root else ""
    if kind in _READ_AS:
        need_packages(_READ_AS[kind])
    if kind == "pages":
        return Pages(where, root)
    if kind == "warc":
        return Warcs(where)
    if kind == "cnxml":
        return Books(where)
    if kind == "pdf":
        return Pdfs(where)
    return Interleaved(where, root, options.id_column, options.base_names)


def document_kind(fs: Any, path: str) -> str:
    """Return the kind of documents that a path holds, an empty string where it holds none, or something else first."""
    if not fs.isdir(path):
        if path.endswith(WARC_NAMES):
            return "warc"
        extension = extension_of(path)
        if extension == "parquet":
            return "interleaved" if holds_interleaved(fs, path) else ""
        if extension in ("json", "jsonl"):
            return "interleaved" if is_interleaved(first_record(fs, path)) else ""
        return {"pdf": "pdf", "cnxml": "cnxml", **dict.fromkeys(PAGES, "pages")}.get(extension, "")
    if fs.isdir(f"{path}/modules"):
        return "cnxml"
    names = [str(entry) for entry in fs.ls(path, detail=False)]
    extensions = {extension_of(name) for name in names}
    if extensions & {*PICTURES, *VIDEOS}:
        return ""
    if any(name.endswith(WARC_NAMES) for name in names):
        return "warc"
    return "pages" if extensions & {*PAGES} else "pdf" if "pdf" in extensions else ""
