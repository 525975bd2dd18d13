"""Documents at the door: taken apart by a guarded child, their pictures fetched from where the document says.

A picture that cannot be had is stated in the sample's meta and the document stays. Local pictures may lie anywhere
below the source's root and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Struct, structs

from pipelines.documents.extract import Extract
from pipelines.documents.kind import Kind
from pipelines.documents.pieces import Held, Missing, Named, Pieces, Words, from_json
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request
from pipelines.ingest.row import Ref, Row, Written
from pipelines.ingest.source import file_ref, open_url, resolve
from schemas.errors import BadSample
from schemas.note import Failed
from schemas.sample import Image, Sample, Source
from schemas.sniff import HEAD_BYTES, PICTURES, sniff

MOST_MIB = 512
"""What a document's pictures may take together."""
MOST_SOURCE_CHARS = 500
MOST_TOLD = 200
"""So many missing pictures are named; of more, their number is stated."""


class Whole(Struct, frozen=True):
    """A document with its pictures: texts, each picture's name and bytes, and how many texts stand before each."""

    texts: tuple[tuple[str, str], ...]
    pictures: tuple[tuple[str, bytes], ...]
    texts_before: tuple[int, ...]
    uri: str
    licence: str
    meta: str


class Documents(ExitStack):
    """The guards of documents, each opened when the first of its kind comes."""

    def __init__(self) -> None:
        super().__init__()
        self._guards: dict[Kind, Guard] = {}

    def take_apart(self, asked: Sequence[Written | BadSample]) -> Iterator[Pieces | BadSample]:
        """Yield each document in pieces, or why there are none, in order."""
        for kind, run in groupby(asked, key=lambda one: "" if isinstance(one, BadSample) else one.kind):
            if kind:
                for found in self._guard(kind).look([_request(one) for one in run if isinstance(one, Written)]):
                    yield BadSample(found.reason, found.detail) if isinstance(found, Failed) else _pieces(found.values)
            else:
                yield from (one for one in run if isinstance(one, BadSample))

    def _guard(self, kind: Any) -> Guard:
        if kind not in self._guards:
            self._guards[kind] = self.enter_context(Guard(Extract(kind)))
        return self._guards[kind]


def _request(written: Written) -> Request:
    ref = written.ref
    part = Image("", ref.size_bytes, written.kind)
    return Request(Sample("", (part,), Source("", ref.name)), ref.url, (ref.offset,))


def _pieces(values: dict[str, Any]) -> Pieces:
    return from_json(values["pieces"])


def whole(row: Row, pieces: Pieces, read: Callable[[Ref], bytes]) -> Whole:
    """Fetch the pictures of a document; raises BadSample where they are too large together."""
    texts, pictures, before, missing = [], list[tuple[str, bytes]](), list[int](), list[dict[str, Any]]()
    told = dict[str, dict[str, str]]()
    left_bytes = MOST_MIB << 20
    for piece in pieces.pieces:
        if isinstance(piece, Words):
            texts.append((piece.role, piece.text))
            continue
        found = _checked(piece, piece.data) if isinstance(piece, Held) else piece
        if isinstance(found, Named):
            found = _fetched(row, found, read)
        if isinstance(found, Missing):
            missing.append({"after_texts": len(texts), "source": found.source, "why": found.why})
            continue
        left_bytes -= len(found.data)
        if left_bytes < 0:
            raise BadSample("too_large", f"its pictures have more than {MOST_MIB} MiB together")
        if not isinstance(piece, Missing) and (about := _about(piece)):
            told[str(len(texts) + len(pictures))] = about
        pictures.append((found.source, found.data))
        before.append(len(texts))
    return Whole(
        tuple(texts),
        tuple(pictures),
        tuple(before),
        row.uri or pieces.uri,
        row.licence or pieces.licence,
        _meta(row, pieces, told, missing),
    )


def _about(piece: Held | Named) -> dict[str, str]:
    """Return what the document calls a picture that lies beside it, and where it links to."""
    named = {"source": piece.source[:MOST_SOURCE_CHARS]} if isinstance(piece, Named) else {}
    return {**named, **({"link": piece.link} if piece.link else {})}


def _fetched(row: Row, named: Named, read: Callable[[Ref], bytes]) -> Held | Missing:
    assert row.document is not None
    root, source = row.document.root, unquote(urlsplit(named.source).path)
    if not root or not source:
        return Missing(named.source, "remote" if not root else "not_there")
    folder = open_url(row.document.ref.url)[1].rsplit("/", 1)[0]
    path = f"{root}/{source.lstrip('/')}" if source.startswith("/") else f"{folder}/{source}"
    fs = open_url(row.document.ref.url)[0]
    try:
        return _checked(named, read(file_ref(fs, resolve(root, path), named.source, within=root)))
    except BadSample as bad:
        outside = bad.reason in ("path_leaves_source", "link_leaves_source")
        return Missing(named.source, "outside_source" if outside else "not_there")


def _checked(piece: Held | Named, data: bytes) -> Held | Missing:
    if not data:
        return Missing(piece.source, "empty_file")
    known = sniff(data[:HEAD_BYTES]) in PICTURES
    return Held(data, piece.source) if known else Missing(piece.source, "unknown_format")


def _meta(row: Row, pieces: Pieces, told_of: dict[str, dict[str, str]], missing: list[dict[str, Any]]) -> str:
    """Return what the source and the document say, of each picture by the place of its part too, and which pictures are
    missing, as JSON."""
    told = {
        **(msgspec.json.decode(row.meta) if row.meta else {}),
        **({"title": pieces.title} if pieces.title else {}),
        **pieces.about,
        **({"pictures": told_of} if told_of else {}),
        **({"pictures_missing": missing[:MOST_TOLD]} if missing else {}),
        **({"pictures_missing_in_all": len(missing)} if len(missing) > MOST_TOLD else {}),
    }
    return msgspec.json.encode(told, order="sorted").decode() if told else ""


def as_row(row: Row, found: Whole) -> Row:
    """Return the row with what its document says."""
    return structs.replace(
        row,
        texts=found.texts,
        texts_before=found.texts_before,
        uri=found.uri,
        licence=found.licence,
        meta=found.meta,
    )
