"""A source's row, before it is a sample: what it says, and where its bytes are."""

from __future__ import annotations

from msgspec import Struct, json

from pipelines.documents.kind import Kind
from schemas.note import Note


class Ref(Struct, frozen=True, omit_defaults=True):
    """Bytes somewhere: a whole file, or a span of one; a compressed file's span is of what it holds.

    `stamp` is the file's size and modification time when it was listed, where the file system tells; none for a tar of
    the shelf itself, whose `url` is relative to it.
    """

    url: str
    name: str
    offset: int = 0
    size_bytes: int = 0
    stamp: str = ""


class Cell(Struct, frozen=True, omit_defaults=True):
    """A parquet file's cell that holds a picture, or a list of them: its row from 0, and its column.

    `size_bytes` is what a cell of its row group takes on the average, uncompressed. `has_gaps`: nulls in its list stand
    where a text does, and are no pictures.
    """

    url: str
    column: str
    row: int
    size_bytes: int = 0
    stamp: str = ""
    has_gaps: bool = False


class Written(Struct, frozen=True, omit_defaults=True):
    """A document that is taken apart at the door: its file or record, and what kind it is.

    `root`: the folder that none of its pictures may leave; without it they cannot lie beside the document.
    """

    ref: Ref
    kind: Kind
    root: str = ""


class Row(Struct, frozen=True, omit_defaults=True):
    """One row: `media` become pictures and videos, `texts` and `text_files` texts, `json_file` is read at the door.

    `cells` and `links` become pictures as well: bytes in parquet, and what is fetched over HTTP.

    `texts_before` says how many of the texts stand before each of the media; without it, media come first.

    `document` is taken apart into texts and pictures in their order; such a row has no others.

    `name` is the row's path or id relative to the source's root. `notes` are what only the source can know. `failed`
    is a reason why the row can be no sample, known when it was listed.
    """

    name: str
    media: tuple[Ref, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    text_files: tuple[tuple[str, Ref], ...] = ()
    json_file: Ref | None = None
    uri: str = ""
    licence: str = ""
    parent: str = ""
    meta: str = ""
    notes: tuple[Note, ...] = ()
    failed: str = ""
    cells: tuple[Cell, ...] = ()
    links: tuple[str, ...] = ()
    texts_before: tuple[int, ...] = ()
    document: Written | None = None


def to_json(row: Row) -> str:
    """Return a row as a plan holds it."""
    return json.encode(row).decode()


def in_utf8(row: Row) -> Row:
    """Return the row, or a failed one in its place where a name in it is not UTF-8: no table could hold that."""
    try:
        json.encode(row)
        return row
    except UnicodeEncodeError:
        return Row(row.name.encode("utf-8", "backslashreplace").decode(), failed="name_not_utf8")


def from_json(payload: str) -> Row:
    """Read a row back."""
    return json.decode(payload, type=Row)
