"""CNXML, the markup of OpenStax's books, as plain text: titles, paragraphs and list items, an empty line between."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from pipelines.documents.cnxml_links import fill_references
from schemas.errors import BadSample

_BLOCKS = ("title", "para", "item")
_PASSED_OVER = ("metadata", "figure", "table", "math", "glossary")


def cnxml_text(data: bytes, name: str) -> str:
    """Return a module's text; figures, tables, formulas and the glossary are left out.

    Raises BadSample where it is no XML, or has no text.
    """
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - expat bounds what entities may grow to
    except ElementTree.ParseError as error:
        raise BadSample("xml_unreadable", f"{name}: {error}") from None
    fill_references(root)
    blocks = [text for text in (" ".join(block.split()) for block in _blocks(root)) if text]
    if not blocks:
        raise BadSample("empty_text", name)
    return "\n\n".join(blocks)


def _blocks(element: ElementTree.Element) -> Iterator[str]:
    """Yield the text of each block that holds no other block."""
    tag = _tag(element)
    if tag in _PASSED_OVER:
        return
    if tag in _BLOCKS and not any(_tag(one) in _BLOCKS for one in element.iter() if one is not element):
        yield "".join(_words(element))
        return
    for child in element:
        yield from _blocks(child)


def _words(element: ElementTree.Element) -> Iterator[str]:
    if _tag(element) not in _PASSED_OVER:
        yield element.text or ""
        for child in element:
            yield from _words(child)
            yield child.tail or ""


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1]
