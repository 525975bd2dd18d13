"""A page in a WARC's record: what the server sent, its transfer and content codings undone, and its own charset."""

from __future__ import annotations

import io

from msgspec import structs

from pipelines.documents import html_page
from pipelines.documents.pieces import Pieces
from schemas.errors import BadSample


def take_apart(record: bytes) -> Pieces:
    """Take the page of a response record apart; raises BadSample where it is none, or cut."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    try:
        [found] = list(_first(ArchiveIterator(io.BytesIO(record))))
    except (ArchiveLoadFailed, ValueError, EOFError) as error:
        raise BadSample("warc_record_unreadable", str(error)[:300]) from None
    data, content_type, uri, date = found
    charset = content_type.lower().partition("charset=")[2].split(";")[0].strip(" \"'")
    pieces = html_page.take_apart(data, told_charset=charset, uri=uri)
    return structs.replace(pieces, about={**pieces.about, **({"fetched": date} if date else {})})


def _first(records: object) -> list[tuple[bytes, str, str, str]]:
    for record in records:  # type: ignore[attr-defined]
        headers = record.rec_headers
        stated = int(headers.get_header("Content-Length") or 0)
        data = record.content_stream().read()
        if record.raw_stream.limit:
            raise BadSample("warc_cut", f"{record.raw_stream.limit} of {stated} bytes are missing")
        content_type = record.http_headers.get_header("Content-Type", "") if record.http_headers else ""
        uri = headers.get_header("WARC-Target-URI") or ""
        return [(data, content_type, uri.strip("<>"), headers.get_header("WARC-Date") or "")]
    raise BadSample("warc_record_unreadable", "there is no record")
