"""The endpoint's client: what fails is tried again and then stops, and nothing that was answered is asked twice."""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.endpoint import KEY, Endpoint, Question, digest_of
from annotators.journal import Answer, Journal, Line
from annotators.reply import AgainError, answers_of
from schemas.errors import BadInput, Unavailable

spec = importlib.util.spec_from_file_location("scripted_endpoint", Path(__file__).parent / "scripted_endpoint.py")
assert spec and spec.loader
scripted = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scripted)
Reply, says, serving = scripted.Reply, scripted.says, scripted.serving

SECRET = "sk-Very+Secret/0123456789=="


def question(text: str) -> Question:
    return Question(digest_of(text), text, lambda: [{"role": "user", "content": text}])


def ask(endpoint: Endpoint, folder: Path | str, *texts: str) -> list[Any]:
    """Ask these texts, all at once, and return the answers' texts, or what else came of them."""
    with endpoint.open(str(folder)) as client:
        said = client.ask([question(text) for text in texts], "000000")
    return [one if isinstance(one, Exception) else one.answer.text for one in said]


def quick(url: str, **values: Any) -> Endpoint:
    """An endpoint with short pauses."""
    return Endpoint(url, "m", **{"timeout_s": 60.0, "give_up_s": 60.0, "pause_s": 0.01, **values})


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines()]


def test_it_asks_as_the_protocol_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, f" {SECRET}\n")
    with serving(lambda asked: says(asked.text.upper())) as server:
        assert ask(quick(server.url, max_tokens=7), tmp_path, "a", "b") == ["A", "B"]
    asked = server.asked[0]
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"
    assert {name: asked.body[name] for name in ("model", "max_tokens", "temperature")} == {
        "model": "m",
        "max_tokens": 7,
        "temperature": 0.0,
    }


def test_without_a_key_none_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    with serving(lambda asked: says("yes")) as server:
        ask(quick(server.url), tmp_path, "a")
    assert "Authorization" not in server.asked[0].headers


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    with serving(lambda asked: says(asked.text.upper())) as server:
        ask(quick(server.url), tmp_path, "a", "b")
        assert ask(quick(server.url, at_once=1, price_in=3.0), tmp_path, "b", "c", "a") == ["B", "C", "A"]
        assert sorted(server.texts()) == ["a", "b", "c"]


def test_one_question_asked_by_two_samples_is_asked_and_paid_once(tmp_path: Path) -> None:
    with serving(lambda asked: says("yes")) as server, quick(server.url).open(str(tmp_path)) as client:
        said = client.ask([question("a"), question("b"), question("a")], "000000")
    assert sorted(server.texts()) == ["a", "b"]
    assert [one.paid for one in said] == [True, True, False]


def test_another_model_or_address_has_another_journal(tmp_path: Path) -> None:
    names = {Endpoint(url, model).name for url in ("http://a/v1", "http://b/v1") for model in ("m", "m/n", "m_n")}
    assert len(names) == 6
    assert all("/" not in name for name in names)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_or_broken_endpoint_is_asked_until_it_answers(tmp_path: Path, status: int) -> None:
    with serving(lambda asked: says("yes") if asked.before == 2 else Reply(b"busy", status)) as server:
        assert ask(quick(server.url), tmp_path, "a") == ["yes"]
        assert len(server.asked) == 3
    assert [line["answer"]["text"] for line in lines(tmp_path)] == ["yes"]


def test_retry_after_is_honoured_by_all_requests(tmp_path: Path) -> None:
    told, both = list[float](), threading.Barrier(2)

    def script(asked: Any) -> Any:
        if asked.text in "ab" and not asked.before:
            both.wait(120)
        if asked.text == "a" and not asked.before:
            told.append(time.monotonic())
            return Reply(b"", 429, {"Retry-After": "3"})
        if asked.text == "b":
            time.sleep(1.5)
        return says("yes")

    with serving(script) as server:
        assert ask(quick(server.url, at_once=2), tmp_path, "a", "b", "c") == ["yes"] * 3
    assert min(asked.at_s for asked in server.asked[2:]) - told[0] >= 2.99


@pytest.mark.parametrize(
    "told", ["3600", "1e999", formatdate(time.time() + 7200, usegmt=True)], ids=["seconds", "for ever", "date"]
)
def test_a_longer_pause_than_it_may_take_stops_at_once(tmp_path: Path, told: str) -> None:
    with serving(lambda asked: Reply(b"", 429, {"Retry-After": told})) as server:
        with pytest.raises(Unavailable, match="429"):
            ask(quick(server.url), tmp_path, "a", "b", "c")
        assert len(server.asked) <= 3


@pytest.mark.parametrize("told", ["soon", "-5", "nan", "", "Wed, 99 Foo 2020"])
def test_a_retry_after_that_says_nothing_is_no_pause(told: str) -> None:
    with pytest.raises(AgainError) as caught:
        answers_of(429, {"retry-after": told}, b"", "")
    assert caught.value.pause_s == 0.0


HALF = says("a dog").body[:60]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(b"<html><body>Welcome to the hotel</body></html>"), "no chat completion"),
        (Reply(HALF), "no chat completion"),
        (Reply(b"{}"), "choices"),
        (Reply(b'{"choices": []}'), "choices"),
        (Reply(b'{"choices": [{"message": {"content": 7}}]}'), "content"),
        (Reply(b'{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": -1}}'), "prompt_tokens"),
        (Reply(b""), "no chat completion"),
        (Reply(b" " * (5 << 20)), "more than 4 MiB"),
        (Reply(b"\xff\xfe", headers={"Content-Encoding": "gzip"}), "DecodingError"),
        (Reply(b"", 502), "502"),
        (Reply(b'{"choices"', drip_s=0.05), "longer than 0.3 s"),
    ],
)
def test_garbage_is_the_endpoints_failure_and_nothing_is_journalled(tmp_path: Path, reply: Any, said: str) -> None:
    with serving(lambda asked: reply) as server:
        endpoint = quick(server.url, timeout_s=0.3 if reply.drip_s else 60.0, give_up_s=2.0)
        with pytest.raises(Unavailable, match=said):
            ask(endpoint, tmp_path, "a")
        assert len(server.asked) > (0 if reply.drip_s else 1)
        server.script = lambda asked: says("yes")
        assert ask(quick(server.url), tmp_path, "a") == ["yes"]
    assert len(lines(tmp_path)) == 1


def test_an_endpoint_that_hangs_is_left_after_its_time(tmp_path: Path) -> None:
    released = threading.Event()

    def script(asked: Any) -> Any:
        released.wait(30)
        return says("late")

    with serving(script) as server:
        with pytest.raises(Unavailable, match=r"longer than 0\.2 s"):
            ask(quick(server.url, timeout_s=0.2, give_up_s=0.1), tmp_path, "a")
        released.set()


def test_an_endpoint_that_is_down_stops_the_run_and_says_what_to_do(tmp_path: Path) -> None:
    with serving(lambda asked: says("yes")) as server:
        url = server.url
    with pytest.raises(Unavailable, match=r"ConnectError.*the same command goes on") as caught:
        ask(quick(url, give_up_s=0.1), tmp_path, "a")
    assert caught.value.where == url


@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_redirect_is_refused_and_nothing_is_sent_where_it_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv(KEY, SECRET)
    with serving(lambda asked: says("yes")) as other:
        elsewhere = f"{other.url}/chat/completions"
        sends_on = serving(lambda asked: Reply(b"", status, {"Location": elsewhere}))
        with sends_on as server, pytest.raises(Unavailable, match=f"status {status}: it sends on to {elsewhere}"):
            ask(quick(server.url), tmp_path, "a")
        assert (len(server.asked), other.asked) == (1, [])


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_would_be_said_again_stops_at_once(tmp_path: Path, status: int) -> None:
    with serving(lambda asked: Reply(b"no", status, {"Location": "/v1/chat/completions"})) as server:
        with pytest.raises(Unavailable, match=f"status {status}: no"):
            ask(quick(server.url), tmp_path, "a")
        assert len(server.asked) == 1


def test_what_others_answered_is_kept_when_one_gives_up(tmp_path: Path) -> None:
    both = threading.Barrier(2)

    def script(asked: Any) -> Any:
        if asked.text in "ab" and not asked.before:
            both.wait(120)
        if asked.text == "b":
            time.sleep(0.6)
        return Reply(b"", 500) if asked.text == "a" else says("yes")

    with serving(script) as server:
        with pytest.raises(Unavailable):
            ask(quick(server.url, at_once=2, give_up_s=0.1), tmp_path, "a", "b", "c")
        server.script = lambda asked: says("again")
        assert ask(quick(server.url), tmp_path, "a", "b") == ["again", "yes"]


def test_a_rejected_request_is_an_answer_unless_all_are_rejected(tmp_path: Path) -> None:
    with serving(lambda asked: says("yes") if asked.text == "0" else Reply(b"too large", 413)) as server:
        texts = [str(n) for n in range(10)]
        assert ask(quick(server.url, at_once=1), tmp_path / "one", *texts) == ["yes", *["too large"] * 9]
        with pytest.raises(Unavailable, match=r"rejected 8 requests and answered none.*too large"):
            ask(quick(server.url, at_once=1), tmp_path / "none", *texts[1:])


def test_no_more_are_asked_at_once_than_may_be(tmp_path: Path) -> None:
    three = threading.Barrier(3)

    def script(asked: Any) -> Any:
        three.wait(120)
        return says("yes")

    with serving(script) as server:
        assert ask(quick(server.url, at_once=3), tmp_path, *map(str, range(12))) == ["yes"] * 12
    assert server.most_at_once == 3


def test_no_more_are_asked_a_second_than_may_be(tmp_path: Path) -> None:
    with serving(lambda asked: says("yes")) as server:
        ask(quick(server.url, per_s=10), tmp_path, *map(str, range(6)))
    at = sorted(asked.at_s for asked in server.asked)
    assert at[-1] - at[0] >= 0.4


def test_a_question_that_cannot_be_built_costs_nothing_and_stops_nobody(tmp_path: Path) -> None:
    def broken() -> Any:
        raise ValueError("no picture")

    with serving(lambda asked: says("yes")) as server, quick(server.url).open(str(tmp_path)) as client:
        said = client.ask([Question("1", "x", broken), question("a")], "000000")
    assert isinstance(said[0], ValueError)
    assert said[1].answer.text == "yes"
    assert len(server.asked) == 1


def test_a_key_that_a_server_repeats_is_told_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, SECRET)
    with serving(lambda asked: says(f"your key is {SECRET}")) as server:
        assert ask(quick(server.url), tmp_path, "a") == ["your key is ***"]
        server.script = lambda asked: Reply(f"bad key {SECRET}".encode(), 401)
        with pytest.raises(Unavailable) as caught:
            ask(quick(server.url), tmp_path, "b")
    assert SECRET not in str(caught.value)
    assert all(SECRET not in path.read_text() for path in tmp_path.rglob("*.jsonl"))


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused_unseen(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(KEY, key)
    with pytest.raises(BadInput, match=KEY) as caught:
        Endpoint(model="m").check()
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://a/v1", "http://user:pass@a/v1", "http://a/v1?api-key=1", "http://a b/v1"]
)
def test_an_address_that_cannot_be_one_or_holds_a_secret_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="cannot be an endpoint's address"):
        Endpoint(url, "m").check()


def test_an_address_that_httpx_cannot_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="address"), Endpoint("http://a:port/v1", "m").open(str(tmp_path)):
        pass


def test_a_line_that_a_kill_tore_is_asked_again_and_no_other(tmp_path: Path) -> None:
    with serving(lambda asked: says(asked.text.upper())) as server:
        ask(quick(server.url, at_once=1), tmp_path, "a", "b")
        [path] = tmp_path.rglob("*.jsonl")
        path.write_bytes(path.read_bytes()[:-9])
        assert ask(quick(server.url), tmp_path, "a", "b") == ["A", "B"]
        assert server.texts() == ["a", "b", "b"]
    assert len(lines(tmp_path)) == 2


def test_a_malformed_journal_is_refused_by_name(tmp_path: Path) -> None:
    with serving(lambda asked: says("yes")) as server:
        ask(quick(server.url), tmp_path, "a")
        [path] = tmp_path.rglob("*.jsonl")
        path.write_bytes(b"{}\n" + path.read_bytes())
        with pytest.raises(Unavailable, match="malformed") as caught:
            ask(quick(server.url), tmp_path, "a")
    assert caught.value.where == str(path)


@pytest.fixture(params=["local", "object store"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}"


def test_a_journal_tells_what_another_wrote_since(folder: str) -> None:
    one, other = Journal(folder), Journal(folder)
    one.turn_to("000000")
    other.turn_to("000000")
    other.keep(Line("a", "k", Answer("first", "stop", 1, 2)))
    assert one.find("a") is None
    one.turn_to("000000")
    one.keep(Line("b", "k", Answer("second")))
    other.turn_to("000001")
    assert other.find("a") is None
    other.turn_to("000000")
    assert [other.find("a"), other.find("b")] == [Answer("first", "stop", 1, 2), Answer("second")]


def test_an_object_store_holds_an_answer_in_an_object(tmp_path: Path) -> None:
    journal = Journal(f"memory://{tmp_path.name}")
    journal.turn_to("000000")
    journal.keep(Line("abc", "k", Answer("said")))
    fs = fsspec.filesystem("memory")
    assert fs.ls(f"/{tmp_path.name}/000000", detail=False) == [f"/{tmp_path.name}/000000/abc.jsonl"]


@given(st.binary(max_size=200), st.integers(100, 599))
def test_whatever_comes_is_an_answer_or_one_of_two_failures(data: bytes, status: int) -> None:
    try:
        assert all(isinstance(one, Answer) for one in answers_of(status, {}, data, "http://a"))
    except (AgainError, Unavailable) as error:
        assert str(error)
