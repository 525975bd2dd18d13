"""HTML pages: the article that readability finds, walked in the order of its text, each picture where it stands.

readability-lxml chooses the part of the page that is read and leaves navigation, advertisements and comments; what it
leaves is a tree, so pictures, captions and headings keep their places. Extractors that give text alone lose them
(trafilatura has them, but a median F1 of 0.96 and a worst of 0.29 on the pages of `bench/documents.py`, where this has
0.99 and 0.54). Pictures are numbered before it is asked, since it takes an address for what it is not. A page in which
it finds nothing is read whole.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes, urljoin

from pipelines.documents.captions import captioned
from pipelines.documents.charset import decoded
from pipelines.documents.flow import Flow
from pipelines.documents.licences import licence_of
from pipelines.documents.lost_pictures import with_pictures
from pipelines.documents.pieces import CAPTION, CODE, HEADING, PARAGRAPH, Held, Missing, Named, Piece, Pieces, Words
from schemas.errors import BadSample

ROLES = {**dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6", "dt"), HEADING), "figcaption": CAPTION, "pre": CODE}
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl"),
        *("fieldset", "figure", "footer", "header", "hgroup", "hr", "li", "main", "nav", "ol", "p", "section"),
        *("summary", "table", "tbody", "tfoot", "thead", "tr", "ul", *ROLES),
    )
)
_UNREAD = frozenset(
    (
        *("script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "button", "input", "select"),
        *("textarea", "head", "audio", "video", "canvas", "map"),
    )
)
_MOST_LINK_CHARS = 500
_SOURCES = ("data-src", "data-original", "data-lazy-src", "data-original-src", "src")
_NO_TEXT, _MOST_NO_TEXT, _LOOKED_AT = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufffd]"), 0.02, 100_000
"""What no text holds much of, in its first letters; a page with more is some other file."""
_NUMBERED = re.compile(r"^picture-(\d+)\.png$")
_NAVIGATION = re.compile(
    r"(?:^|[\s_-])(?:nav|nav-?(?:bar|header|footer|links)|navigation|breadcrumbs?|pager)(?:$|[\s_-])", re.I
)
_FEW_CHARS, _MOSTLY_LINKS = 200, 0.5
"""What is called navigation is that where it has no more characters than these, or where so much of it is links."""
_LEAST_SHARE, _FEW_LINKS = 0.4, 0.25
"""An article with less than this share of a page's words, on a page where few words are links, is a piece of a text: a
page of a manual is read whole."""


def take_apart(data: bytes, *, told_charset: str = "", uri: str = "") -> Pieces:
    """Take a page apart; raises BadSample where nothing is written on it."""
    from lxml import etree

    text, charset = decoded(data, told_charset)
    if len(_NO_TEXT.findall(text[:_LOOKED_AT])) > _MOST_NO_TEXT * min(len(text), _LOOKED_AT):
        raise BadSample("no_html", "its bytes are no text")
    root = _tree(text)
    if root is None or not len(root):
        raise BadSample("no_html", "it holds no element")
    pictures = _number(root, _base(root, uri))
    title = " ".join("".join(root.xpath("//head/title[1]//text()")).split())
    about = {"charset": charset}
    if language := root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang"):
        about["language"] = language
    pieces = _walk(_article(etree.tostring(root, encoding="unicode", method="html")), pictures)
    whole = _walk(_body(root), pictures)
    linked = sum(len(_inline("".join(link.itertext()))) for link in root.iter("a"))
    alone = _walk(_without_navigation(root), pictures)
    if not pieces or (_words(pieces) < _LEAST_SHARE * _words(whole) and linked < _FEW_LINKS * _words(whole)):
        pieces = alone or whole
    else:
        pieces = with_pictures(pieces, alone)
    pieces = captioned(pieces)
    if not pieces and (frames := root.xpath("//frameset|//frame|//iframe")):
        raise BadSample("frames_alone", f"{len(frames)} frames and no text; a frame's own page is a row of its own")
    if not pieces:
        raise BadSample("nothing_in_it", "there is neither text nor picture on it")
    licences = [licence_of(link) for link in root.xpath("//*[@rel='license']/@href")]
    return Pieces(pieces, title, uri or _first(root.xpath("//link[@rel='canonical']/@href")), _first(licences), about)


def _tree(text: str) -> Any:
    """Parse a page as browsers would; what is no character in XML is left out, since lxml refuses it."""
    from lxml import etree, html

    clean = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", text)
    try:
        return html.document_fromstring(clean.encode(), parser=html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, ValueError):
        return None


def _base(root: Any, uri: str) -> str:
    stated = _first(root.xpath("//head/base/@href"))
    return urljoin(uri, stated) if stated else uri


def _first(found: list[str]) -> str:
    return next((str(one) for one in found if one), "")


def _number(root: Any, base: str) -> list[tuple[Piece, str]]:
    """Give each picture a number for its address; return what each number stands for, and its alternative text."""
    found: list[tuple[Piece, str]] = []
    for element in list(root.iter("img", "image")):
        piece, alt = _picture(element, base, _link(element, base)), element.get("alt") or ""
        tail, parent = element.tail, element.getparent()
        element.clear()
        element.tail = tail
        element.tag = "img"
        if piece is None:
            if parent is not None and parent.tag == "svg":
                continue
            element.tag = "span"
            continue
        element.set("src", f"picture-{len(found)}.png")
        found.append((piece, alt))
    return found


def _link(element: Any, base: str) -> str:
    """Return where a picture links to: the target of the link that it stands in, where that is an address."""
    target = next((str(one.get("href") or "").strip() for one in element.iterancestors("a")), "")
    if not target or target.startswith("#"):
        return ""
    full = _joined(base, target)
    return "" if re.match(r"(?!https?:)[a-zA-Z][a-zA-Z0-9+.-]*:", full) else full[:_MOST_LINK_CHARS]


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address) if base else address
    except ValueError:
        return address


def _picture(element: Any, base: str, link: str) -> Piece | None:
    """Return a picture by the address that its element gives; what is filled in later stands in other attributes."""
    named = [source.strip() for name in _SOURCES if (source := element.get(name)) and source.strip()]
    from_set = (element.get("srcset") or element.get("data-srcset") or "").split()
    if from_set and (not named or (named == [element.get("src")] and _is_stand_in(named[0]))):
        named.insert(0, from_set[0].rstrip(","))
    if not named:
        return None
    return _of_data(named[0], link) if named[0][:5].lower() == "data:" else _of_address(named[0], base, link)


def _is_stand_in(source: str) -> bool:
    """Say whether an address is of the small blank that stands where a picture will be."""
    return source[:5].lower() == "data:" and len(source) < 300


def _of_data(source: str, link: str) -> Piece:
    head, comma, body = source.partition(",")
    short = f"{head[:60]},..."
    if not comma:
        return Missing(source[:60], "bad_data_uri")
    raw = unquote_to_bytes(body)
    try:
        data = base64.b64decode(re.sub(rb"\s", b"", raw) + b"==") if head.lower().endswith(";base64") else raw
    except binascii.Error:
        return Missing(short, "bad_data_uri")
    return Held(data, short, link)


def _of_address(source: str, base: str, link: str) -> Piece:
    full = _joined(base, source)
    remote = full.startswith("//") or re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", full)
    return Missing(full[:2000], "remote") if remote else Named(full, link)


def _article(page: str) -> Any:
    """Return the tree of the article that readability finds, None where it finds none."""
    from readability import Document
    from readability.readability import Unparseable

    try:
        summary = Document(page).summary(html_partial=True)
    except (Unparseable, ValueError, IndexError, TypeError, AttributeError):
        return None
    return _tree(summary) if summary.strip() else None


def _body(root: Any) -> Any:
    """Return the page without what stands around its text by the names of its elements."""
    for element in list(root.iter("nav", "aside", "footer", "header")):
        if element.tag in ("nav", "aside") or element.getparent() is root.find("body"):
            element.drop_tree()
    return root


def _without_navigation(root: Any) -> Any:
    """Return the page without what says by class or summary that it leads to other pages."""
    for element in list(root.iter("div", "table", "ul", "ol", "p")):
        if element.getparent() is not None and _is_navigation(element):
            element.drop_tree()
    return root


def _is_navigation(element: Any) -> bool:
    """Say whether an element is named as navigation and holds little else than links."""
    named = " ".join(element.get(name) or "" for name in ("class", "id", "role", "summary"))
    if not _NAVIGATION.search(named):
        return False
    linked = sum(len(_inline("".join(link.itertext())).strip()) for link in element.iter("a"))
    words = len(_inline("".join(element.itertext())).strip())
    return words <= _FEW_CHARS or linked >= _MOSTLY_LINKS * words


def _walk(tree: Any, pictures: list[tuple[Piece, str]]) -> list[Piece]:
    """Return the pieces of a tree, its pictures by their numbers."""
    if tree is None:
        return []
    flow = Flow()
    for event, element, roles in _events(tree):
        name = element.tag
        if event == "start":
            if name in _BLOCKS:
                flow.end(roles)
            elif name in ("td", "th"):
                flow.cell()
            elif name == "br":
                flow.say("\n")
            elif name == "img" and (number := _NUMBERED.match(element.get("src") or "")):
                flow.picture(*pictures[int(number[1])])
            flow.say(element.text if name == "pre" or roles == CODE else _inline(element.text))
        else:
            if name in _BLOCKS:
                flow.end(roles)
            flow.say(element.tail if roles == CODE else _inline(element.tail))
    flow.end()
    return flow.pieces


def _events(tree: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield where elements begin and end, what is not read left out, with the role of the words that follow."""
    from lxml import etree

    roles = [PARAGRAPH]
    walk = etree.iterwalk(tree, events=("start", "end", "comment", "pi"))
    skipped = None
    for event, element in walk:
        if event in ("comment", "pi"):
            if skipped is None:
                yield "end", element, roles[-1]
        elif event == "start":
            if element.tag in _UNREAD:
                skipped = element
                walk.skip_subtree()
                continue
            roles.append(ROLES.get(element.tag, roles[-1]))
            yield "start", element, roles[-1]
        elif element is skipped:
            skipped = None
            yield "end", element, roles[-1]
        else:
            roles.pop()
            yield "end", element, roles[-1]


def _inline(text: str | None) -> str:
    return " ".join(re.split(r"\s+", text)) if text else ""


def _words(pieces: list[Piece]) -> int:
    return sum(len(piece.text) for piece in pieces if isinstance(piece, Words))
