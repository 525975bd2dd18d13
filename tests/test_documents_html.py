"""Pages taken apart: the article as readers see it, pictures at their places, and what is wrong with real pages."""

from __future__ import annotations

import base64
import re
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from pipelines.documents.charset import decoded
from pipelines.documents.html_page import take_apart
from pipelines.documents.licences import licence_of
from pipelines.documents.pieces import Held, Missing, Named, Piece, Words
from schemas.errors import BadSample

LONG = "Of the town's three harbours the oldest lies under the castle, and boats have been built there since. " * 4
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def pieces(html: str | bytes, **more: str) -> list[Piece]:
    return take_apart(html.encode() if isinstance(html, str) else html, **more).pieces


def shape(found: list[Piece]) -> list[str]:
    return [one.role if isinstance(one, Words) else type(one).__name__ for one in found]


def said(found: list[Piece]) -> str:
    return " ".join(one.text for one in found if isinstance(one, Words) and one.role != "alt")


def f1(found: str, wanted: str) -> float:
    ours, theirs = (Counter(re.findall(r"\w+", text.casefold())) for text in (found, wanted))
    return 2 * sum((ours & theirs).values()) / (ours.total() + theirs.total())


@pytest.fixture(scope="module")
def real(data: Path) -> dict[str, tuple[list[Piece], Any]]:
    """Each real page in pieces, and the article that readers see of it."""
    from lxml import html

    folder = data / "interleaved" / "readability_pages"
    return {
        page.name: (
            pieces((page / "source.html").read_bytes()),
            html.fromstring((page / "expected.html").read_bytes().decode()),
        )
        for page in sorted(folder.iterdir())
    }


def test_a_manuals_page_that_is_read_whole_is_read_without_its_navigation(data: Path) -> None:
    told = {
        path.stem: pieces(path.read_bytes()) for path in (data / "interleaved/gimp_manual_en/help/en").glob("*.html")
    }
    alts = {name for name, found in told.items() for one in found if isinstance(one, Words) and one.text == "Prev"}
    assert (
        len(told) > 50 and alts == set() and not any("Report a bug in GIMP" in said(found) for found in told.values())
    )
    called = f'<body><div class="nav"><p>{LONG}</p></div></body>'
    assert said(pieces(called)) == LONG.strip(), "what is only called so and is no list of links stays"


def test_the_articles_of_real_pages_are_those_that_readers_see(real: dict[str, tuple[list[Piece], Any]]) -> None:
    scores = {name: f1(said(found), " ".join(seen.itertext())) for name, (found, seen) in real.items()}
    assert len(scores) == 36
    assert median(scores.values()) >= 0.97, scores
    assert sum(score < 0.84 for score in scores.values()) <= 2, scores


def test_pictures_of_real_pages_stand_in_the_article(real: dict[str, tuple[list[Piece], Any]]) -> None:
    there = wanted = 0
    for found, seen in real.values():
        shown = len(seen.xpath(".//img"))
        there += min(shown, sum(not isinstance(one, Words) for one in found))
        wanted += shown
    assert wanted == 287 and there >= 0.93 * wanted


def test_texts_and_pictures_stand_in_their_order_and_have_their_roles() -> None:
    page = f"""<html><head><title>A  town</title></head><body><article><h1>Harbours of the town</h1><p>{LONG}</p>
    <figure><img src="a/one.jpg" alt="A quay"><figcaption>The oldest of them, seen from the sea.</figcaption></figure>
    <p>{LONG}<img src="two.png"> And more after it.</p><h2>Boats that were built there</h2>
    <ul><li>{LONG}</li><li>Second {LONG}</li></ul><pre>a  =  1\n  b</pre>
    <table><tr><td>Boats</td><td>{LONG}</td></tr><tr><td>Crews</td><td>{LONG}</td></tr></table></article></body></html>"""
    found = take_apart(page.encode())
    assert found.title == "A town"
    roles = shape(found.pieces)
    picture, second = roles.index("Named"), roles.index("Named", roles.index("Named") + 1)
    assert roles[picture - 1 : picture + 4] == ["paragraph", "Named", "alt", "caption", "paragraph"]
    assert roles[second : second + 3] == ["Named", "paragraph", "heading"]
    assert [one.source for one in found.pieces if isinstance(one, Named)] == ["a/one.jpg", "two.png"]
    assert Words("a  =  1\n  b", "code") in found.pieces
    assert Words(f"Boats | {LONG.strip()}") in found.pieces


def test_a_figure_without_words_is_not_lost_between_two_paragraphs() -> None:
    page = f"""<body><div id="content"><p>One. {LONG}</p><div class="w"><div><img src="a.png"></div></div>
    <p>Two. {LONG}</p></div><div class="footer"><img src="logo.png"><a href="/">Home</a></div></body>"""
    found = pieces(page)
    assert [one.source for one in found if isinstance(one, Named)] == ["a.png"]
    assert shape(found) == ["paragraph", "Named", "paragraph"]


@pytest.mark.parametrize(
    ("tag", "piece"),
    [
        ('<img src="https://a.b/c.jpg">', Missing("https://a.b/c.jpg", "remote")),
        ('<img src="//a.b/c.jpg">', Missing("//a.b/c.jpg", "remote")),
        ('<img src="x.gif" data-src="b%20c.jpg">', Named("b%20c.jpg")),
        ('<img srcset="small.jpg 1x, large.jpg 2x">', Named("small.jpg")),
        (f'<img src="data:image/gif;base64,{base64.b64encode(GIF).decode()}">', Held(GIF, "data:image/gif;base64,...")),
        ('<img src="data:image/gif;base64">', Missing("data:image/gif;base64", "bad_data_uri")),
        ('<svg><image href="a.png"/><text>words in a drawing</text></svg>', None),
        ("<img>", None),
    ],
)
def test_a_picture_is_where_its_address_says(tag: str, piece: Piece | None) -> None:
    found = pieces(f"<body><p>{LONG}</p><p>{LONG}{tag}</p><p>{LONG}</p></body>")
    assert [one for one in found if not isinstance(one, Words)] == ([piece] if piece else [])
    assert "drawing" not in said(found)


@pytest.mark.parametrize("cut", [40, 60, 300, 700])
def test_a_broken_page_gives_what_is_there(cut: int) -> None:
    page = f"<html><body><p>{LONG}<b><i></p><div><table><td>{LONG}<p></div></span></b><script>if (a<b) {{"[:cut]
    assert "town" in said(pieces(page))


def test_deep_nesting_and_control_characters_are_no_end_of_it() -> None:
    deep = "<div>" * 5000 + f"<p>{LONG}\0\x0b\ufffe</p>" + "</div>" * 5000
    assert LONG.split()[3] in said(pieces(f"<body><p>{LONG}</p>{deep}</body>"))


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("", "no_html"),
        ("%PDF-1.4 " + "\x01\x9c\x80abc\x05" * 99, "no_html"),
        ("<frameset><frame src=a.html><frame src=b.html></frameset>", "frames_alone"),
        ("<body><iframe src=a.html></iframe></body>", "frames_alone"),
        ("<body><script>var a = 1</script><svg><text>x</text></svg></body>", "nothing_in_it"),
    ],
)
def test_a_page_on_which_nothing_is_written_is_no_document(page: str, reason: str) -> None:
    with pytest.raises(BadSample) as bad:
        pieces(page)
    assert bad.value.reason == reason


RUSSIAN, JAPANESE, ARABIC = (
    "Старая гавань лежит под замком. " * 9,
    "古い港は城の下にあり、船は昔からそこで造られてきました。町の人々は毎朝市場で魚を買います。",
    "الميناء القديم تحت القلعة. " * 9,
)


@pytest.mark.parametrize(
    ("text", "encoding", "declared", "told"),
    [
        (RUSSIAN, "cp1251", "windows-1251", ""),
        (RUSSIAN, "utf-8", "iso-8859-1", ""),
        ("A naïve café by the sea. " * 9, "utf-8", "iso-8859-1", ""),
        (RUSSIAN, "cp1251", "utf-8", ""),
        (RUSSIAN, "koi8-r", "no-such-charset", "koi8-r"),
        (JAPANESE, "shift_jis", "utf-8", ""),
        (JAPANESE, "euc_jp", "euc-jp", ""),
        (ARABIC, "cp1256", "windows-1256", ""),
        (ARABIC, "utf-16", "utf-8", ""),
        ("“Harbour” – naïve " * 9, "cp1252", "iso-8859-1", ""),
        ("“Harbour” – naïve " * 9, "cp1252", "us-ascii", "rot13"),
    ],
)
def test_characters_are_read_as_what_they_are_whatever_is_declared(
    text: str, encoding: str, declared: str, told: str
) -> None:
    page = f'<html><meta charset="{declared}"><body><p>{text}</p></body></html>'.encode(encoding)
    assert decoded(page, told)[0].find(text) > 0
    assert text.split()[0] in said(pieces(page, told_charset=told))


def test_text_from_right_to_left_keeps_its_order_and_its_pictures() -> None:
    found = pieces(f'<html dir="rtl" lang="ar"><body><p>{ARABIC}</p><p>{ARABIC}<img src="a.png"></p></body></html>')
    assert shape(found) == ["paragraph", "paragraph", "Named"]
    assert said(found).startswith("الميناء القديم تحت القلعة.")


@pytest.mark.parametrize(
    ("url", "licence"),
    [
        ("http://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by-sa/3.0/deed.de", "CC-BY-SA-3.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://example.org/licence", ""),
    ],
)
def test_a_licence_has_its_name(url: str, licence: str) -> None:
    assert licence_of(url) == licence
