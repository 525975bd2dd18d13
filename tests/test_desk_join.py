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

from annotators.desk.item import Item
from annotators.desk.label_studio.door import Door
from annotators.desk.label_studio.environment import is_ready
from annotators.desk.label_studio.http import Secret
from annotators.desk.label_studio.server import Login, start, stop
from annotators.desk.label_studio.task import Shown
from pipelines.cli import main
from pipelines.desk.folder import Folder, now_ms
from pipelines.desk.syncing import following, url_of
from schemas.errors import BadInput, Unavailable
from schemas.form import read
from schemas.note import Note, Track
from schemas.people import words_in
from schemas.sample import Sample
from schemas.shard import samples
from trainer.documents.clip_frames import ClipRule
from trainer.documents.codec import Codec
from trainer.documents.encode import encode
from trainer.documents.tokens import train_tokens

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
    """Run a command, which ends well."""
    try:
        main(list(arguments))
    except SystemExit as ended:
        assert not ended.code


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
    ostraka("ingest", str(source), "--shelf", shelf)
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


def says(layer: str, shown: Shown, shift: int = 0, text: str = "OPEN", verb: str = "hold") -> Sequence[Note]:
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
    boxes = tuple((pts, 20.0 + shift, 20.0, 90.0 + shift, 60.0) for pts in frames.pts[4:-4])
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
    assert {path.stat().st_mode & 0o777 for path in (server / "people").iterdir()} == {0o600}
    desk.do("people", "rita", "--role", "reviewer")
    desk.do("people", "ada", "--role", "adjudicator", "--cost", "40")
    asked = tmp_path / "list.txt"
    asked.write_text("".join(f"{key} 0.5 1.5\n" for key in keys(shelf)))
    assert "12 asked; 0 in the queue before" in desk.do("send", *LAYERS, "--shelf", shelf, "--list", str(asked))
    assert "nothing new; 12 in the queue before" in desk.do("send", *LAYERS, "--shelf", shelf, "--list", str(asked))
    assert "24 sent" in desk.do("sync", "--each", "20")
    assert "0 sent, 0 taken back" in desk.do("sync", "--each", "20"), "a second pass does nothing"

    broken = keys(shelf)[0]
    with desk.ledger() as ledger, desk.syncing(ledger) as sync, Door(Secret("a secret")) as door:
        for project in sync.whole(0).projects:
            door.ask_for_hooks(sync.editor, project)
        desk.annotate("ana", says)
        _knock(sync, door, "ana", 4)
        assert stop(str(server))
        up(server)
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

    desk.do("collect", "--shelf", shelf)
    ostraka("run", "whole", "--shelf", shelf)
    ostraka("export", "clips", "--shelf", shelf, "--to", str(tmp_path / "out"), "--spans", "shot", "--turns", "all")
    taught = list(_documents(tmp_path / "out"))
    assert len(taught) == 3
    for sample, told in taught:
        words = {word.layer: word for word in words_in(sample.people)}
        assert words.keys() == set(LAYERS) and {"ana", "ben", "rita", "ada"}.isdisjoint(sample.people.split('"'))
        assert words["camera_motion"].how == "fix" and words["shots"].how == "review"
        assert words["actions"].how == ("adjudication" if sample.source.parent == broken else "agreement")
        assert "a toy" in told and "OPEN" in told and "medium" in told


def _documents(export: Path) -> Iterator[tuple[Sample, str]]:
    """Yield the samples of an export, each with all that a model learns to say of it."""
    words = ["From 0.0 s to 1.9 s: a toy, hold. OPEN. Scale: medium. The camera stands still."] * 9
    codec = Codec("4.1v", train_tokens(words, 400), clip=ClipRule(most_tokens=60))
    for tar in sorted(export.rglob("*.tar")):
        for _, members in samples(str(tar)):
            sample, contents = read(members)
            document = encode(sample, contents, codec)
            learnt = [int(token) for token, part in zip(document.tokens_T, document.is_target_T, strict=True) if part]
            yield sample, codec.tokens.decode(learnt)


def _verdict(layer: str, shown: Shown) -> tuple[str, str, str, Sequence[Note]]:
    if layer == "camera_motion":
        return "fix", "it begins sooner", "boundary", says(layer, shown)
    return "reject", "mark the shot to its end", "boundary", says(layer, shown)


def _knock(sync: Any, door: Door, key: str, least: int) -> None:
    """Look where a hint says, of those that the network brings; the rest is for a whole pass to find."""
    hints = list[int]()
    while len(set(hints)) < least and (more := door.hints(300.0)):
        hints += sorted(more)
    for hint in thinned(hints, key):
        sync.quick(0, frozenset([hint]))


CHOSEN = ({"from_name": "person_choice", "to_name": "words", "type": "choices", "value": {"choices": ["good"]}},)
MINE = """
from msgspec.structs import replace

from annotators.desk.label_studio.find import SHEETS

NEWER = replace(SHEETS["plain_words"], version=2)
"""


@pytest.fixture
def second(server: Path, tmp_path: Path) -> Any:
    """Return another desk on the same server, which is elsewhere to it; the people of the first are there already."""
    up(server)
    first = hands.Desk(server, WHO.token.shown)
    if not (server / "people" / "ana.json").exists():
        first.do("ask", "plain_words")
        first.do("people", "ana", "ben")
    desk = hands.Desk(tmp_path / "second", WHO.token.shown)
    desk.do("ask", "plain_words", "--editor", url_of(Folder(str(server))), "--overlap", "1", "--review-share", "0")
    assert desk.do("people", "ana", "ben").count("is there already") == 2
    shutil.copytree(server / "people", tmp_path / "second" / "people")
    with desk.ledger() as ledger:
        items = [Item(f"item{n}", "plain_words", f"{n:032x}", facts={"words": f"Text {n}."}) for n in range(10)]
        assert ledger.select(items, now_ms()) == 10
    return desk


def refused(desk: Any) -> dict[str, int]:
    with desk.ledger() as ledger:
        return dict(ledger.state.refused)


def test_what_people_do_wrong_is_told_and_counts_for_nothing(second: Any) -> None:
    assert "10 sent" in second.do("sync", "--each", "5")
    ana, ben = ({task.item: task.task for _, task in second.tasks(name)} for name in ("ana", "ben"))
    assert len(ana) == len(ben) == 5 and not ana.keys() & ben.keys()
    foreign, empty, unsaid, skipped, good = ana
    why = {"from_name": "ostraka_skip", "to_name": "words", "type": "textarea", "value": {"text": ["no words"]}}
    second.submit("ben", ana[foreign], CHOSEN)
    mended = second.submit("ana", ana[empty], [])
    second.submit("ana", ana[unsaid], [], was_cancelled=True)
    second.submit("ana", ana[skipped], [why], was_cancelled=True)
    gone = second.submit("ana", ana[good], CHOSEN)
    said = second.do("sync", "--each", "0")
    assert f"ben, item {foreign}, task {ana[foreign]}: foreign_project: in the project of ana" in said
    assert f"ana, item {empty}, task {ana[empty]}: empty" in said
    assert f"ana, item {unsaid}, task {ana[unsaid]}: no_reason_to_skip" in said
    assert "3 refused, 1 skipped, 1 written" in said
    assert "in: nothing new" in second.do("sync", "--each", "0") and refused(second)["foreign_project"] == 1

    with second.editor("ana") as editor:
        editor.send("PATCH", f"/api/annotations/{mended}/", {"result": CHOSEN})
        editor.send("DELETE", f"/api/annotations/{gone}/", None)
    assert "1 refused, 1 written" in second.do("sync", "--each", "0")
    assert refused(second)["deleted_after_acceptance"] == 1
    with second.ledger() as ledger:
        assert {one.item.id for one in ledger.standing()} == {empty, good}


def test_a_lease_without_a_task_is_sent_and_a_task_without_a_lease_is_taken_back(second: Any) -> None:
    with second.ledger() as ledger:
        (lost, _), (back, _) = (
            ledger.take("ana", "annotator", now_ms(), most=2),
            ledger.take("ben", "annotator", now_ms(), most=2),
        )
    assert "4 sent" in second.do("sync", "--each", "0"), "whoever was killed after the lease"
    begun = next(task for _, task in second.tasks("ben") if task.item != back.item.id)
    with second.editor("ben") as editor:
        editor.send("POST", f"/api/tasks/{begun.task}/drafts", {"result": CHOSEN, "lead_time": 1.0})
    second.do("change", back.item.id, begun.item, "--release")
    second.do("change", lost.item.id, "--to", "ben")
    assert "1 sent, 2 taken back" in second.do("sync", "--each", "0"), "what somebody has begun is left"
    assert {task.item for _, task in second.tasks("ben")} >= {lost.item.id}
    assert "0 sent, 0 taken back" in second.do("sync", "--each", "0")


def test_what_was_sent_under_an_older_sheet_is_sent_anew_and_late_where_it_comes_in(
    second: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "2 sent" in second.do("sync", "--each", "1")
    [(_, task)] = second.tasks("ana")
    second.submit("ana", task.task, CHOSEN)
    second.do("sync", "--each", "1")
    (_, begun) = next(one for one in second.tasks("ana") if not one[1].annotations)
    (tmp_path / "newer_words.py").write_text(MINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BadInput, match="1 notes of plain_words were accepted under what changes"):
        second.do("ask", "newer_words:NEWER")
    assert "1 item looked at again" in second.do("ask", "newer_words:NEWER", "--accepted", "reopen")
    second.submit("ana", begun.task, CHOSEN)
    said = second.do("sync", "--each", "1")
    assert f"ana, item {begun.item}, task {begun.task}: older_config: it is kept" in said
    newer = [task.sheet for _, task in second.tasks("ben") if not task.annotations]
    assert newer and begun.sheet not in newer


def test_a_server_that_is_down_or_does_not_know_the_token_is_named_and_nothing_is_lost(
    second: Any, server: Path
) -> None:
    second.do("sync", "--each", "1")
    stranger = hands.Desk(Path(second.folder), secrets.token_hex(20))
    with pytest.raises(BadInput, match="does not accept the token") as told:
        stranger.do("sync")
    assert WHO.token.shown not in str(told.value)
    with second.ledger() as ledger, second.syncing(ledger) as sync:
        stop(str(server))
        sync.editor._tries = 1
        with pytest.raises(Unavailable, match="the same command goes on"):
            sync.whole(3)
        before = ledger.digest()
    up(server)
    second.do("ask", "plain_words", "--editor", url_of(Folder(str(server))))
    assert "4 sent" in second.do("sync", "--each", "3")
    with second.ledger() as ledger:
        assert len(ledger.held()) == 6 and ledger.digest() != before


class Killed(BaseException):
    """A process that is no more."""


def test_killed_behind_any_request_the_next_pass_sends_what_is_missing_and_nothing_twice(second: Any) -> None:
    kills = 0
    with second.ledger() as ledger, second.syncing(ledger) as sync:
        send = sync.editor.send

        def once(*given: Any, **more: Any) -> None:
            send(*given, **more)
            raise Killed

        while True:
            sync.editor.send = once
            try:
                sync.whole(5)
                break
            except Killed:
                kills += 1
        assert kills == 4, "two projects, and the tasks of each"
        sync.editor.send = send
        assert (passed := sync.whole(5)).sent == 0 and passed.taken_back == 0
        held = {one.task for one in ledger.held()}
    tasks = [task for name in ("ana", "ben") for _, task in second.tasks(name)]
    assert len(tasks) == len({task.ticket for task in tasks}) == len(held) == 10


def test_who_follows_takes_in_what_comes_waits_for_a_server_and_sees_a_change_of_the_desk(server: Path) -> None:
    up(server)
    desk = hands.Desk(server, WHO.token.shown)
    desk.do("ask", "plain_words", "--overlap", "1", "--review-share", "0")
    desk.do("people", "cy")
    at = Folder(str(server))
    with desk.ledger() as ledger, desk.syncing(ledger) as sync:
        ledger.select([Item(f"word{n}", "plain_words", f"{n:032x}", facts={"words": "A text."}) for n in range(9)], 1)
        passes = following(at, ledger, sync, 1, 0.2)
        assert sum(next(passes).sent for _ in range(2)) > 0
        hooks = sync.editor.get("/api/webhooks/")
        assert hooks and WHO.token.shown not in str(hooks)
        [first] = [task for owned, task in desk.tasks("cy") if owned.sheet and owned.sheet.name == "plain_words"]
        desk.submit("cy", first.task, CHOSEN)
        assert any(next(passes).taken.outcomes["written"] for _ in range(20))
        assert stop(str(server))
        sync.editor._tries = 1
        assert "does not answer" in next(one.broken for one in passes if one.broken)
    up(server)
    with desk.ledger() as ledger, desk.syncing(ledger) as sync:
        passes = following(at, ledger, sync, 1, 0.2)
        assert not next(passes).broken
        desk.do("ask", "plain_words", "--review-share", "0.5")
        assert len(list(passes)) <= 1, "a desk that changed is opened anew"


def test_one_desk_is_synced_by_one_process(second: Any) -> None:
    with Folder(second.folder).syncing(), pytest.raises(Unavailable, match="another sync is at work"):
        second.do("sync")
