"""Where pictures of pages link to: kept at the door by the place of the part, a sign of advertisements."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotators.advertisements import Advertisements
from annotators.layout import Layout
from annotators.pictures import Pictures
from filters.document_pictures import NoAdvertisements
from pipelines.documents.html_page import take_apart
from pipelines.documents.pieces import Words
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.query.sql import run_query
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf

LONG = "Of the town's three harbours the oldest lies under the castle, and boats have been built there since. " * 4


def link(tag: str, uri: str = "https://daily.example/a/b.html") -> str:
    found = take_apart(f"<body><p>{LONG}</p><p>{LONG}{tag}</p><p>{LONG}</p></body>".encode(), uri=uri).pieces
    [picture] = [one for one in found if not isinstance(one, Words)]
    return getattr(picture, "link", "")


@pytest.mark.parametrize(
    ("tag", "target"),
    [
        ('<a href="https://shop.example/?utm_source=1&amp;b=2"><img src="data:,x"></a>', "https://shop.example/?utm_source=1&b=2"),
        ('<a href=" /big.png "><span><img src="data:,x"></span></a>', "https://daily.example/big.png"),
        ('<a href="c.html"><b>words</b></a><img src="data:,x">', ""),
        ('<a href="#top"><img src="data:,x"></a>', ""),
        ('<a href="javascript:void(0)"><img src="data:,x"></a>', ""),
        ('<a href="mailto:a@b.c"><img src="data:,x"></a>', ""),
        ('<a href="https://[bad"><img src="data:,x"></a>', "https://[bad"),
        ('<a name="here"><img src="data:,x"></a>', ""),
        ('<img src="data:,x">', ""),
    ],
)  # fmt: skip
def test_a_picture_links_to_what_its_link_says(tag: str, target: str) -> None:
    assert link(tag) == target


def test_an_endless_link_is_cut() -> None:
    assert link(f'<a href="https://a.b/?{"x" * 9999}"><img src="data:,x"></a>') == "https://a.b/?" + "x" * 487


def signals(tmp_path: Path, pages: dict[str, str], picture: bytes) -> dict[str, list[dict[str, Any]]]:
    """Bring pages to a shelf, and return what is told and noted of each one's pictures, and which were left out."""
    site, shelf = tmp_path / "site", Shelf(str(tmp_path / "shelf"))
    site.mkdir()
    (site / "p.png").write_bytes(picture)
    (site / "banner_3.png").write_bytes(picture)
    for name, page in pages.items():
        (site / f"{name}.html").write_text(page)
    ingest(shelf, str(site), Local(), kind="pages", max_failed=1)
    steps = (Annotate(Pictures()), Annotate(Layout()), Annotate(Advertisements()), Keep(NoAdvertisements()))
    run(shelf, Recipe("ads", *steps), Local())
    asked = """select name, meta, picture_ad_signals, left_out from samples join notes_advertisements
        using (shard, row) join verdicts using (shard, row) where name like '%.html'"""
    found = {}
    for name, meta, signs, left_out in run_query(shelf, asked)[1]:
        told = json.loads(meta).get("pictures", {})
        found[name.removesuffix(".html")] = [
            {**told[str(place)], "signs": sign, "gone": place in left_out}
            for place, sign in zip(sorted(map(int, told)), signs, strict=True)
        ]
    return found


def test_the_link_and_the_name_of_a_picture_give_an_advertisement_away(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    page = f"""<head><link rel="canonical" href="https://www.daily.example/1"></head><body>
    <p>{LONG}<img src="p.png" alt="A quay"></p><p>{LONG}
    <a href="https://ad.doubleclick.net/x?gclid=1"><img src="banner_3.png"></a></p>
    <p>{LONG}<a href="/big.html"><img src="p.png"></a></p><p>{LONG}</p></body>"""
    assert signals(tmp_path, {"a": page}, picture(1))["a"] == [
        {"source": "p.png", "signs": "", "gone": False},
        {
            "source": "banner_3.png",
            "link": "https://ad.doubleclick.net/x?gclid=1",
            "signs": "ad_server tracked_link other_site ad_name",
            "gone": True,
        },
        {"source": "p.png", "link": "/big.html", "signs": "", "gone": False},
    ]


def test_links_of_real_pages_say_whether_they_lead_to_another_site(
    data: Path, tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    """The pictures of these pages lie elsewhere: one that lies here stands for each."""
    names = ("mozilla-2", "ehow-1", "iab-1", "dropbox-blog")
    pages = {}
    for name in names:
        page = (data / "interleaved" / "readability_pages" / name / "source.html").read_text(errors="replace")
        pages[name] = re.sub(r'(<img[^>]*?src=")[^"]*:?//[^"]*"', r'\1p.png"', page)
    found = signals(tmp_path, pages, picture(1))
    by = {name: [("other_site" in one["signs"], one.get("link", "")) for one in found[name]] for name in names}
    videos = [is_other for is_other, link in by["mozilla-2"] if "youtube.com" in link]
    assert len(videos) >= 3 and all(videos)
    own = [is_other for is_other, link in by["ehow-1"] if link.startswith("http://www.ehow.com/")]
    assert len(own) >= 2 and not any(own)
    assert [is_other for is_other, _ in by["iab-1"]].count(True) == 0 and any(link for _, link in by["iab-1"])
    assert not any(link for _, link in by["dropbox-blog"])
