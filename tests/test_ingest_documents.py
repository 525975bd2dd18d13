"""Doors for documents: what lies where, what cannot be had, and what is cut, broken or too large."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest, open_source
from pipelines.ingest.source import Options
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput

sys.path.insert(0, str(Path(__file__).parent))
plain: Any = import_module("plain_pdf")
Line, pdf = plain.Line, plain.pdf
Picture = Callable[..., bytes]
LONG = "Of the town's three harbours the oldest lies under the castle, and boats have been built there since. " * 3


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path / "shelf"))


def taken(shelf: Shelf, source: Path, kind: str = "", **options: Any) -> list[dict[str, Any]]:
    """Ingest and return the catalogue's rows, each with its parts in short and its pictures as the tar has them."""
    ingest(shelf, str(source), Local(), Options(**options), kind=kind, max_failed=1)
    rows = []
    for shard in shelf.shards():
        tar = Path(shelf.path("media", f"{shard}.tar")).read_bytes()
        for row in shelf.catalog(shard).to_pylist():
            parts = json.loads(row["parts"])
            row["shape"] = [part.get("role") or part["kind"] for part in parts]
            row["said"] = [part["text"] for part in parts if part["kind"] == "text"]
            media = [part for part in parts if part["kind"] != "text"]
            row["pictures"] = [
                tar[at : at + part["size_bytes"]] for at, part in zip(row["offsets"], media, strict=True)
            ]
            row["about"] = json.loads(row["meta"] or "{}")
            rows.append(row)
    return rows


def page(*images: str) -> str:
    return "<body>" + "".join(f"<p>{n}. {LONG}</p><p>{LONG}<img src='{src}'></p>" for n, src in enumerate(images))


def test_pages_of_a_folder_take_the_pictures_that_lie_beside_them(
    shelf: Shelf, tmp_path: Path, picture: Picture
) -> None:
    site = tmp_path / "site"
    (site / "en" / "img").mkdir(parents=True)
    (site / "en" / "img" / "a b.jpg").write_bytes(picture(1))
    (site / "top.png").write_bytes(picture(2, kind="PNG"))
    (site / "en" / "draft.svg").write_text("<svg/>")
    (tmp_path / "secret.jpg").write_bytes(picture(3))
    data = "data:image/jpeg;base64," + base64.b64encode(picture(4)).decode()
    drawn = "data:image/svg+xml,%3Csvg/%3E"
    wrong = ("draft.svg", "none.jpg", "../../secret.jpg", "http://a.b/c.jpg", drawn)
    addresses = ("img/a%20b.jpg?v=2", "/top.png", *wrong, data)
    (site / "en" / "page.html").write_text(page(*addresses))
    [row] = taken(shelf, site, "pages")
    assert (row["name"], row["failed"]) == ("en/page.html", "")
    assert row["pictures"] == [picture(1), picture(2, kind="PNG"), picture(4)]
    assert row["shape"] == [*("paragraph", "paragraph", "image") * 2, *("paragraph",) * 12, "image"]
    assert [(one["source"], one["why"], one["after_texts"]) for one in row["about"]["pictures_missing"]] == [
        ("draft.svg", "unknown_format", 6),
        ("none.jpg", "not_there", 8),
        ("../../secret.jpg", "outside_source", 10),
        ("http://a.b/c.jpg", "remote", 12),
        ("data:image/svg+xml,...", "unknown_format", 14),
    ]


def test_a_page_that_kills_or_confuses_its_reader_is_a_failed_row_and_the_others_stay(
    shelf: Shelf, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "a.html").write_text(page("x.png"))
    (site / "b.html").write_text("<frameset><frame src=a.html></frameset>")
    (site / "c.html").write_bytes(b"")
    (site / "d.htm").write_text(page("y.png"))
    rows = taken(shelf, site)
    assert [row["failed"] for row in rows] == ["", "frames_alone", "no_html", ""]
    assert [len(row["said"]) for row in rows] == [2, 0, 0, 2]


def test_a_page_with_two_hundred_pictures_has_them_all_in_order(shelf: Shelf, tmp_path: Path, picture: Picture) -> None:
    site = tmp_path / "site"
    site.mkdir()
    contents = [picture(seed, (24, 24)) for seed in range(200)]
    for number, content in enumerate(contents):
        (site / f"{number}.jpg").write_bytes(content)
    (site / "page.html").write_text(page(*(f"{number}.jpg" for number in range(200))))
    [row] = taken(shelf, site, "pages")
    assert row["pictures"] == contents and row["images"] == 200
    assert row["shape"] == ["paragraph", "paragraph", "image"] * 200


def test_figures_of_real_modules_stand_where_the_book_has_them(shelf: Shelf, data: Path) -> None:
    folder = data / "interleaved" / "openstax_psychology"
    rows = taken(shelf, folder)
    assert [row["failed"] for row in rows] == [""] * 19
    order = re.findall(r'document="(\w+)"', (folder / "collections" / "psychology-2e.collection.xml").read_text())
    names = [row["name"].removeprefix("modules/") for row in rows]
    assert names == [name for name in order if name in names]
    for row in rows:
        source = (folder / row["name"] / "index.cnxml").read_text()
        files = re.findall(r'<image[^>]*src="\.\./\.\./([^"]+)"', source)
        assert row["pictures"] == [(folder / file).read_bytes() for file in files]
        _check_places(row, source)
    assert {row["licence"] for row in rows} == {"CC-BY-4.0"}
    assert {row["about"]["book"] for row in rows} == {"Psychology 2e"}


def _check_places(row: dict[str, Any], source: str) -> None:
    """See that before each figure as many letters were said as the module's own text has there."""
    body = re.sub("<link ([^>]*)/>", lambda link: _meant(link[1], source), source[source.index("<content") :])
    plain = re.sub("<(?!image)[^>]*>", "", body)
    title = _letters(re.findall("<title>(.*?)</title>", source)[0])
    said, before = 0, []
    for part in json.loads(row["parts"]):
        if part["kind"] == "image":
            before.append(said)
        elif part.get("role") != "alt":
            said += _letters(part["text"])
    pictures = list(re.finditer("<image", plain))
    assert before == [title + _letters(re.sub("<image[^>]*>", "", plain[: one.start()])) for one in pictures]
    assert len(before) == row["images"]


def _meant(link: str, source: str) -> str:
    """Return what a link without words says: the kind of the element that it leads to."""
    if "document=" in link:
        return "another section"
    name = re.findall('target-id="([^"]+)"', link)[0]
    [kind] = re.findall(f'<(\\w+)[^>]* id="{name}"', source)
    return f"the {kind}"


def _letters(text: str) -> int:
    return len(re.findall(r"[^\W_]", html.unescape(text)))


@pytest.mark.parametrize("name", ["whirlwind.warc", "whirlwind.warc.gz"])
def test_a_warc_gives_its_page_with_what_the_server_said(shelf: Shelf, data: Path, name: str) -> None:
    [row] = taken(shelf, data / "interleaved" / "warc" / name)
    assert row["failed"] == "" and row["uri"] == "https://an.wikipedia.org/wiki/Escopete"
    assert row["licence"] == "CC-BY-SA-4.0" and row["about"]["fetched"] == "2024-05-18T01:58:10Z"
    assert any("Escopete" in text and "municipio" in text for text in row["said"])


@pytest.mark.parametrize(
    ("cut_bytes", "packed", "failed"),
    [
        (2000, False, ["warc_cut"]),
        (40_000, False, ["warc_cut"]),
        (-300, False, ["", "warc_cut"]),
        (2000, True, ["warc_cut"]),
        (9000, True, ["warc_cut"]),
        (-300, True, ["", "warc_cut"]),
    ],
)
def test_a_warc_that_is_cut_keeps_what_is_whole(
    shelf: Shelf, data: Path, tmp_path: Path, cut_bytes: int, packed: bool, failed: list[str]
) -> None:
    name = "whirlwind.warc.gz" if packed else "whirlwind.warc"
    (tmp_path / name).write_bytes((data / "interleaved" / "warc" / name).read_bytes()[:cut_bytes])
    if len(failed) == 1:
        with pytest.raises(BadInput, match="warc_cut"):
            taken(shelf, tmp_path / name)
    else:
        assert [row["failed"] for row in taken(shelf, tmp_path / name)] == failed


def test_records_of_a_server_are_unpacked_and_only_pages_are_rows(shelf: Shelf, tmp_path: Path) -> None:
    body = gzip.compress(f"<p>{LONG}</p>".encode("utf-16"))
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    headers = b"Content-Type: text/html; charset=utf-8\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers = [
        b"HTTP/1.1 200 OK\r\n" + headers + chunked,
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>gone</p>",
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG",
    ]
    record = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:%d>\r\nContent-Type: application/http\r\n"
    record += b"WARC-Target-URI: http://a.b/%d\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n"
    records = [record % (n, n, len(answer), answer) for n, answer in enumerate(answers)]
    (tmp_path / "x.warc.gz").write_bytes(b"".join(map(gzip.compress, records)))
    [row] = taken(shelf, tmp_path / "x.warc.gz")
    assert (row["name"], row["uri"], row["said"]) == ("x.warc.gz/0", "http://a.b/0", [LONG.strip()])


def test_a_long_pdf_and_bad_ones_lie_beside_each_other(shelf: Shelf, tmp_path: Path) -> None:
    lines = [Line(f"Line {n} of it says what is to be said.", 72, 700 - 12 * n) for n in range(8)]
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(pdf([lines] * 2000))
    (folder / "b.pdf").write_bytes(pdf([lines], encrypted=True))
    (folder / "c.pdf").write_bytes(pdf([lines])[:300])
    rows = taken(shelf, folder)
    assert [row["failed"] for row in rows] == ["", "pdf_encrypted", "pdf_damaged"]
    assert rows[0]["about"]["pages"] == 2000 and len(rows[0]["said"]) == 2000


OBELICS = {
    "id": "o",
    "texts": [None, "First.", None, "Second.", None],
    "images": ["a.jpg", None, "http://x/y", None, "b.jpg"],
}
MMC4 = {
    "id": "m",
    "text_list": ["First.", "Second.", "Third."],
    "image_info": [
        {"image_name": "b.jpg", "matched_text_index": 2},
        {"image_name": "a.jpg", "matched_text_index": 0},
        {"image_name": "none.jpg", "matched_text_index": 1},
    ],
    "url": "http://a.b",
}


def test_records_of_texts_and_pictures_keep_their_order(shelf: Shelf, tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    (tmp_path / "b.jpg").write_bytes(picture(2))
    bad: list[dict[str, Any]] = [
        {"id": "x", "texts": ["a"], "images": []},
        {"id": "y", "text_list": ["a"], "image_info": [{"image_name": "a.jpg", "matched_text_index": 5}]},
        {"id": "z", "texts": ["a", None], "images": [None, 7]},
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, [OBELICS, MMC4, *bad])))
    rows = taken(shelf, tmp_path / "x.jsonl")
    assert [row["failed"] for row in rows] == ["", "", "lists_do_not_match", "no_text_index", "no_image_path"]
    assert rows[0]["shape"] == ["image", "paragraph", "paragraph", "image"]
    assert rows[0]["pictures"] == rows[1]["pictures"] == [picture(1), picture(2)]
    assert rows[0]["about"]["pictures_missing"] == [{"source": "http://x/y", "type": "missing", "why": "remote"}]
    assert rows[1]["shape"] == ["image", "paragraph", "paragraph", "image", "paragraph"]
    assert rows[1]["uri"] == "http://a.b"


def test_parquet_with_pictures_between_texts_keeps_their_order(shelf: Shelf, tmp_path: Path, picture: Picture) -> None:
    kind = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))

    def cell(*seeds: int | None) -> list[Any]:
        return [None if seed is None else {"bytes": picture(seed), "path": None} for seed in seeds]

    images = pa.array([cell(1, None, 2), cell(None), cell(3, None, 4)], kind)
    texts = pa.array([[None, "between", None], ["alone"], [None, "one is too many", "here"]])
    pq.write_table(pa.table({"images": images, "texts": texts}), tmp_path / "x.parquet")
    rows = taken(shelf, tmp_path / "x.parquet")
    assert [row["failed"] for row in rows] == ["", "", "pictures_do_not_match"]
    assert rows[0]["shape"] == ["image", "paragraph", "image"]
    assert rows[0]["pictures"] == [picture(1), picture(2)]
    assert rows[1]["said"] == ["alone"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("interleaved/readability_pages/001/source.html", "Pages"),
        ("interleaved/warc", "Warcs"),
        ("interleaved/openstax_astronomy", "Books"),
        ("ocr/docling_pdf/sources", "Pdfs"),
        ("image_caption/coco_mini", "Coco"),
    ],
)
def test_a_source_says_itself_what_it_is(data: Path, name: str, kind: str) -> None:
    assert type(open_source(str(data / name), Options())[0]).__name__ == kind


@pytest.mark.parametrize("kind", ["pages", "pdf", "warc", "cnxml"])
def test_a_folder_without_such_documents_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(BadInput, match=r"no .* in"):
        list(open_source(str(tmp_path), Options(), kind)[0].rows())
