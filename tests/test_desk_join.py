"""A desk from a shelf to a shelf: a real Label Studio, real clips, people who sign in, disagree, review and settle."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from annotators.desk.label_studio.door import Door
from annotators.desk.label_studio.environment import is_ready
from annotators.desk.label_studio.http import Secret
from annotators.desk.label_studio.server import Login, start, stop
from annotators.desk.label_studio.task import Shown
from pipelines.cli import main
from schemas.errors import BadInput, Unavailable
from schemas.note import Note, Track

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ.get("OSTRAKA_DESK_SERVER", str(ROOT / "build" / "desk-server"))
DATA = Path(os.environ.get("OSTRAKA_DATA", ROOT.parent / "shared" / "data")) / "video" / "mdn_cc0"
CLIPS = ("rabbit320.mp4", "frog.webm", "elf.webm")
LAYERS = ("actions", "scene_text", "camera_motion", "shots")
SECONDS_TO_START = 400.0


def load(path: str) -> ModuleType:
    """Load a module beside the tests, which are no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, Path(__file__).parent / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hands = load("desk_hands.py")
WHO = Login("desk@example.com", Secret(secrets.token_hex(10)), Secret(secrets.token_hex(20)))


def ostraka(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert not ended.value.code


def up(folder: Path) -> None:
    start(str(folder), ENVIRONMENT, WHO, hooks=True, wait_s=SECONDS_TO_START)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> str:
    if not DATA.is_dir():
        pytest.skip(f"no clips in {DATA}: set OSTRAKA_DATA")
    source = tmp_path_factory.mktemp("clips")
    for name in CLIPS:
        shutil.copyfile(DATA / name, source / name)
    shelf = str(tmp_path_factory.mktemp("shelf"))
    try:
        main(["ingest", str(source), "--shelf", shelf])
    except SystemExit as ended:
        assert not ended.code
    return shelf


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if not is_ready(ENVIRONMENT):
        pytest.skip(f"no Label Studio in {ENVIRONMENT}: run `make desk-server`, or set OSTRAKA_DESK_SERVER")
    folder = tmp_path_factory.mktemp("desk")
    try:
        up(folder)
        yield folder
    finally:
        stop(str(folder))


def keys(shelf: str) -> list[str]:
    from pipelines.shelf.shelf import Shelf

    return [str(row["key"]).replace("-", "") for row in Shelf(shelf).catalog("000000", ["key"]).to_pylist()]


def says(layer: str, shown: Shown, shift: int = 0, text: str = "###", verb: str = "hold") -> Sequence[Note]:
    """Return what somebody says who begins `shift` frames late."""
    assert shown.clip is not None
    frames = shown.clip.map
    span = frames.span(shown.clip.part, 2 + shift, frames.frames - 2)
    if layer == "actions":
        return (Note("action", verb, span), Note("action_actor", "a toy", span))
    if layer == "camera_motion":
        return (Note("camera_clear", "yes"), Note("camera_motion", "static", span))
    if layer == "shots":
        return (Note("shot", "start", span), Note("shot_scale", "medium", span))
    boxes = tuple((pts, 20.0 + shift, 20.0, 90.0 + shift, 60.0) for pts in frames.pts)
    track = Track(shown.clip.part, frames.time_base, boxes)
    return (Note("scene_text_kind", "scene", track), Note("scene_text", text, track))


def thinned(hints: Sequence[int], key: str) -> list[int]:
    """Return hints as a network may bring them: 30 % lost, 30 % doubled, in another order."""
    drawn = [(sha256(f"{key} {place} {hint}".encode()).digest(), hint) for place, hint in enumerate(hints)]
    kept = [(draw, hint) for draw, hint in drawn if draw[0] >= 77]
    doubled = [(draw[1:] + draw[:1], hint) for draw, hint in kept if draw[1] < 77]
    return [hint for _, hint in sorted(kept + doubled)]


def test_from_a_shelf_to_people_and_back(server: Path, shelf: str, tmp_path: Path) -> None:
    desk = hands.Desk(server, WHO.token.shown)
    desk.do("ask", "actions", "scene_text", "--review-share", "0")
    desk.do("ask", "camera_motion", "shots", "--review-share", "1")
    desk.do("people", "ana", "ben")
    desk.do("people", "rita", "--role", "reviewer")
    desk.do("people", "ada", "--role", "adjudicator", "--cost", "40")
    asked = tmp_path / "list.txt"
    asked.write_text("".join(f"{key} 0.5 1.5\n" for key in keys(shelf)))
    said = desk.do("send", *LAYERS, "--shelf", shelf, "--list", str(asked))
    assert "12 asked; 0 in the queue before" in said
    assert "nothing new; 12 in the queue before" in desk.do("send", *LAYERS, "--shelf", shelf, "--list", str(asked))
    assert "24 sent" in desk.do("sync", "--each", "20")
    assert "0 sent, 0 taken back" in desk.do("sync", "--each", "20"), "a second pass does nothing"

    broken = keys(shelf)[0]
    with desk.ledger() as ledger, desk.syncing(ledger) as sync, Door(Secret("a secret")) as door:
        for project in sync.whole(0).projects:
            door.ask_for_hooks(sync.editor, project)
        desk.annotate("ana", says)
        _knock(sync, door, "ana", 4)
        port = stop_and_start(server)
        assert port
    with desk.ledger() as ledger, desk.syncing(ledger) as sync, Door(Secret("a secret")) as door:
        item_of_broken = next(
            one.item.id for one in ledger.state.items() if one.item.sample == broken and one.item.layer == "actions"
        )

        def ben(layer: str, shown: Shown) -> Sequence[Note]:
            other = shown == desk.shown(item_of_broken) and layer == "actions"
            return says(layer, shown, shift=1, verb="throw" if other else "hold")

        desk.annotate("ben", ben)
        _knock(sync, door, "ben", 0)
        sync.whole(20)
        state = ledger.refresh()
        written = [one for work in state.items() for one in work.versions.values() if one.origin == "annotation"]
        assert len(written) == 24 and {one.state for one in written} <= {"annotated", "superseded"}
        states = {(one.item.layer, one.item.sample == broken): one.state for one in state.items()}
        assert states["actions", True] == "adjudicate" and states["actions", False] == "accepted"
        assert states["scene_text", True] == "accepted"
        assert states["camera_motion", True] == states["shots", False] == "in_review"

    assert desk.judge("rita", lambda layer, shown: _verdict(layer, shown)) == 6
    assert desk.annotate("ada", says, "adjudicate")
    assert "7 judged" in desk.do("sync", "--each", "20")
    with desk.ledger() as ledger:
        states = {one.item.layer: one.state for one in ledger.state.items()}
        assert states["actions"] == states["camera_motion"] == "accepted" and states["shots"] == "draft"
    assert desk.annotate("ana", says) and desk.annotate("ben", says)
    assert "written" in desk.do("sync", "--each", "20")
    assert desk.judge("rita", lambda layer, shown: ("accept", "", "", says(layer, shown))) == 3
    desk.do("sync", "--each", "20")
    with desk.ledger() as ledger:
        assert {one.state for one in ledger.state.items()} == {"accepted"}
        how = sorted((one.item.layer, one.how) for one in ledger.standing())
        assert how.count(("actions", "adjudication")) == 1 and how.count(("actions", "agreement")) == 2
        assert how.count(("camera_motion", "fix")) == 3 and how.count(("shots", "review")) == 3


def _verdict(layer: str, shown: Shown) -> tuple[str, str, str, Sequence[Note]]:
    if layer == "camera_motion":
        return "fix", "it begins sooner", "boundary", says(layer, shown)
    return "reject", "mark the shot to its end", "boundary", says(layer, shown)


def _knock(sync: Any, door: Door, key: str, least: int) -> None:
    """Look where a hint says, of those that the network brings; the rest is for a whole pass to find."""
    hints = list[int]()
    while len(set(hints)) < least and (more := door.hints(60.0)):
        hints += sorted(more)
    for hint in thinned(hints * 3, key):
        sync.quick(0, frozenset([hint]))


def stop_and_start(folder: Path) -> bool:
    assert stop(str(folder))
    up(folder)
    return True
