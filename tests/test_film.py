"""Videos on the browse page: its door, and in a real browser that the frame shown is the frame that a note names."""

from __future__ import annotations

import http.client
import io
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins
from PIL import Image

from pipelines.engines.local import Local
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.drawn_digits import read
from pipelines.ingest.ingest import ingest
from pipelines.query.browse import open_page, write_page
from pipelines.query.byte_range import byte_range
from pipelines.query.page_server import PageServer
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.note import Note, TimeSpan

CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 600_000
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
HOSTILE = "</script><script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"
PIECES = (Piece("pan_left", 14), Piece("zoom_in", 13, 1, "fade"), Piece("tilt_up", 9, 3))
FIRSTS = [0, 14, 27]
PLAYED = (
    Drawing("plain", PIECES),
    Drawing("b-frames", PIECES, between=2),
    Drawing("ntsc", PIECES, rate=(30000, 1001), between=3),
    Drawing("uneven", PIECES, uneven=True, between=2),
    Drawing("late", PIECES, start=31, between=2),
    Drawing(
        "late and uneven in matroska", PIECES, rate=(24000, 1001), uneven=True, start=7, container="mkv", between=2
    ),
    Drawing("turned", PIECES, turned_deg=90),
)
NOT_PLAYED = (
    Drawing("avi", PIECES, codec="mpeg4", container="avi"),
    Drawing("hevc", PIECES, codec="libx265", start=5, between=2),
)
LOOK_S = 60.0


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, drawn: Callable[[Drawing], Drawn]) -> Shelf:
    folder = tmp_path_factory.mktemp("films")
    records = []
    for drawing in (*PLAYED, *NOT_PLAYED):
        clip = drawn(drawing)
        (folder / f"{drawing.name}.{drawing.container}").write_bytes(clip.content)
        hostile = Note("scene_text", HOSTILE, TimeSpan(0, clip.pts[3], clip.pts[9], clip.time_base))
        notes = to_builtins([*clip.notes, hostile])
        records.append({"id": drawing.name, "video": f"{drawing.name}.{drawing.container}", "ostraka_notes": notes})
    (folder / "clips.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    made = Shelf(str(tmp_path_factory.mktemp("shelf")))
    ingest(made, str(folder / "clips.jsonl"), Local(1))
    run(made, find_recipe("whole"), Local(1))
    return made


@pytest.fixture(scope="module")
def server(shelf: Shelf) -> Iterator[PageServer]:
    with open_page(shelf, find_recipe("whole"), 20) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@given(st.integers(1, 400), st.integers(0, 450), st.one_of(st.none(), st.integers(0, 450)))
def test_a_range_is_the_bytes_that_it_names(size_bytes: int, first: int, last: int | None) -> None:
    whole = list(range(size_bytes))
    asked = f"bytes={first}-{'' if last is None else last}"
    if last is not None and last < first:
        assert byte_range(asked, size_bytes) is None
    elif first >= size_bytes:
        with pytest.raises(ValueError, match="no bytes"):
            byte_range(asked, size_bytes)
    else:
        found = byte_range(asked, size_bytes)
        assert found and whole[slice(*found)] == whole[first : None if last is None else last + 1]


@pytest.mark.parametrize(
    ("asked", "found"),
    [("bytes=-10", (90, 100)), ("bytes=-500", (0, 100)), ("", None), ("bytes=0-1,5-6", None), ("rows=0-1", None)],
)
def test_the_end_of_a_file_is_a_range_and_what_is_none_is_answered_with_all(asked: str, found: Any) -> None:
    assert byte_range(asked, 100) == found
    with pytest.raises(ValueError, match="no bytes"):
        byte_range("bytes=-0", 100)


class Asks:
    """Asks the server as any program on this machine could."""

    def __init__(self, server: PageServer, shelf: Shelf) -> None:
        self.server, self.keys = server, keys_of(shelf)

    def __call__(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        asking = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=300)
        try:
            asking.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = asking.getresponse()
            return answer, answer.read()
        finally:
            asking.close()

    def media(self, name: str, **more: str) -> tuple[http.client.HTTPResponse, bytes]:
        return self(f"/{self.server.token}/media/{self.keys[name]}", **more)


def keys_of(shelf: Shelf) -> dict[str, str]:
    table = shelf.catalog("000000", ["name", "key"]).to_pydict()
    return dict(zip(table["name"], (key.hex for key in table["key"]), strict=True))


@pytest.fixture
def asks(server: PageServer, shelf: Shelf) -> Asks:
    return Asks(server, shelf)


def test_a_video_goes_out_in_the_ranges_that_are_asked_for(asks: Asks, drawn: Callable[[Drawing], Drawn]) -> None:
    content = drawn(PLAYED[1]).content
    answer, body = asks.media("b-frames")
    assert (answer.status, body, answer.headers["Accept-Ranges"]) == (200, content, "bytes")
    assert (
        answer.headers["ETag"] == f'"{sha256(content).hexdigest()}"' and answer.headers["Content-Type"] == "video/mp4"
    )
    answer, body = asks.media("b-frames", Range="bytes=1000-2999")
    assert (answer.status, body) == (206, content[1000:3000])
    assert answer.headers["Content-Range"] == f"bytes 1000-2999/{len(content)}"
    answer, body = asks.media("b-frames", Range="bytes=-77", If_Range=answer.headers["ETag"])
    assert (answer.status, body) == (206, content[-77:])
    answer, body = asks.media("b-frames", Range="bytes=5-", If_Range='"another file"')
    assert (answer.status, body) == (200, content)
    answer, body = asks.media("b-frames", Range=f"bytes={len(content)}-")
    assert (answer.status, body, answer.headers["Content-Range"]) == (416, b"", f"bytes */{len(content)}")
    answer, body = asks.media("b-frames", method="HEAD")
    assert (answer.status, body, answer.headers["Content-Length"]) == (200, b"", str(len(content)))


def test_nobody_is_answered_without_the_token_or_under_a_foreign_name(asks: Asks) -> None:
    token, key = asks.server.token, asks.keys["plain"]
    assert asks.server.server_address[0] == "127.0.0.1"
    assert asks(f"/{token}/")[0].status == 200 and asks(f"/{token}/", Host="localhost:9")[0].status == 200
    refused = ["/", "/favicon.ico", f"/media/{key}", f"/{token[:-1]}/", f"/{token}", f"/{token}x/media/{key}"]
    refused += [
        f"/{token}/media/{'0' * 32}",
        f"/{token}/media/../{key}",
        f"/{token}/still/{key}",
        f"/{token}/etc/passwd",
    ]
    assert {path: asks(path)[0].status for path in refused} == dict.fromkeys(refused, 404)
    for host in ("rebound.example", f"rebound.example:{asks.server.server_port}", "127.0.0.1.rebound.example", ""):
        answer, body = asks(f"/{token}/", Host=host)
        assert (answer.status, body) == (404, b"")
    assert asks(f"/{token}/", method="POST")[0].status == 501


def test_a_video_that_nothing_decodes_is_said_to_be_none(asks: Asks, shelf: Shelf) -> None:
    film = asks.server.films[asks.keys["plain"]]
    broken = Shelf(shelf.url).media_url("media/none.tar")
    asks.server.films = {
        **asks.server.films,
        "f" * 32: type(film)(film.name, type(film.request)(film.request.sample, broken, film.request.offsets), []),
    }
    for what in ("media", "times", "sheet"):
        answer, body = asks(f"/{asks.server.token}/{what}/{'f' * 32}")
        assert answer.status == 422 and b"none.tar" in body


def test_the_command_prints_an_address_that_answers_until_it_is_interrupted(shelf: Shelf) -> None:
    call = [sys.executable, "-m", "pipelines.cli", "browse", "--serve", "--shelf", shelf.url]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        assert served.stdout and served.stderr
        address = served.stdout.readline().strip()
        with urllib.request.urlopen(f"{address}times/{keys_of(shelf)['plain']}", timeout=300) as answer:
            assert len(json.load(answer)["pts"]) == 36
        served.send_signal(signal.SIGINT)
        assert served.wait(timeout=300) == 0 and served.stderr.read() == ""
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=10)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium")
    api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), timeout=PATIENCE_MS)
        yield browser
        browser.close()


class Watched:
    """The page in a browser, with what it complained about."""

    def __init__(self, browser: Any, address: str, keys: dict[str, str]) -> None:
        self.said: list[str] = []
        self.keys, self.tab = keys, browser.new_page(viewport={"width": 1280, "height": 900})
        self.tab.set_default_timeout(PATIENCE_MS)
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.goto(address)

    def open(self, name: str) -> None:
        self.tab.evaluate("key => open(key)", self.keys[name])
        self.shows(0)

    def shows(self, frame: int) -> None:
        """Wait until the page says that it shows this frame, and see that its number is burnt into what is seen: at
        once, or when the browser has drawn what the player has handed on."""
        self.tab.wait_for_selector(f".screen[data-frame='{frame}']")
        assert f"frame {frame} of 36" in self.tab.locator(".film .at").inner_text()
        until = time.monotonic() + LOOK_S
        while self.number() != frame and time.monotonic() < until:
            pass
        assert [self.number(), self.number()] == [frame, frame]

    def number(self) -> int:
        seen = self.tab.locator(".screen > :first-child").screenshot()
        return read(np.asarray(Image.open(io.BytesIO(seen)).convert("RGB")))

    def spans(self, lane: str) -> Any:
        return self.tab.locator(f".lanes button[aria-label^='{lane}:']")


@pytest.fixture(scope="module")
def watched(chromium: Any, server: PageServer, shelf: Shelf) -> Iterator[Watched]:
    found = Watched(chromium, server.url, keys_of(shelf))
    yield found
    found.tab.close()


@pytest.mark.parametrize("name", [one.name for one in PLAYED])
def test_a_click_on_a_span_shows_the_frame_that_the_note_names(watched: Watched, name: str) -> None:
    watched.open(name)
    assert watched.tab.locator(".screen video").count() == 1
    for place in (2, 1, 0):
        watched.spans("shot").nth(place).click()
        watched.shows(FIRSTS[place])
    assert watched.said == []


@pytest.mark.parametrize("name", [one.name for one in NOT_PLAYED])
def test_what_a_browser_does_not_play_is_shown_frame_by_frame(watched: Watched, name: str) -> None:
    watched.open(name)
    if watched.tab.locator(".screen video").count():
        pytest.skip("this browser plays it")
    assert "does not play this" in watched.tab.locator(".film .aside").inner_text()
    for place in (2, 1):
        watched.spans("shot").nth(place).click()
        watched.shows(FIRSTS[place])
    sheet = watched.tab.locator(".film img.sheet")
    sheet.scroll_into_view_if_needed()
    watched.tab.wait_for_function("() => document.querySelector('.film img.sheet').naturalWidth > 700")
    watched.said.clear()


def test_the_keyboard_walks_through_spans_and_frames(watched: Watched) -> None:
    watched.open("ntsc")
    press = watched.tab.keyboard.press
    watched.spans("shot").first.focus()
    press("ArrowRight")
    press("Enter")
    watched.shows(14)
    press(".")
    watched.shows(15)
    press(",")
    press(",")
    watched.shows(13)
    press("End")
    press("ArrowDown")
    assert "tilt up" in watched.tab.evaluate("document.activeElement.getAttribute('aria-label')")
    press("Enter")
    watched.shows(27)
    press("Escape")
    assert watched.tab.locator("#story").is_hidden()


def test_the_current_time_marks_every_lane(watched: Watched) -> None:
    watched.open("b-frames")
    watched.spans("shot").nth(1).click()
    watched.shows(14)
    marked = watched.tab.locator(".lanes button[aria-current=true]").all_inner_texts()
    assert marked == ["fade", "zoom in", "black", "fade"]
    now = float(watched.tab.evaluate("document.querySelector('.lanes').style.getPropertyValue('--now')").rstrip("%"))
    box, lane = (
        watched.tab.locator(one).bounding_box() for one in ("button[aria-label^='shot: fade']", ".lanes .lane >> nth=0")
    )
    assert box["x"] == pytest.approx(lane["x"] + lane["width"] * now / 100, abs=1)


def test_what_is_noted_stays_text(watched: Watched) -> None:
    watched.open("plain")
    assert watched.spans("scene text").first.inner_text() == HOSTILE
    watched.spans("scene text").first.click()
    watched.shows(3)
    assert HOSTILE in watched.tab.locator(".film .aside").inner_text()
    assert watched.tab.evaluate("window.hit") is None and watched.said == []


def test_the_written_page_asks_for_nothing_and_says_what_plays_it(chromium: Any, shelf: Shelf, tmp_path: Path) -> None:
    write_page(shelf, find_recipe("whole"), str(tmp_path / "page.html"), 20)
    asked: list[str] = []
    tab = chromium.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto((tmp_path / "page.html").as_uri())
    tab.evaluate("key => open(key)", keys_of(shelf)["plain"])
    assert "ostraka browse --serve plays it" in tab.locator(".film .aside").inner_text()
    tab.locator(".lanes button[aria-label^='shot:']").nth(1).click()
    assert "shot: fade, 0:00.583 to" in tab.locator(".film .aside").inner_text()
    assert tab.locator(".screen img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 256
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    tab.close()
