"""Frames at the desk: Chromium is sent to frames of drawn clips in a real Label Studio, and their numbers are read off.

Of every kind of time that a file may hold: the span of a note is sent as a region, the region is selected, and the
editor goes to its first frame; then to its last, and to every other frame. What stands on its canvas has to bear the
number of the frame that the note's time names. Then the annotation is submitted in the browser and read back. Writes
docs/proofs/desk_frames.md; a clip that is done is kept in WORK and not done again.

The editor draws its canvas when a seek ends, and not again until the next one. Chromium hands a frame on in a thread of
its own, which on a busy machine may come after that: the video then stands right and the canvas shows the frame before.
So where another number stands, it is looked again as a person would, from the frame beside it and back.

    python tests/long/desk_frames.py [WORK]
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from annotators.desk.label_studio.answer import read as read_answer
from annotators.desk.label_studio.environment import PROVEN, make_environment
from annotators.desk.label_studio.http import Editor, Secret
from annotators.desk.label_studio.project import Project, changes, open_project, send_tasks
from annotators.desk.label_studio.proxy import make_proxy
from annotators.desk.label_studio.regions import Clip
from annotators.desk.label_studio.server import Login, media, start, stop
from annotators.desk.label_studio.sheet import Sheet, Spans
from annotators.desk.label_studio.task import Said, Shown, make_task
from pipelines.ingest.drawn_clips import draw
from pipelines.ingest.drawn_digits import read
from pipelines.ingest.photographs import photographs_folder
from schemas.note import Note

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "proofs" / "desk_frames.md"
ENVIRONMENT = str(ROOT / "build" / "desk-server")
PHOTOGRAPHS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "gravel.png")
SHEET = Sheet("times", (Spans("span", ("seen",), says="A span"),))
FIRST, LAST = 9, 23
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
GO = "n => window.Htx.annotationStore.selected.names.get('clip').setFrame(n)"
READY = "() => window.Htx?.annotationStore?.selected?.names.get('clip')?.length > 1"
STANDS = "() => window.Htx.annotationStore.selected.names.get('clip').frame"
MOVED = f"() => ({STANDS})() > 1"
FRAMES = "() => window.Htx.annotationStore.selected.names.get('clip').length"
SEEN = """() => { const v = document.querySelector('video'), c = [...document.querySelectorAll('canvas')].find(
  c => c.closest('.lsf-video-canvas, [class*=video-canvas]'));
  return v && c && v.readyState >= 2 && !v.seeking ? [c.toDataURL('image/png'), v.videoWidth, v.videoHeight] : null }"""
PATIENCE_S = 600.0
MOVES_S, LOOKS, LOOK_S = 120.0, 15, 2.0
VIEW = {"width": 1500, "height": 950}


def submitted(answer: Any) -> bool:
    return answer.request.method == "POST" and "/annotations" in answer.url and answer.ok


def cases() -> Any:
    spec = importlib.util.spec_from_file_location("drawn_times", ROOT / "tests" / "drawn_times.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CLIPS


def entered(play: Any, url: str, who: Login) -> Any:
    """Return a page of a Chromium of its own in which the desk's user is let in."""
    patience_ms = PATIENCE_S * 1000
    browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=[*FLAGS], timeout=patience_ms)
    page = browser.new_page(viewport=VIEW)
    page.set_default_timeout(patience_ms)
    page.goto(f"{url}/user/login/", wait_until="domcontentloaded")
    page.fill("input[name=email]", who.email)
    page.fill("input[name=password]", who.password.shown)
    page.click("button[type=submit]")
    page.wait_for_url(lambda now: "/login" not in now, wait_until="commit")
    return page


def number(page: Any) -> int:
    """Return the number on the editor's canvas, once a frame is there."""
    end = time.monotonic() + PATIENCE_S
    while not (seen := page.evaluate(SEEN)):
        assert time.monotonic() < end, "no frame came"
        page.wait_for_timeout(20)
    with Image.open(io.BytesIO(base64.b64decode(seen[0].partition(",")[2]))) as picture:
        canvas = np.asarray(picture.convert("RGB"))
    (height, width), (wide, high) = canvas.shape[:2], seen[1:]
    left, top = round((width - wide) / 2), round((height - high) / 2)
    return read(canvas[top : top + high, left : left + wide])


def one_look(page: Any, wanted: int) -> int:
    """Return the number that was wanted as soon as it stands there, or the one that stands there after a while."""
    end = time.monotonic() + LOOK_S
    while (found := number(page)) != wanted and time.monotonic() < end:
        page.wait_for_timeout(50)
    return found


def settled(page: Any, wanted: int, looks: int = LOOKS) -> int:
    """Return the number at the frame where the editor says it stands: the wanted one, or another after all looks."""
    found = one_look(page, wanted)
    for _ in range(looks - 1):
        if found == wanted:
            break
        stands = page.evaluate(STANDS)
        page.evaluate(GO, stands - 1 if stands > 1 else stands + 1)
        number(page)
        page.evaluate(GO, stands)
        found = one_look(page, wanted)
    return found


def looked_at(page: Any, url: str, project: int, task: int, first: int, last: int) -> dict[str, Any]:
    page.goto(f"{url}/projects/{project}/data?task={task}", wait_until="domcontentloaded")
    page.wait_for_function(READY)
    assert settled(page, 0) == 0, "the editor begins at the first frame"
    page.locator(".lsf-outliner-item__title").first.click()
    page.wait_for_function(MOVED, timeout=MOVES_S * 1000)
    begins = settled(page, first)
    frames = page.evaluate(FRAMES)
    page.evaluate(GO, last + 1)
    ends = settled(page, last)
    wrong = list[tuple[int, int]]()
    for place in range(frames):
        page.evaluate(GO, place + 1)
        if (found := settled(page, place, 1 if wrong else LOOKS)) != place:
            wrong.append((place, found))
    with page.expect_response(submitted):
        page.get_by_role("button", name="Submit").click()
    return {"frames": frames, "first": begins, "last": ends, "wrong": wrong}


def prove(page: Any, editor: Editor, folder: str, name: str) -> dict[str, Any]:
    drawing = cases()[name]
    photographs = [np.asarray(Image.open(Path(photographs_folder()) / one).convert("RGB")) for one in PHOTOGRAPHS]
    drawn = draw(drawing, photographs)
    proxy = make_proxy(drawn.content, drawing.container)
    Path(media(folder), proxy.name).write_bytes(proxy.content)
    clip = Clip(0, proxy.map)
    note = Note("span", "seen", clip.map.span(0, FIRST, LAST + 1))
    assert (note.at.start_pts, note.at.end_pts) == (drawn.pts[FIRST], drawn.pts[LAST + 1])
    project = open_project(editor, Project("frames", SHEET), media(folder))
    uri = f"/data/local-files/?d=media/{proxy.name}"
    task = send_tasks(editor, project, [make_task(SHEET, name, Shown(uri, clip), [Said("a model", (note,))])])[name]
    found = looked_at(page, editor.url, project, task, FIRST, LAST)
    (changed,) = [one for one in changes(editor, project)[0] if one.item == name]
    answer = read_answer(SHEET, changed.annotations[0].result, clip, sent_under=changed.sheet)
    return found | {"rate": clip.map.rate, "time_base": clip.map.time_base, "back": answer.notes == (note,)}


def report(done: dict[str, dict[str, Any]]) -> str:
    lines = [
        "---\norphan: true\n---\n",
        "# Frames at the desk\n",
        f"Drawn clips, each frame with its number, in Label Studio {PROVEN} and Chromium. A span from frame {FIRST} to",
        f"frame {LAST} is sent as a region and selected there. Read off the editor's canvas are the number of the",
        "frame that it goes to, that of the span's last frame, and those of all other frames. Then the annotation is",
        "submitted in the browser and read back.\n",
        "| times of the file | rate | unit | frames | first | last | frames that are another | the span came back |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    for name, one in done.items():
        rate, unit = "/".join(map(str, one["rate"])), "/".join(map(str, one["time_base"]))
        back = "exactly" if one["back"] else "otherwise"
        counted = f"{one['frames']} | {one['first']} | {one['last']} | {len(one['wrong'])}"
        lines.append(f"| {name} | {rate} | {unit} | {counted} | {back} |")
    return "\n".join([*lines, "", "Written by `python tests/long/desk_frames.py`.", ""])


def main() -> None:
    from playwright.sync_api import sync_playwright

    work = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "desk-frames")
    kept = work / "done.json"
    done = json.loads(kept.read_text()) if kept.exists() else {}
    make_environment(ENVIRONMENT)
    folder = str(work / f"desk-{secrets.token_hex(4)}")
    who = Login("desk@example.com", Secret(secrets.token_hex(10)), Secret(secrets.token_hex(20)))
    try:
        with Editor(start(folder, ENVIRONMENT, who, wait_s=600).url, who.token) as editor, sync_playwright() as play:
            page = entered(play, editor.url, who)
            for name in cases():
                if name not in done:
                    done[name] = prove(page, editor, folder, name)
                    kept.write_text(json.dumps(done))
                    print(name, done[name], flush=True)
            page.context.browser.close()
    finally:
        stop(folder)
    REPORT.write_text(report({name: done[name] for name in cases()}))
    bad = [
        n for n, one in done.items() if not one["back"] or one["wrong"] or (one["first"], one["last"]) != (FIRST, LAST)
    ]
    sys.exit(f"another frame than the note's: {', '.join(bad)}" if bad else 0)


if __name__ == "__main__":
    main()
