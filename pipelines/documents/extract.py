"""Extract: a document taken apart, made an annotator so that the guard can hold it.

A page that hangs a parser, a PDF that bloats or crashes it, is then one failed row, and the shard goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import ClassVar

from annotators.annotator import Annotator, Needs, Subject
from pipelines.documents import cnxml, html_page, pdf, warc_page
from pipelines.documents.kind import Kind
from pipelines.documents.pieces import Pieces, to_json
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.sample import Image
from schemas.vocabulary import Name

_TAKE_APART: dict[str, Callable[[bytes], Pieces]] = {
    "html": html_page.take_apart,
    "warc": warc_page.take_apart,
    "cnxml": cnxml.take_apart,
    "pdf": pdf.take_apart,
}
_PACKAGES = {
    "html": ("lxml", "readability", "chardet"),
    "warc": ("lxml", "readability", "chardet", "warcio"),
    "cnxml": ("lxml",),
    "pdf": ("pypdfium2",),
}
_LIMITS_S = {"html": 60.0, "warc": 60.0, "cnxml": 60.0, "pdf": 300.0}
MOST_MIB = 512
"""How large a document's file may be."""


class Extract(Annotator, frozen=True):
    """Takes documents of one kind apart; the sample that it is asked about is the document's file as a part."""

    kind: Kind
    writes: ClassVar = (Name("pieces", "string", "", "the document in pieces, as JSON"),)

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=_LIMITS_S[self.kind], memory_mib=2048)

    def look(self, subject: Subject) -> Noted:
        [(_, part)] = subject.sample.media()
        if part.size_bytes > MOST_MIB << 20:
            raise BadSample("too_large", f"the document has {part.size_bytes} bytes, more than {MOST_MIB} MiB")
        assert isinstance(part, Image)
        return Noted({"pieces": to_json(_TAKE_APART[self.kind](subject.head(part.size_bytes, part)))})


def need_packages(kind: Kind) -> None:
    """Raise BadInput where a package that takes such documents apart is not installed."""
    if missing := [name for name in _PACKAGES[kind] if find_spec(name) is None]:
        raise BadInput(
            f"such documents are read with {', '.join(missing)}, not installed",
            remedy="pip install 'ostraka[documents]'",
        )
