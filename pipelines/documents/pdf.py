"""A PDF as texts in the order of reading and the pictures that lie in it, each at its place.

pdfium reads it (pypdfium2: BSD and Apache, one wheel); what is written in Python alone takes many times as long for a
page, and docling needs models. It is read a page at a time: what is held are the texts and the pictures' own bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

from pipelines.documents.captions import captioned
from pipelines.documents.furniture import Furniture
from pipelines.documents.pdf_pictures import Placed, among, pictures_of
from pipelines.documents.pdf_text import Block, blocks_of, lines_of
from pipelines.documents.pieces import EMBEDDED_MIB, HEADING, PARAGRAPH, Held, Piece, Pieces, Words
from schemas.errors import BadSample

_SCAN_CHARS = 10
"""A page with fewer letters than this, on the average, is a scan: a stamp or a page number over a picture."""
_HEADING_CHARS, _LARGER = 200, 1.15
_LEAST_READABLE = 0.7
_PASSWORD, _SECURITY = 4, 5


class _Page(NamedTuple):
    height: float
    blocks: list[Block]
    content: list[Block | Placed]


def take_apart(data: bytes) -> Pieces:
    """Take a PDF apart; raises BadSample where it is encrypted, damaged, or has pictures of pages alone."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (_PASSWORD, _SECURITY):
            raise BadSample("pdf_encrypted", str(error)) from None
        raise BadSample("pdf_damaged", str(error)) from None
    with closing(document):
        if not len(document):
            raise BadSample("pdf_damaged", "it has no pages")
        unread: list[int] = []
        pages = list(_pages(document, unread))
        title = str(document.get_metadata_dict().get("Title", "")).strip()
        about: dict[str, Any] = {"pages": len(document)}
    if not pages:
        raise BadSample("pdf_damaged", f"none of its {len(unread)} pages can be read")
    if unread:
        about["pages_unread"] = unread
    _need_text(pages)
    return Pieces(captioned(list(_pieces(pages))), title, about=about)


def _pages(document: Any, unread: list[int]) -> Iterator[_Page]:
    """Yield the pages; `unread` takes the numbers of those that cannot be read."""
    from pypdfium2 import PdfiumError

    held_bytes = 0
    for number in range(1, len(document) + 1):
        try:
            with closing(document[number - 1]) as page, closing(page.get_textpage()) as text_page:
                blocks = [block for block in blocks_of(lines_of(text_page)) if block.text]
                pictures = list(pictures_of(page, number))
                height = page.get_height()
        except PdfiumError:
            unread.append(number)
            continue
        held_bytes += sum(len(one.piece.data) for one in pictures if isinstance(one.piece, Held))
        if held_bytes > EMBEDDED_MIB << 20:
            raise BadSample("too_large", f"its pictures up to page {number} have more than {EMBEDDED_MIB} MiB")
        yield _Page(height, blocks, among(pictures, blocks))


def _need_text(pages: list[_Page]) -> None:
    """Raise BadSample unless there is text enough, of letters that mean something."""
    texts = [block.text for page in pages for block in page.blocks]
    letters = sum(len(text.replace(" ", "")) for text in texts)
    pictures = sum(isinstance(one, Placed) for page in pages for one in page.content)
    if letters < _SCAN_CHARS * len(pages) and pictures:
        raise BadSample("pdf_scans_alone", f"{len(pages)} pages, {pictures} pictures, {letters} letters")
    if not letters:
        raise BadSample("nothing_in_it", f"{len(pages)} pages with neither text nor picture")
    readable = sum(not (0xE000 <= ord(c) < 0xF900 or ord(c) == 0xFFFD) for text in texts for c in text if c != " ")
    if readable < _LEAST_READABLE * letters:
        raise BadSample("pdf_letters_unknown", f"{letters - readable} of {letters} letters are of no known character")


def _pieces(pages: list[_Page]) -> Iterator[Piece]:
    furniture = Furniture((page.height, page.blocks) for page in pages)
    sizes = Counter[float]()
    for page in pages:
        for block in page.blocks:
            sizes[round(2 * block.size) / 2] += len(block.text)
    body = sizes.most_common(1)[0][0]
    for page in pages:
        for one in page.content:
            if isinstance(one, Placed):
                yield one.piece
            elif not furniture.has(one, page.height):
                yield Words(one.text, HEADING if _is_heading(one, body) else PARAGRAPH)


def _is_heading(block: Block, body: float) -> bool:
    if len(block.text) > _HEADING_CHARS or block.text.endswith((".", ",", ";")):
        return False
    return block.size >= _LARGER * body or (block.is_bold and block.size >= 0.95 * body)
