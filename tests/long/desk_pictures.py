"""Pictures of the desk for the docs: an annotator's task and a review of it, of a clip of ../shared/data/video/mdn_cc0.

Starts a Label Studio of its own, sends what a model and an annotator say, and photographs what Chromium shows. Writes
those of actions and of the review into docs/pictures, and those of the other layers into WORK.

    python tests/long/desk_pictures.py [WORK]
"""

from __future__ import annotations

import io
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from annotators.desk.label_studio.environment import make_environment
from annotators.desk.label_studio.find import SHEETS
from annotators.desk.label_studio.http import Editor, Secret
from annotators.desk.label_studio.project import Project, open_project, send_tasks
from annotators.desk.label_studio.proxy import make_proxy
from annotators.desk.label_studio.regions import Clip
from annotators.desk.label_studio.review import review_sheet
from annotators.desk.label_studio.server import Login, media, start, stop
from annotators.desk.label_studio.sheet import Sheet
from annotators.desk.label_studio.task import Said, Shown, make_task
from schemas.note import Note, Track

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = os.environ.get("OSTRAKA_DESK_SERVER", str(ROOT / "build" / "desk-server"))
PICTURES = ROOT / "docs" / "pictures"
DATA = Path(os.environ.get("OSTRAKA_DATA", ROOT.parent / "shared" / "data"))
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
READY = "() => window.Htx?.annotationStore?.selected?.names.get('clip')?.length > 1"
PATIENCE_S = 90.0
KEPT = ("desk_actions", "desk_review")
GUIDELINE = "Guideline 3: mark every action from its first frame to its last. Say who does it."


def notes(clip: Clip) -> dict[str, tuple[Note, ...]]:
    """Return what is said of the clip, layer by layer."""
    whole, some = clip.map.span(0, 0, clip.map.frames), clip.map.span(0, 20, 150)
    box = tuple((clip.map.pts[place], 120.0 + place / 4, 90.0, 200.0 + place / 4, 170.0) for place in range(10, 120))
    track = Track(0, clip.map.time_base, box)
    return {
        "actions": (
            Note("action", "hold", some),
            Note("action_actor", "the toy rabbit", some),
            Note("action_description", "A toy rabbit stands still on a wooden table.", some),
            Note("action_completeness", "full", some),
        ),
        "scene_text": (Note("scene_text", "###", track), Note("scene_text_legibility", "illegible", track)),
        "camera_motion": (Note("camera_clear", "yes"), Note("camera_motion", "zoom_in", whole)),
        "shots": (Note("shot", "start", whole), Note("shot_scale", "medium", whole)),
    }


def photograph(page: Any, editor: Editor, folder: str, sheet: Sheet, said: Said, shown: Shown, name: str) -> None:
    purpose = "review" if sheet.name.endswith("_review") else "annotate"
    project = open_project(editor, Project("desk", sheet, "ana", purpose), media(folder))
    task = make_task(sheet, name, shown, [said], guideline=GUIDELINE, guideline_version="3")
    number = send_tasks(editor, project, [task])[name]
    page.goto(f"{editor.url}/projects/{project}/data?task={number}", wait_until="domcontentloaded")
    page.wait_for_function(READY, timeout=PATIENCE_S * 1000)
    page.locator(".lsf-outliner-item__title").first.click(timeout=PATIENCE_S * 1000)
    page.wait_for_timeout(4000)
    place = (PICTURES if name in KEPT else Path(folder)) / f"{name}.png"
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(128).save(place, optimize=True)
    print(place, flush=True)


def main() -> None:
    from playwright.sync_api import sync_playwright

    work = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "desk-pictures")
    folder = str(work / f"desk-{secrets.token_hex(4)}")
    who = Login("ana@example.com", Secret(secrets.token_hex(10)), Secret(secrets.token_hex(20)))
    proxy = make_proxy((DATA / "video" / "mdn_cc0" / "rabbit320.mp4").read_bytes(), "mp4")
    clip = Clip(0, proxy.map)
    make_environment(ENVIRONMENT)
    PICTURES.mkdir(exist_ok=True)
    try:
        with Editor(start(folder, ENVIRONMENT, who, wait_s=600).url, who.token) as editor, sync_playwright() as play:
            Path(media(folder), proxy.name).write_bytes(proxy.content)
            shown = Shown(f"/data/local-files/?d=media/{proxy.name}", clip)
            browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=[*FLAGS])
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(f"{editor.url}/user/login/", wait_until="domcontentloaded")
            page.fill("input[name=email]", who.email)
            page.fill("input[name=password]", who.password.shown)
            page.click("button[type=submit]")
            page.wait_for_url(lambda url: "/login" not in url, wait_until="commit", timeout=PATIENCE_S * 1000)
            for layer, said in notes(clip).items():
                photograph(page, editor, folder, SHEETS[layer], Said("a model", said), shown, f"desk_{layer}")
            review = review_sheet(SHEETS["actions"])
            judged = Said("what is judged", notes(clip)["actions"])
            photograph(page, editor, folder, review, judged, shown, "desk_review")
            browser.close()
    finally:
        stop(folder)


if __name__ == "__main__":
    main()
