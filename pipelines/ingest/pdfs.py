"""PDF: one file, or all of a folder's in the order of their paths; each is a document."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from pipelines.ingest.pages import document_rows
from pipelines.ingest.row import Row


class Pdfs(Struct, frozen=True):
    """A PDF's row is its path below the folder."""

    url: str

    def rows(self) -> Iterator[Row]:
        """Yield a row per PDF. Raises BadInput where there is none."""
        yield from document_rows(self.url, "", ("pdf",), "pdf")
