"""A module of a book in CNXML, as OpenStax publishes them: every figure stands where the text has it.

Formulas are their letters and signs in order, cells of a row are parted by bars, a reference is the kind of what it
leads to; what stands in notes, examples and exercises is text like any other.
"""

from __future__ import annotations

from typing import Any

from pipelines.documents.cnxml_links import fill_references
from pipelines.documents.flow import Flow
from pipelines.documents.licences import licence_of
from pipelines.documents.pieces import CAPTION, CODE, HEADING, PARAGRAPH, Missing, Named, Pieces
from schemas.errors import BadSample

_BLOCKS = frozenset(
    (
        *("para", "item", "figure", "subfigure", "caption", "section", "note", "example", "exercise", "problem"),
        *("solution", "list", "table", "row", "title", "abstract", "equation", "definition", "meaning", "rule"),
        *("statement", "proof", "quote", "commentary", "glossary", "seealso"),
    )
)
_ROLES = {"title": HEADING, "caption": CAPTION}
_UNREAD = frozenset(("metadata", "audio", "video", "iframe", "flash", "java-applet", "labview", "object"))


def take_apart(data: bytes) -> Pieces:
    """Take a module apart; raises BadSample where it is none."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise BadSample("xml_unreadable", str(error)[:300]) from None
    if _name(root) != "document":
        raise BadSample("no_cnxml", f"its root is {_name(root)}")
    fill_references(root)
    flow = Flow()
    _walk(root, flow, PARAGRAPH)
    flow.end()
    if not flow.pieces:
        raise BadSample("nothing_in_it", "it has neither texts nor figures")
    stated = root.xpath("//*[local-name()='license']/@url")
    about = {"module": str(next(iter(root.xpath("//*[local-name()='content-id']/text()")), ""))}
    title = str(next(iter(root.xpath("/*/*[local-name()='title']/text()")), "")).strip()
    return Pieces(flow.pieces, title, licence=licence_of(stated[0]) if stated else "", about=about)


def _walk(element: Any, flow: Flow, role: str) -> None:
    name = _name(element)
    if name in _UNREAD:
        return
    inner = _role(element, role)
    if name in _BLOCKS or inner != role:
        flow.end(inner)
    elif name == "entry":
        flow.cell()
    elif name == "newline":
        flow.say("\n")
    elif name == "image":
        source = element.get("src") or ""
        picture = Missing(source, "remote") if "://" in source else Named(source)
        flow.picture(picture, element.getparent().get("alt") or element.get("alt") or "")
    flow.say(element.text)
    for child in element:
        if isinstance(child.tag, str):
            _walk(child, flow, inner)
        flow.say(child.tail)
    if name in _BLOCKS or inner != role:
        flow.end(role)


def _role(element: Any, role: str) -> str:
    """Return the role of what stands in an element; a figure's title belongs to its caption."""
    name = _name(element)
    if name == "title" and _name(element.getparent()) in ("figure", "subfigure"):
        return CAPTION
    if name == "code":
        return CODE if element.get("display") == "block" else role
    return _ROLES.get(name, role)


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
