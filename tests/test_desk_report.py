"""The desk's report as a page: what stands on it, that all of it is text, and that its frames are the ones meant."""

from __future__ import annotations

import io
import os
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from PIL import Image

from annotators.desk.item import Item, Notes
from annotators.desk.label_studio.frame_map import to_json
from annotators.desk.label_studio.proxy import Proxy, make_proxy
from annotators.desk.rules import Rules
from annotators.desk.submission import Submission
from pipelines.cli import main
from pipelines.desk.folder import Folder
from pipelines.desk.layers import put_layer
from pipelines.desk.media import CLIP, MAP, PART, WORDS
from pipelines.desk.report_page import page
from pipelines.desk.stills import places_to_see, stills
from schemas.note import Note, TimeSpan

DATA = Path(os.environ.get("OSTRAKA_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 600_000
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
HOSTILE = "</span><script>window.hit = 1</script><img src=x onerror='window.hit = 1'>@sections@"
NOON_MS = 1_800_000_000_000


@pytest.fixture(scope="module")
def proxy() -> Proxy:
    path = DATA / "video" / "mdn_cc0" / "rabbit320.mp4"
    if not path.exists():
        pytest.skip("no sample data")
    return make_proxy(path.read_bytes(), "mp4", side_px=160)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory, proxy: Proxy) -> Folder:
    """A desk where two people differ on when a camera moves, one by a span that is longer at its end."""
    folder = Folder.begun(str(tmp_path_factory.mktemp("desk") / "desk"), "a desk")
    put_layer(folder, "camera_motion", structs.asdict(Rules(overlap=2)), "", None, None)
    put_layer(folder, "plain_words", structs.asdict(Rules(overlap=2, review_share=0.0)), "", None, None)
    media = Path(folder.media)
    media.mkdir(parents=True)
    (media / proxy.name).write_bytes(proxy.content)
    (media / "map.json").write_bytes(to_json(proxy.map))
    with folder.ledger() as ledger:
        for person in ("ana", HOSTILE, "cat"):
            ledger.set_person(person, ["annotator"], NOON_MS, cost_per_hour=30.0)
        facts = {CLIP: proxy.name, MAP: "map.json", PART: "0"}
        model = (Note("person_choice", "good", by=HOSTILE),)
        items = [Item(HOSTILE, "camera_motion", "s0", facts=facts)]
        items += [Item(f"w{n}", "plain_words", f"w{n}", machine=model, facts={WORDS: HOSTILE}) for n in range(3)]
        ledger.select(items, NOON_MS)
        for number, person in enumerate(("ana", HOSTILE)):
            for task in ledger.take(person, "annotator", NOON_MS, most=9):
                said = _moves(proxy, 20, 90 + 30 * number) if task.item.id == HOSTILE else _word(task.item.id, number)
                given = Submission(task.item.id, person, said, task.layer.config, spent_s=1800.0)
                assert ledger.submit(given, NOON_MS).kind == "written"
        ledger.submit(Submission("w0", HOSTILE * 2, _word("w0", 0), "c"), NOON_MS)
        ledger.submit(Submission("w0", "cat", _word("w0", 0), "c"), NOON_MS)
        ledger.refuse("w0", "ana", "zero_length", HOSTILE, NOON_MS)
    return folder


def _moves(proxy: Proxy, first: int, end: int) -> Notes:
    return (Note("camera_clear", "yes"), Note("camera_motion", "pan_left", proxy.map.span(0, first, end)))


def _word(item: str, number: int) -> Notes:
    said = HOSTILE if number else "fine"
    return (Note("person_choice", "bad" if item == "w2" and number else "good"), Note("person_comment", said))


@pytest.fixture(scope="module")
def written(at: Folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    main(["desk", "report", "--at", at.path, "--out", str(path)])
    return path


def pictures(html: str) -> list[Any]:
    found = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(b64decode(one))) for one in found]


def test_the_page_is_text_and_asks_for_nothing(written: Path) -> None:
    html = written.read_text()
    assert "default-src 'none'" in html and "<script" not in html and "onerror='" not in html
    assert html.count("&lt;script&gt;window.hit") >= 6 and html.count("@sections@") == html.count("&gt;@sections@")


def test_the_page_says_what_happened(written: Path) -> None:
    html = re.sub(r"<[^>]+>", " ", written.read_text())
    for said in ("2 of 4 accepted", "4.0 hours", "120.00 spent", "60.00 per accepted note", "work in somebody else"):
        assert said in re.sub(r"\s+", " ", html), said


def test_the_page_shows_the_frames_that_people_differ_on(written: Path, proxy: Proxy) -> None:
    shown = pictures(written.read_text())
    assert len(shown) == 2
    truth = _every_frame(proxy)
    for picture, place in zip(shown, (89, 119), strict=True):
        seen = np.asarray(picture, np.float32)
        errors = [float(np.abs(seen - frame).mean()) for frame in truth]
        assert errors[place] < min(errors[: place - 3] + errors[place + 4 :])
        assert errors[place] <= min(errors) + 0.5


def _every_frame(proxy: Proxy) -> list[Any]:
    import av

    with av.open(io.BytesIO(proxy.content), "r") as file:
        return [frame.to_ndarray(format="rgb24").astype(np.float32) for frame in file.decode(file.streams.video[0])]


def test_frames_are_where_versions_differ_few_and_in_order(proxy: Proxy) -> None:
    def of(*ends: tuple[int, int]) -> Notes:
        return tuple(Note("action", "hold", proxy.map.span(0, *one)) for one in ends)

    frames = proxy.map.frames
    assert places_to_see(proxy.map, [of((3, 9)), of((3, 20))], 5) == [8, 19]
    assert places_to_see(proxy.map, [of((3, 9)), ()], 5) == [3, 8]
    assert places_to_see(proxy.map, [of((3, 9)), of((3, 9))], 5) == [3, 8]
    assert places_to_see(proxy.map, [(), ()], 5) == [frames // 6, frames // 2, 5 * frames // 6]
    many = places_to_see(proxy.map, [of(*((n, n + 2) for n in range(0, 60, 3))), ()], 5)
    assert len(many) == 5 and many[0] == 0 and many[-1] == 58
    late = TimeSpan(0, proxy.map.end_pts + 5, proxy.map.end_pts + 9, proxy.map.time_base)
    assert len(places_to_see(proxy.map, [(Note("action", "hold", late),), ()], 5)) == 3


def test_media_that_is_gone_or_broken_costs_a_picture_and_no_page(at: Folder, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    (tmp_path / "map.json").write_bytes((Path(at.media) / "map.json").read_bytes())
    item = Item("i", "camera_motion", "s", facts={CLIP: "bad.mp4", MAP: "map.json", PART: "0"})
    for facts in (
        item.facts,
        {**item.facts, CLIP: "gone.mp4"},
        {**item.facts, MAP: "../map.json"},
        {"pictures": "x.png"},
    ):
        assert stills(str(tmp_path), structs.replace(item, facts=facts), [(), ()]) == []
    with at.ledger() as ledger:
        assert not pictures(page("d", ledger, at.measures(), str(tmp_path)).decode())


def test_a_page_of_nothing_and_of_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = Folder.begun(str(tmp_path / "empty"))
    main(["desk", "report", "--at", empty.path, "--out", str(tmp_path / "one.html")])
    assert "Nothing has been asked yet" in (tmp_path / "one.html").read_text()
    with pytest.raises(SystemExit, match="2"):
        main(["desk", "report", "--at", str(tmp_path / "none"), "--out", str(tmp_path / "two.html")])
    assert "there is no desk yet" in capsys.readouterr().err and not (tmp_path / "two.html").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="1"):
        main(["desk", "report", "--at", empty.path, "--out", str(tmp_path / "file" / "page.html")])
    assert "cannot be written" in capsys.readouterr().err


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium")
    api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [1280, 360])
def test_in_a_browser_names_stay_text_and_fit(chromium: Any, written: Path, width: int) -> None:
    said = list[str]()
    tab = chromium.new_page(viewport={"width": width, "height": 800})
    tab.set_default_timeout(PATIENCE_MS)
    tab.on("console", lambda message: said.append(message.text))
    tab.on("request", lambda request: said.append(request.url[:40]))
    tab.goto(written.as_uri())
    asked = [one for one in said if not one.startswith(("data:", written.as_uri()[:40]))]
    assert asked == [] and tab.evaluate("window.hit") is None and tab.locator("script").count() == 0
    assert HOSTILE in tab.locator("table").nth(1).inner_text()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.close()
