"""The browse page: what it holds, read as data, and what it does, in a real browser where there is one."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotators.annotator import Subject
from pipelines.cli import main
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.query.browse import write_page
from pipelines.query.thumbnails import Thumbnail
from pipelines.query.views import connect
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf
from schemas import publish
from schemas.draw import fraction
from schemas.sample import Image as Picture
from schemas.sample import Sample, Source

CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 600_000
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
HOSTILE = "</script><script>window.hit = 1</script><img src=x onerror='window.hit = 1'> a man & a \u202edog"
MANY, ALL = 30, 50


def sideways(data: bytes) -> bytes:
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.open(io.BytesIO(data)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def planted(picture: Callable[..., bytes]) -> Iterator[tuple[str, bytes, str]]:
    for n in range(MANY):
        yield f"plain{n:02d}", picture(n), f"a picture of the number {n} in colours"
    yield "copy", picture(3), "a copy of another picture of ours"
    yield "near", picture(20, (300, 200)), "a larger one of another picture of ours"
    yield "hostile", picture(40), HOSTILE
    yield "nul", picture(41), "a caption with a \0 in its middle"
    yield "long", picture(42), "ten million characters " * 450_000
    yield "sideways", sideways(picture(43)), "a picture that a camera held sideways took"
    yield "wide", picture(44, (1200, 40)), "a picture that is thirty times as wide as high"
    yield "solid", png(Image.new("RGB", (80, 60), "#204060")), "a background in a single colour"
    yield "small", picture(45, (20, 24)), "a picture that is far too small"
    yield "cut", picture(46)[:700], "a picture that ends before its end"
    yield "text", b"no picture at all\n", "a text that is called a picture"
    yield "bomb", png(Image.new("1", (20_000, 20_000))), "a picture with four hundred million pixels"
    yield "empty", b"", "a file with nothing in it"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> Shelf:
    folder = tmp_path_factory.mktemp("browse")
    source = folder / "in"
    source.mkdir()
    lines = []
    for name, data, caption in planted(picture):
        (source / f"{name}.jpg").write_bytes(data)
        odd = {"licence": "<b>none</b>", "url": "javascript:window.hit=1"} if name == "hostile" else {}
        lines.append({"id": name, "image": f"{name}.jpg", "caption": caption, **odd})
    (source / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = Shelf(str(folder / "shelf"))
    ingest(made, str(source / "rows.jsonl"), Local(1), dataset="made", licence="CC0", cut=Cut(rows=20))
    run(made, find_recipe("caption-light"), Local(1), RunOptions(max_failed=0.3))
    return made


@pytest.fixture(scope="module")
def page(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "browse.html"
    size_bytes = write_page(shelf, find_recipe("caption-light"), str(path), ALL)
    assert size_bytes == path.stat().st_size
    return path


@pytest.fixture(scope="module")
def data(page: Path) -> dict[str, Any]:
    return data_of(page)


def data_of(page: Path) -> dict[str, Any]:
    block = page.read_text().split('id="data">')[1].split("</script>")[0]
    assert "<" not in block
    return json.loads(block)


def card(data: dict[str, Any], row: str) -> dict[str, Any]:
    [found] = [card for card in data["cards"] if card["source"]["row"] == row]
    return found


def thumbnail(card: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(card["picture"][0])))


def test_every_reason_is_there_with_its_count(shelf: Shelf, data: dict[str, Any]) -> None:
    with connect(shelf) as db:
        query = "SELECT outcome, decided_by, reason, count(*) FROM verdicts GROUP BY ALL"
        counted = sorted(db.execute(query).fetchall())
    groups = data["groups"]
    assert (
        sorted((g["outcome"], g["by"] if g["reason"] else "kept", g["reason"], g["count"]) for g in groups) == counted
    )
    assert all(len(g["places"]) == g["count"] for g in groups)
    totals = data["totals"]
    assert totals["in"] == totals["kept"] + totals["dropped"] + totals["failed"] == MANY + 13


def test_the_reasons_of_a_step_add_up_to_what_it_lost(data: dict[str, Any]) -> None:
    for step in data["steps"]:
        ended = sum(g["count"] for g in data["groups"] if g["step"] == step["place"])
        assert step["reached"] - step["went_on"] == ended
    assert {step["name"] for step in data["steps"] if step["reached"] != step["went_on"]} == {
        *("ingest", "clean_text", "caption_length", "min_side", "max_pixels", "pixels", "not_solid"),
        *("exact_dedup", "near_dedup"),
    }


def test_the_same_shelf_gives_the_same_bytes(shelf: Shelf, page: Path, tmp_path: Path) -> None:
    shutil.copytree(shelf.root, tmp_path / "elsewhere" / "shelf")
    again = Shelf(str(tmp_path / "elsewhere" / "shelf"))
    write_page(again, find_recipe("caption-light"), str(tmp_path / "page.html"), ALL)
    assert (tmp_path / "page.html").read_bytes() == page.read_bytes()


def test_pictures_are_drawn_by_their_keys(shelf: Shelf, tmp_path: Path) -> None:
    write_page(shelf, find_recipe("caption-light"), str(tmp_path / "few.html"), 4)
    [kept] = [g for g in data_of(tmp_path / "few.html")["groups"] if g["outcome"] == "kept"]
    with connect(shelf) as db:
        keys = [key for (key,) in db.execute("SELECT key FROM verdicts WHERE outcome = 'kept'").fetchall()]
    assert kept["places"] == sorted(keys, key=lambda key: fraction(key, "browse"))[:4]
    assert len(keys) == kept["count"]


def test_no_pictures_is_a_page_too(shelf: Shelf, tmp_path: Path) -> None:
    write_page(shelf, find_recipe("caption-light"), str(tmp_path / "none.html"), 0)
    none = data_of(tmp_path / "none.html")
    assert none["cards"] == [] and none["totals"]["in"] == MANY + 13


@pytest.mark.parametrize(
    ("row", "outcome", "reason", "missing"),
    [
        ("cut", "failed", "undecodable", "undecodable"),
        ("bomb", "dropped", "too_many_pixels", "too_many_pixels"),
        ("text", "failed", "unknown_format", None),
        ("empty", "failed", "empty_file", None),
    ],
)
def test_what_has_no_readable_picture_is_a_card_with_the_reason(
    data: dict[str, Any], row: str, outcome: str, reason: str, missing: str | None
) -> None:
    found = card(data, row)
    assert (found["outcome"], found["reason"], found.get("no_picture")) == (outcome, reason, missing)
    assert "picture" not in found


def test_a_picture_stands_upright_in_its_own_aspect(data: dict[str, Any]) -> None:
    turned, wide = card(data, "sideways"), card(data, "wide")
    assert thumbnail(turned).size == (64, 96) == tuple(turned["picture"][1:])
    assert thumbnail(wide).size == (480, 16)


def test_a_thumbnail_stays_under_its_bytes() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    content = png(Image.fromarray(noise))
    part = Picture(sha256(content).hexdigest(), len(content), "png")
    sample = Sample("0" * 32, (part,), Source("made", "noise"))
    subject = Subject(sample, "", (0,), {}, lambda _url, at, size: content[at : at + size])
    sizes = {}
    for most_bytes in (40_000, 6_000):
        noted = Thumbnail(most_bytes=most_bytes).look(subject).values
        made = base64.b64decode(str(noted["thumbnail"]))
        assert len(made) <= most_bytes
        sizes[most_bytes] = Image.open(io.BytesIO(made)).size
    assert sizes[40_000][0] > sizes[6_000][0] >= 64


def test_a_duplicate_stands_beside_the_witness_it_lost_to(shelf: Shelf, data: dict[str, Any]) -> None:
    with connect(shelf) as db:
        lost = db.execute("SELECT key, witness, measured FROM verdicts WHERE witness != ''").fetchall()
    cards = {one["key"]: one for one in data["cards"]}
    assert len(lost) == 2
    for key, witness, measured in lost:
        assert (cards[key]["witness"], cards[key]["measured"]) == (witness, measured)
        assert cards[witness]["picture"] and cards[key]["lost_to"] == f"made/{cards[witness]['source']['row']}"


def test_a_story_tells_every_step(data: dict[str, Any]) -> None:
    told = {step["step"].split("@")[0]: step for step in card(data, "near")["told"]}
    assert list(told) == [step["name"] for step in data["steps"]]
    assert told["header"]["notes"]["width_px"] == 300
    assert len(told["pixels"]["notes"]["phash"]) == 16
    assert told["caption_length"]["measured"] == 39


def test_long_captions_are_cut_and_say_how_long_they_were(page: Path, data: dict[str, Any]) -> None:
    [text] = [part["text"] for part in card(data, "long")["parts"] if part["kind"] == "text"]
    assert text.startswith("ten million") and text.endswith("(10,349,999 characters)") and len(text) < 500
    assert page.stat().st_size < 1_000_000


def test_a_histogram_counts_everyone_who_was_measured(shelf: Shelf, data: dict[str, Any]) -> None:
    charts = {chart["name"]: chart for chart in data["charts"]}
    reached = {step["name"]: step["reached"] for step in data["steps"]}
    for name in ("caption_length", "min_side", "max_aspect", "max_pixels"):
        assert sum(map(sum, charts[name]["bins"])) == reached[name]
    with connect(shelf) as db:
        noted = dict(db.execute("SELECT name, count(*) FROM notes WHERE number IS NOT NULL GROUP BY ALL").fetchall())
    for name in ("width_px", "orientation", "sharpness", "channel_std", "top_colour_share"):
        assert sum(map(sum, charts[name]["bins"])) == noted[name]
    assert "phash" not in charts


def test_thresholds_part_what_was_dropped_from_what_was_not(data: dict[str, Any]) -> None:
    charts = {chart["name"]: chart for chart in data["charts"]}
    assert [(limit["field"], limit["value"]) for limit in charts["channel_std"]["limits"]] == [("channel_std", 2.0)]
    side = charts["min_side"]
    [limit] = side["limits"]
    assert (limit["field"], limit["value"]) == ("px", 28)
    dropped = [edge for edge, bin in zip(side["edges"], side["bins"], strict=False) if bin[1]]
    assert sum(bin[1] for bin in side["bins"]) == 1 and all(edge < 28 for edge in dropped)


def test_licences_are_counted(data: dict[str, Any]) -> None:
    shares = {share["name"]: {row[0]: row[1:] for row in share["values"]} for share in data["shares"]}
    kept, dropped, failed = shares["licence"]["CC0"]
    assert kept + dropped + failed == MANY + 12
    assert shares["licence"]["<b>none</b>"] == [1, 0, 0]
    assert sum(shares["format"]["png"]) == 2


def test_a_page_that_cannot_be_written_leaves_the_one_before(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "browse.html").write_text("the page before")

    def kill(point: str, _: str) -> None:
        if point == "written":
            raise RuntimeError("killed")

    monkeypatch.setattr(publish, "crossing", kill)
    with pytest.raises(RuntimeError, match="killed"):
        write_page(shelf, find_recipe("caption-light"), str(tmp_path / "browse.html"), 1)
    assert (tmp_path / "browse.html").read_text() == "the page before"
    assert [path.name for path in tmp_path.iterdir()] == ["browse.html"]


def test_browse_writes_into_the_working_folder(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["browse", "--shelf", shelf.url, "--pictures", "2"])
    assert "browse.html" in capsys.readouterr().out
    assert data_of(tmp_path / "browse.html")["shelf"] == "shelf"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium")
    api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), timeout=PATIENCE_MS)
        yield browser
        browser.close()


class Opened:
    """A page in the browser, with what it said and asked for."""

    def __init__(self, browser: Any, path: Path, width: int = 1280) -> None:
        self.said: list[str] = []
        self.tab = browser.new_page(viewport={"width": width, "height": 800})
        self.tab.set_default_timeout(PATIENCE_MS)
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self._note(request.url))
        self.tab.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.address = path.as_uri()
        self.tab.goto(self.address)

    def _note(self, url: str) -> None:
        if url != self.address and not url.startswith("data:"):
            self.said.append(url)

    def is_quiet(self) -> bool:
        return self.said == [] and self.tab.evaluate("window.hit") is None


@pytest.fixture
def opened(chromium: Any, page: Path) -> Iterator[Opened]:
    found = Opened(chromium, page)
    yield found
    found.tab.close()


def test_hostile_captions_stay_text(opened: Opened, data: dict[str, Any]) -> None:
    key = card(data, "hostile")["key"]
    opened.tab.evaluate("key => open(key)", key)
    shown = opened.tab.locator("#story .texts").inner_text()
    assert "</script><script>window.hit = 1</script><img src=x" in shown
    assert opened.tab.locator("#story a").count() == 0
    assert opened.tab.locator("script").count() == 2 and opened.tab.locator("b:text-is('none')").count() == 0
    opened.tab.evaluate("key => open(key)", card(data, "nul")["key"])
    assert "a caption with a \u2400 in its middle" in opened.tab.locator("#story .texts").inner_text()
    assert opened.is_quiet()


@pytest.mark.parametrize(
    ("element", "rule"),
    [
        ("Object.assign(new Image(), {src: 'http://nowhere.example/x.png'})", "img-src"),
        ("Object.assign(document.createElement('script'), {text: 'window.hit = 1'})", "script-src-elem"),
    ],
)
def test_the_page_has_a_policy_against_what_could_be_slipped_in(opened: Opened, element: str, rule: str) -> None:
    broken = opened.tab.evaluate(f"""() => new Promise(done => {{
        document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective));
        document.body.append({element});
    }})""")
    assert broken == rule
    assert opened.tab.evaluate("window.hit") is None


def test_a_click_on_a_picture_tells_its_story(opened: Opened, data: dict[str, Any]) -> None:
    lost = card(data, "plain20")
    opened.tab.locator(f"button[data-key='{lost['key']}']").click()
    story = opened.tab.locator("#story")
    assert story.is_visible()
    assert story.locator("img").count() == 2
    told = story.inner_text()
    assert "dropped by near_dedup: near duplicate" in told and "lost to made/near" in told
    assert lost["key"] in told and "phash" in told
    story.locator("button", has_text="made/near").click()
    assert lost["witness"] in story.inner_text() and "kept" in story.locator("#verdict").inner_text()
    assert opened.is_quiet()


def test_a_click_in_the_funnel_filters_the_pictures(opened: Opened, data: dict[str, Any]) -> None:
    visible = opened.tab.locator("figure:visible")
    everything = visible.count()
    assert everything == sum(len(group["places"]) for group in data["groups"])
    reason = opened.tab.locator("#steps .reason", has_text="exact duplicate")
    reason.click()
    assert visible.count() == 1 and reason.get_attribute("aria-pressed") == "true"
    assert "dropped by exact_dedup" in opened.tab.locator("#showing").inner_text()
    reason.click()
    assert visible.count() == everything
    assert opened.is_quiet()


def test_the_keyboard_opens_walks_and_closes(opened: Opened) -> None:
    opened.tab.locator("figure button").first.focus()
    opened.tab.keyboard.press("Enter")
    first = opened.tab.locator("#story").inner_text()
    opened.tab.keyboard.press("ArrowRight")
    assert opened.tab.locator("#story").inner_text() != first
    opened.tab.keyboard.press("ArrowLeft")
    assert opened.tab.locator("#story").inner_text() == first
    opened.tab.keyboard.press("Escape")
    assert opened.tab.locator("#story").is_hidden()
    assert opened.tab.evaluate("document.activeElement.closest('figure') !== null")
    assert opened.is_quiet()


def test_a_phone_scrolls_one_way(chromium: Any, page: Path) -> None:
    phone = Opened(chromium, page, width=360)
    assert phone.tab.evaluate("document.documentElement.scrollWidth") == 360
    phone.tab.locator("figure button").first.click()
    assert phone.tab.locator("#story").bounding_box()["width"] == 360
    phone.tab.close()
