"""What the desk does with a server that is of another version, falters, breaks off, or is no Label Studio at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from annotators.desk.label_studio.environment import PROVEN, make_environment
from annotators.desk.label_studio.http import Editor, Secret
from pipelines.commands.desk import desk
from schemas.errors import BadInput, Unavailable

TOKEN = Secret("0123456789abcdef0123456789abcdef01234567")
Answer = Callable[[str, str], tuple[int, bytes] | None]
"""What a server says to a method and a path; None breaks off."""


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Serve, and keep the method, path and authorization of each request."""
    asked = list[tuple[str, str, str]]()

    class Handler(BaseHTTPRequestHandler):
        def _say(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            asked.append((self.command, path, self.headers.get("Authorization", "")))
            said = answer(self.command, path)
            self.close_connection = True
            if said:
                self.send_response(said[0])
                self.send_header("Content-Length", str(len(said[1])))
                self.end_headers()
                self.wfile.write(said[1])

        do_GET = do_POST = _say

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def released(version: str) -> Answer:
    return lambda _, path: (200, b'{"release": "%s"}' % version.encode() if path == "/api/version" else b'{"id": 1}')


def test_another_version_is_refused_unless_it_is_asked_for() -> None:
    with serving(released("1.24.0")) as (url, _), Editor(url, TOKEN) as editor:
        with pytest.raises(BadInput, match=rf"is 1\.24\.0, the desk is proven on {PROVEN}"):
            editor.check()
        assert editor.check(any_version=True) == {"id": 1}
    with serving(released(PROVEN)) as (url, _), Editor(url, TOKEN) as editor:
        assert editor.check() == {"id": 1}


def test_a_server_that_falters_is_asked_again() -> None:
    said = iter([(503, b""), (502, b""), (200, b"[1]")])
    with serving(lambda *_: next(said)) as (url, asked), Editor(url, TOKEN) as editor:
        assert editor.get("/api/projects/") == [1] and len(asked) == 3


def test_what_may_have_arrived_is_not_sent_twice() -> None:
    with serving(lambda *_: None) as (url, asked), Editor(url, TOKEN) as editor:
        with pytest.raises(Unavailable, match=r"POST /api/projects/1/import: it broke off.*the same command goes on"):
            editor.send("POST", "/api/projects/1/import", [{}])
        assert len(asked) == 1


def test_what_is_read_is_asked_again_after_a_break() -> None:
    said = iter([None, (200, b"7")])
    with serving(lambda *_: next(said)) as (url, asked), Editor(url, TOKEN) as editor:
        assert editor.get("/x") == 7 and len(asked) == 2


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (200, b"<html>a shop</html>", BadInput, "is that a Label Studio"),
        (401, b"{}", BadInput, "does not accept the token"),
        (404, b"none", BadInput, "refused with 404: none"),
        (400, b"bad token " + TOKEN.shown.encode(), BadInput, r"refused with 400: bad token \*\*\*"),
        (500, b"trace", Unavailable, "it says 500"),
    ],
)
def test_what_cannot_be_used_is_named(status: int, body: bytes, error: type[Exception], said: str) -> None:
    with serving(lambda *_: (status, body)) as (url, _), Editor(url, TOKEN) as editor, pytest.raises(error, match=said):
        editor.get("/api/projects/")


def test_a_personal_token_is_changed_for_one_that_lives_shortly_and_again_when_it_is_dead() -> None:
    personal, made = Secret("head.body.sign"), iter("abc")
    lives = ["a"]

    def answer(_: str, path: str) -> tuple[int, bytes]:
        if path == "/api/token/refresh":
            return 200, b'{"access": "%s"}' % next(made).encode()
        return (200, b"[]") if asked[-1][2] == f"Bearer {lives[0]}" else (401, b"{}")

    with serving(answer) as (url, asked), Editor(url, personal) as editor:
        assert editor.get("/x") == []
        lives[0] = "b"
        assert editor.get("/x") == [] and [path for _, path, _ in asked].count("/api/token/refresh") == 2


def test_pages_are_read_to_the_last() -> None:
    def answer(*_: str) -> tuple[int, bytes]:
        return 200, b'{"tasks": [%s]}' % b",".join([b"{}"] * (500 if len(asked) < 3 else 2))

    with serving(answer) as (url, asked), Editor(url, TOKEN) as editor:
        assert len(list(editor.pages("/api/tasks/", "tasks"))) == 1002


def test_behind_a_last_page_that_is_full_there_is_none() -> None:
    def answer(*_: str) -> tuple[int, bytes]:
        return (200, b"[%s]" % b",".join([b"{}"] * 500)) if len(asked) < 3 else (404, b'{"detail": "Invalid page."}')

    def listed(*given: str) -> tuple[int, bytes]:
        status, body = answer(*given)
        return status, b'{"tasks": %s}' % body

    with serving(listed) as (url, asked), Editor(url, TOKEN) as editor:
        assert len(list(editor.pages("/api/tasks/", "tasks"))) == 1000
    with (
        serving(lambda *_: (404, b"{}")) as (url, _),
        Editor(url, TOKEN) as editor,
        pytest.raises(BadInput, match="404"),
    ):
        list(editor.pages("/api/tasks/", "tasks"))


def test_a_secret_prints_as_stars() -> None:
    assert TOKEN.shown not in f"{TOKEN!r} {TOKEN} {[TOKEN]}"


@pytest.mark.parametrize(
    ("surroundings", "said"),
    [
        ({}, "OSTRAKA_DESK_PASSWORD is not set"),
        ({"OSTRAKA_DESK_PASSWORD": "short"}, "OSTRAKA_DESK_PASSWORD is not of its form"),
        ({"OSTRAKA_DESK_PASSWORD": "long enough"}, "OSTRAKA_DESK_TOKEN is not set"),
        (
            {"OSTRAKA_DESK_PASSWORD": "long enough", "OSTRAKA_DESK_TOKEN": "xyzzy"},
            "OSTRAKA_DESK_TOKEN is not of its form",
        ),
    ],
)
def test_a_desk_without_its_secrets_says_which_and_repeats_none(
    surroundings: dict[str, str], said: str, tmp_path: str
) -> None:
    env = {"OSTRAKA_DESK_TOKEN": None, "OSTRAKA_DESK_PASSWORD": None} | surroundings
    ended = CliRunner().invoke(desk, ["up", "--at", str(tmp_path)], env=env)
    assert isinstance(ended.exception, BadInput) and said in str(ended.exception)
    assert "xyzzy" not in str(ended.exception) + ended.output


def test_a_folder_of_other_files_is_not_cleared_for_an_environment(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="other files"):
        make_environment(str(tmp_path))
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
