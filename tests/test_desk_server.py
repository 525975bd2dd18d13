"""A real Label Studio server: what is sent comes back to the frame, once, whatever happens to the server meanwhile."""

from __future__ import annotations

import importlib.util
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from types import ModuleType

import pytest

from annotators.desk.label_studio.answer import read
from annotators.desk.label_studio.door import HEADER, Door
from annotators.desk.label_studio.environment import is_ready
from annotators.desk.label_studio.find import SHEETS
from annotators.desk.label_studio.http import Editor, Secret
from annotators.desk.label_studio.people import invitation, people, sign_up
from annotators.desk.label_studio.project import Project, changes, open_project, send_tasks, sent_items
from annotators.desk.label_studio.proxy import make_proxy
from annotators.desk.label_studio.regions import Clip
from annotators.desk.label_studio.server import Login, Running, find, media, start, stop
from annotators.desk.label_studio.sheet import Choice, Line, Sheet, Spans, Tracks
from annotators.desk.label_studio.task import Said, Shown, Task, make_task
from pipelines.ingest.drawn_clips import Drawing, Drawn
from schemas.errors import BadInput, Unavailable
from schemas.note import Note, Track

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ.get("OSTRAKA_DESK_SERVER", str(ROOT / "build" / "desk-server"))


def load(path: str) -> ModuleType:
    """Load a module beside the tests, which are no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, Path(__file__).parent / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


drawn_times, desk_frames = load("drawn_times.py"), load("long/desk_frames.py")
CLIPS: dict[str, Drawing] = drawn_times.CLIPS

WORDS = SHEETS["plain_words"]
TIMES = Sheet(
    "times",
    (
        Spans("span", ("a", "b"), (Line("says"),), least_frames=1),
        Tracks("kind", ("scene",), (Line("scene_text"), Choice("seen", ("yes", "no"))), tolerance_px=0.0),
    ),
)
GOOD = [
    {"id": "a", "from_name": "person_choice", "to_name": "words", "type": "choices", "value": {"choices": ["good"]}}
]
SECONDS_TO_START = 900.0


@pytest.fixture(scope="module")
def who() -> Login:
    return Login("desk@example.com", Secret(secrets.token_hex(10)), Secret(secrets.token_hex(20)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("desk"))


def up(folder: str, who: Login) -> Running:
    """Start the server of a folder, or find it; it may call hooks on this machine."""
    return start(folder, ENVIRONMENT, who, hooks=True, wait_s=SECONDS_TO_START)


@pytest.fixture(scope="module")
def running(who: Login, folder: str) -> Iterator[Running]:
    if not is_ready(ENVIRONMENT):
        pytest.skip(f"no Label Studio in {ENVIRONMENT}: run `make desk-server`, or set OSTRAKA_DESK_SERVER")
    try:
        yield up(folder, who)
    finally:
        stop(folder)


@pytest.fixture
def editor(running: Running, who: Login, folder: str) -> Iterator[Editor]:
    with Editor(up(folder, who).url, who.token) as editor:
        yield editor


def submit(editor: Editor, task: int, result: object, **more: object) -> int:
    return int(
        editor.send("POST", f"/api/tasks/{task}/annotations/", {"result": result, "lead_time": 2.5, **more})["id"]
    )


def worded(item: str, sheet: Sheet = WORDS) -> Task:
    return make_task(sheet, item, Shown(words=f"The text of {item}."), guideline_version="3")


def timed(drawing: Drawing, clip: Drawn) -> tuple[Clip, list[Note]]:
    """Return a clip's frames, and notes on spans from nearly every frame to nearly every other, and its tracks."""
    shown = Clip(0, make_proxy(clip.content, drawing.container).map)
    pairs = combinations(range(0, shown.map.frames + 1, 4), 2)
    spans = [(place, place + 1) for place in range(shown.map.frames)] + list(pairs)
    notes = [Note("span", "ab"[place % 2], shown.map.span(0, *pair)) for place, pair in enumerate(dict.fromkeys(spans))]
    for note in clip.notes:
        if isinstance(note.at, Track):
            notes += [
                Note("kind", "scene", note.at),
                Note("scene_text", note.value, note.at),
                Note("seen", "no", note.at),
            ]
    return shown, notes


def test_every_span_and_track_of_every_kind_of_time_comes_back_through_the_server(
    editor: Editor, drawn: Callable[[Drawing], Drawn]
) -> None:
    clips = {name: timed(drawing, drawn(drawing)) for name, drawing in CLIPS.items()}
    tasks = [
        make_task(
            TIMES, name, Shown(clip_uri="/data/local-files/?d=media/x.mp4", clip=clip), [Said("model", tuple(notes))]
        )
        for name, (clip, notes) in clips.items()
    ]
    project = open_project(editor, Project("times", TIMES))
    for task in send_tasks(editor, project, tasks).values():
        (prediction,) = editor.get(f"/api/tasks/{task}/")["predictions"]
        submit(editor, task, prediction["result"])
    found, _ = changes(editor, project)
    assert {one.item for one in found} == set(CLIPS)
    for one in found:
        clip, notes = clips[one.item]
        answer = read(TIMES, one.annotations[0].result, clip, sent_under=one.sheet)
        assert answer.stands and answer.notes == tuple(notes) and len(notes) > 70, one.item


def test_in_a_browser_the_editor_shows_the_frames_that_a_note_names(editor: Editor, who: Login, folder: str) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    with api.sync_playwright() as play:
        page = desk_frames.entered(play, editor.url, who)
        try:
            found = desk_frames.prove(page, editor, folder, "variable, late, ticks of a millisecond")
        finally:
            page.context.browser.close()
    assert (found["first"], found["last"]) == (desk_frames.FIRST, desk_frames.LAST)
    assert found["wrong"] == [] and found["frames"] == 36 and found["back"]


def test_tasks_are_sent_once_whoever_breaks_off_and_nothing_that_people_did_is_lost_over_a_restart(
    editor: Editor, who: Login, folder: str
) -> None:
    tasks = [worded(f"item {number}") for number in range(601)]
    project = open_project(editor, Project("restart", WORDS))
    assert open_project(editor, Project("restart", WORDS)) == project
    send_tasks(editor, project, tasks[:50])
    first = sent_items(editor, project)
    answered = submit(editor, first["item 7"], GOOD)
    assert stop(folder) and find(folder) is None
    with pytest.raises(Unavailable, match="does not answer"), Editor(editor.url, who.token, tries=2) as down:
        send_tasks(down, project, tasks)
    with Editor(up(folder, who).url, who.token) as again:
        sent = send_tasks(again, project, tasks)
        assert sent.items() >= first.items() and len(set(sent.values())) == 601
        assert len(list(again.pages("/api/tasks/", "tasks", project=project, include="id"))) == 601
        found, _ = changes(again, project)
        assert len(found) == 601
        (kept,) = [one for one in found if one.annotations]
        assert (kept.item, kept.annotations[0].spent_s) == ("item 7", 2.5)
        assert kept.annotations[0].external.startswith(f"ls:{project}/{answered}/")


def test_edits_skips_and_deletions_are_found_by_asking_alone(editor: Editor) -> None:
    project = open_project(editor, Project("changes", WORDS))
    tasks = send_tasks(editor, project, [worded(item) for item in ("edited", "skipped", "deleted", "left")])
    edited, deleted = submit(editor, tasks["edited"], GOOD), submit(editor, tasks["deleted"], GOOD)
    submit(editor, tasks["skipped"], [], was_cancelled=True)
    found, since = changes(editor, project)
    before = {one.item: one.annotations for one in found}
    assert [len(before[item]) for item in ("edited", "skipped", "deleted", "left")] == [1, 1, 1, 0]
    assert before["skipped"][0].is_skipped and not before["edited"][0].is_skipped

    editor.send("DELETE", f"/api/annotations/{deleted}/", None)
    editor.send("PATCH", f"/api/annotations/{edited}/", {"result": [{**GOOD[0], "value": {"choices": ["bad"]}}]})
    after = {one.item: one.annotations for one in changes(editor, project, since)[0]}
    assert after["deleted"] == () and after["edited"][0].updated > before["edited"][0].updated
    assert after["edited"][0].external == before["edited"][0].external
    assert read(WORDS, after["edited"][0].result).notes == (Note("person_choice", "bad"),)


def test_only_what_changed_since_is_asked_for(editor: Editor) -> None:
    project = open_project(editor, Project("since", WORDS))
    send_tasks(editor, project, [worded("one"), worded("two")])
    assert len(changes(editor, project, "2020-01-01T00:00:00+00:00")[0]) == 2
    found, since = changes(editor, project, "2120-01-01T00:00:00+00:00")
    assert found == [] and since == "2120-01-01T00:00:00+00:00", "a stamp never goes back"


def test_two_desks_and_two_sheets_on_one_server_do_not_mix(editor: Editor) -> None:
    newer = Sheet(WORDS.name, WORDS.asked, WORDS.shows, version=2)
    projects = [
        open_project(editor, Project(*about)) for about in (("a", WORDS), ("b", WORDS), ("a", newer), ("a", WORDS, "p"))
    ]
    assert len(set(projects)) == 4
    tasks = [
        send_tasks(editor, project, [worded("same", sheet)])
        for project, sheet in zip(projects, (WORDS, WORDS, newer, WORDS))
    ]
    assert len({task["same"] for task in tasks}) == 4
    submit(editor, tasks[0]["same"], GOOD)
    assert [len(one.annotations) for project in projects for one in changes(editor, project)[0]] == [1, 0, 0, 0]
    (old,) = changes(editor, projects[0])[0]
    assert [one.reason for one in read(newer, old.annotations[0].result, sent_under=old.sheet).refused] == [
        "older_config"
    ]


def test_every_sheet_is_a_config_that_the_server_takes(editor: Editor) -> None:
    for sheet in SHEETS.values():
        project = open_project(editor, Project("sheets", sheet))
        assert editor.get(f"/api/projects/{project}/")["parsed_label_config"].keys() >= {
            one.name for one in sheet.asked if not isinstance(one, Tracks)
        }


def test_a_wrong_token_is_named_and_never_told(editor: Editor, who: Login, folder: str) -> None:
    wrong = Secret(secrets.token_hex(20))
    with Editor(editor.url, wrong) as stranger, pytest.raises(BadInput, match="does not accept the token") as refused:
        stranger.check()
    assert wrong.shown not in str(refused.value) and wrong.shown not in repr(refused.getrepr(showlocals=True))
    with pytest.raises(BadInput, match="does not accept the token"):
        start(folder, ENVIRONMENT, Login(who.email, who.password, wrong))


def test_neither_token_nor_password_stands_in_arguments_logs_or_records(
    editor: Editor, who: Login, folder: str
) -> None:
    running = find(folder)
    assert running
    said = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, check=True).stdout
    for name in ("server.json", "server.log"):
        said += (Path(folder) / name).read_bytes()
    assert b"label-studio" in said
    assert who.token.shown.encode() not in said and who.password.shown.encode() not in said


def test_media_are_shown_to_who_is_let_in_and_to_nobody_else(editor: Editor, folder: str) -> None:
    import httpx

    Path(media(folder), "clip.mp4").write_bytes(b"0123456789")
    open_project(editor, Project("media", WORDS), media(folder))
    path = f"{editor.url}/data/local-files/?d=media/clip.mp4"
    assert httpx.get(path, trust_env=False).status_code == 401
    head = {**editor._client.headers, "Range": "bytes=2-4"}
    assert httpx.get(path, headers=head, trust_env=False).content == b"234"
    outside = f"{editor.url}/data/local-files/?d=../data/label_studio.sqlite3"
    assert httpx.get(outside, headers=editor._client.headers, trust_env=False).status_code >= 400


def test_a_record_of_a_process_that_is_another_by_now_stops_nobody(tmp_path: Path) -> None:
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        (tmp_path / "server.json").write_text(f'{{"pid": {other.pid}, "began": "1", "port": 1}}')
        assert find(str(tmp_path)) is None and not stop(str(tmp_path))
        assert other.poll() is None and not (tmp_path / "server.json").exists()
    finally:
        other.kill()
        other.wait()


def test_what_is_not_installed_and_a_port_that_is_taken_are_named(tmp_path: Path, running: Running, who: Login) -> None:
    with pytest.raises(BadInput, match="not installed there"):
        start(str(tmp_path / "a"), str(tmp_path / "nothing"), who)
    with pytest.raises(BadInput, match="is taken"):
        start(str(tmp_path / "b"), ENVIRONMENT, who, port=running.port)


def test_who_submitted_is_known_by_address_and_nobody_comes_in_without_an_invitation(
    editor: Editor, who: Login
) -> None:
    invited, password = invitation(editor), Secret(secrets.token_hex(10))
    token = sign_up(invited, editor.url, "bo@example.com", password)
    project = open_project(editor, Project("people", WORDS, "bo@example.com"))
    tasks = send_tasks(editor, project, [worded("one")])
    with Editor(editor.url, token) as theirs:
        assert theirs.check()["email"] == "bo@example.com"
        submit(theirs, tasks["one"], GOOD)
    (changed,) = changes(editor, project)[0]
    assert people(editor)[changed.annotations[0].by] == "bo@example.com" and who.email in people(editor).values()
    for address in (invited, Secret(f"{editor.url}/user/signup/"), Secret(f"{editor.url}/user/signup/?token=guess")):
        with pytest.raises(BadInput, match="could not be signed up"):
            sign_up(address, editor.url, "bo@example.com" if address is invited else "cy@example.com", password)


def test_a_hook_is_a_hint_and_wants_the_secret(editor: Editor) -> None:
    import httpx

    secret = Secret(secrets.token_hex(16))
    with Door(secret) as door:
        url = f"{door.url}/7"
        strangers = ({}, {HEADER: ""}, {HEADER: "guess"}, {HEADER: secret.shown[:-1]})
        assert [httpx.post(url, headers=said, trust_env=False).status_code for said in strangers] == [403] * 4
        assert door.hints(0.0) == frozenset()
        knocked = {HEADER: secret.shown}
        for place in ("/x", "/", "/7/7", f"/{'9' * 40}"):
            assert httpx.post(door.url + place, headers=knocked, trust_env=False).status_code == 400
        for project in (7, 9, 7):
            assert (
                httpx.post(f"{door.url}/{project}", json={"a": 1}, headers=knocked, trust_env=False).status_code == 204
            )
        assert door.hints(60.0) == {7, 9} and door.hints(0.0) == frozenset()


def test_the_server_knocks_when_somebody_submits(editor: Editor) -> None:
    project = open_project(editor, Project("hooks", WORDS))
    with Door(Secret(secrets.token_hex(16))) as door:
        for _ in range(2):
            door.ask_for_hooks(editor, project)
        assert len(editor.get("/api/webhooks/", project=project)) == 1
        tasks = send_tasks(editor, project, [worded("one")])
        submit(editor, tasks["one"], GOOD)
        assert door.hints(300.0) == {project}
