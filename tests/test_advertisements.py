"""Signs of advertisements and the layout of a document: what is told of each picture, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from annotators.advertisements import Advertisements
from annotators.annotator import Subject
from annotators.layout import Layout, words_in
from schemas.sample import Image, Part, Sample, Source, Text
from schemas.vocabulary.documents import AD_SIGNALS

LONG = Text("word " * 500, "paragraph")
PICTURE = Image("0" * 64, 10, "png")


def subject(*parts: Part, meta: Any = None, **notes: Any) -> Subject:
    told = json.dumps(meta) if meta is not None and not isinstance(meta, str) else meta or ""
    source = Source("d", "n", "https://www.daily.example/world/1", "", "", told)
    return Subject(Sample("0" * 32, parts, source), "m", (0,) * 9, notes, lambda url, at, size: b"")


def signals(*parts: Part, size: tuple[int, int] = (640, 480), about: Any = None) -> list[str]:
    """Return the signals of each picture; the first picture is told of."""
    layout = Layout().look(subject(*parts)).values
    pictures = sum(isinstance(part, Image) for part in parts)
    place = next(at for at, part in enumerate(parts) if isinstance(part, Image))
    meta = {"pictures": {str(place): about}} if about else None
    looked = subject(
        *parts,
        meta=meta,
        picture_width_px=[size[0]] * pictures,
        picture_height_px=[size[1]] * pictures,
        picture_words_after=layout["picture_words_after"],
    )
    found = Advertisements().look(looked).values["picture_ad_signals"]
    assert isinstance(found, list)
    return [str(one) for one in found]


@pytest.mark.parametrize(
    ("about", "found"),
    [
        ({"link": "https://ad.doubleclick.net/x"}, "ad_server other_site"),
        ({"link": "https://ads.daily.example/x"}, "ad_server"),
        ({"link": "https://ad.nl/nieuws"}, "other_site"),
        ({"link": "https://shop.example/?utm_source=daily&x="}, "tracked_link other_site"),
        ({"link": "https://daily.example/big.png?gclid="}, "tracked_link"),
        ({"link": "https://static.daily.example/big.png"}, ""),
        ({"link": "/world/big.png"}, ""),
        ({"link": "https://[bad"}, ""),
        ({"source": "img/banner_3.png"}, "ad_name"),
        ({"source": "https://x.example/ads/7.png?a=b"}, "ad_name"),
        ({"source": "img/shadow.png"}, ""),
        ({"source": "img/road-sponge.png"}, ""),
        ({"source": 3, "link": None}, ""),
    ],
)
def test_where_a_picture_links_to_and_what_it_is_called(about: dict[str, Any], found: str) -> None:
    assert signals(PICTURE, LONG, about=about) == [found]


@pytest.mark.parametrize(
    ("text", "role", "is_ad"),
    [
        ("Advertisement", "paragraph", True),
        ("- ANZEIGE -", "caption", True),
        ("Sponsored by Acme", "alt", True),
        ("Scan the QR code to order", "caption", True),
        ("广告", "caption", True),
        ("An advertisement of 1890 for soap", "caption", False),
        ("The first ads in newspapers", "paragraph", False),
        ("A sponsored child at school", "caption", False),
    ],
)
def test_what_stands_beside_a_picture(text: str, role: str, is_ad: bool) -> None:
    beside = Text(text, role)
    parts = (beside, PICTURE, LONG) if role == "paragraph" else (PICTURE, beside, LONG)
    assert signals(*parts) == ["ad_words" if is_ad else ""]


def test_the_words_under_one_picture_are_not_those_of_the_next() -> None:
    under = Text("Advertisement", "caption")
    assert signals(PICTURE, Text("A banner", "alt"), under, PICTURE, LONG) == ["ad_words", ""]


def test_a_size_that_is_sold_is_one_and_no_other() -> None:
    assert signals(PICTURE, LONG, size=(728, 90)) == ["ad_size"] and signals(PICTURE, LONG, size=(90, 728)) == [""]


def test_the_end_is_where_few_words_of_many_follow() -> None:
    tail = Text("word " * 40, "paragraph")
    assert signals(PICTURE, LONG, PICTURE, tail) == ["", "at_end"]
    assert signals(PICTURE, Text("word " * 399, "paragraph"), PICTURE) == ["", ""]
    assert signals(LONG, PICTURE, Text("more " * 99, "alt")) == ["at_end"]


@pytest.mark.parametrize("meta", ["", "{", "[]", '{"pictures": 3}', '{"pictures": {"0": "x"}}'])
def test_whatever_the_sources_own_json_is_a_picture_is_judged(meta: str) -> None:
    notes = {"picture_width_px": [1], "picture_height_px": [1], "picture_words_after": [0]}
    assert Advertisements().look(subject(PICTURE, meta=meta, **notes)).values == {"picture_ad_signals": [""]}


def test_signals_come_surest_first() -> None:
    about = {"link": "https://ads.shop.example/?utm_source=1", "source": "banner.png"}
    assert signals(LONG, PICTURE, Text("Sponsored", "caption"), size=(300, 250), about=about) == [" ".join(AD_SIGNALS)]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("a red-brick house, 1890", 5), ("犬が走る", 4), ("red 犬 dog", 3), ("C'est  là\n!", 3), ("ไทย", 3)],
)
def test_words_are_runs_of_letters_or_single_letters_of_scripts_without_spaces(text: str, words: int) -> None:
    assert words_in(text) == words


def test_words_behind_a_picture_are_those_that_are_read() -> None:
    parts = (Text("a b", "heading"), PICTURE, Text("alt text here", "alt"), Text("c", "caption"), PICTURE, Text("d e"))
    assert Layout().look(subject(*parts)).values == {"text_words": [2, 3, 1, 2], "picture_words_after": [3, 2]}
