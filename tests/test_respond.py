"""Answers to tasks through an endpoint: as many as asked for, each paid once, whatever a server makes of `n`."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from annotators.endpoint import Endpoint
from annotators.journal import Answer
from annotators.reply import REJECTED
from annotators.respond import Respond, whole
from pipelines.engines.local import Local
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.ingest import ingest
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput

spec = importlib.util.spec_from_file_location("scripted_endpoint", Path(__file__).parent / "scripted_endpoint.py")
assert spec and spec.loader
scripted = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scripted)
Reply, says, serving = scripted.Reply, scripted.says, scripted.serving


def choices(asked: Any, most: int) -> Any:
    """Answer with as many choices as were asked for, at most so many, each told by the seed and its place."""
    seed, count = asked.body.get("seed", 0), min(asked.body.get("n", 1), most)
    told = [
        {"index": at, "message": {"role": "assistant", "content": f"{asked.text} {seed}.{at}"}, "finish_reason": "stop"}
        for at in range(count)
    ]
    usage = {"prompt_tokens": 100, "completion_tokens": 20 * count}
    return Reply(json.dumps({"choices": told, "usage": usage}).encode())


def no_n(asked: Any) -> Any:
    return Reply(b'{"error": "n must be 1"}', 400) if asked.body.get("n", 1) > 1 else choices(asked, 1)


def shelf_of(folder: Path, questions: list[str]) -> Shelf:
    folder.mkdir(exist_ok=True)
    records = [{"id": one, "question": one, "domain": "counting", "reference": "3"} for one in questions]
    (folder / "tasks.json").write_text(json.dumps(records))
    shelf = Shelf(str(folder / "shelf"))
    ingest(shelf, str(folder / "tasks.json"), Local(1))
    return shelf


def recipe_of(url: str, count: int, **values: Any) -> Recipe:
    endpoint = Endpoint(url, "m", temperature=1.0, timeout_s=20.0, give_up_s=5.0, pause_s=0.01)
    return Recipe("ask", Annotate(Respond(endpoint, count, **values)))


def notes(shelf: Shelf, recipe: Recipe) -> list[dict[str, Any]]:
    paths = sorted(Path(shelf.path("notes", recipe.ids[0])).glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize(
    ("script", "most", "requests"),
    [(lambda asked: choices(asked, 8), 8, 2), (lambda asked: choices(asked, 1), 1, 8), (no_n, 1, 9)],
    ids=["n is taken", "n is ignored", "n is refused"],
)
def test_every_server_gives_as_many_answers_and_none_is_asked_for_twice(
    tmp_path: Path, script: Callable[[Any], Any], most: int, requests: int
) -> None:
    shelf = shelf_of(tmp_path, ["How many boats?", "How many birds?"])
    with serving(script) as server:
        recipe = recipe_of(server.url, 4)
        run(shelf, recipe, Local(1))
        found = notes(shelf, recipe)
        assert [len(set(one["responses"])) for one in found] == [4, 4]
        assert [one["response_finish"] for one in found] == [["stop"] * 4] * 2
        assert all(one["response_tokens"] == 80 for one in found)
        assert requests <= len(server.asked) <= requests + 1
        before = len(server.asked)
        run(shelf, recipe, Local(1))
        more = recipe_of(server.url, 6)
        run(shelf, more, Local(1))
        new = server.asked[before:]
        taken = [asked.body.get("n", 1) for asked in new if script is not no_n or "n" not in asked.body]
        assert sum(min(count, most) for count in taken) == 4
        for old, grown in zip(found, notes(shelf, more), strict=True):
            assert grown["responses"][:4] == old["responses"] and len(set(grown["responses"])) == 6


def test_what_was_answered_before_the_endpoint_went_down_is_not_asked_again(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path, [f"How many of kind {n}?" for n in range(6)])
    down = True

    def script(asked: Any) -> Any:
        fails = down and asked.text.endswith(("3?", "4?", "5?"))
        return Reply(b"", 401) if fails else choices(asked, 8)

    with serving(script) as server:
        recipe = recipe_of(server.url, 2)
        with pytest.raises(Exception, match="401"):
            run(shelf, recipe, Local(1))
        answered = {asked.text for asked in server.asked if not asked.text.endswith(("3?", "4?", "5?"))}
        before, down = len(server.asked), False
        run(shelf, recipe, Local(1))
        again = [asked.text for asked in server.asked[before:]]
        assert not answered.intersection(again) and len(again) == len(set(again)) == 6 - len(answered)
    assert len(notes(shelf, recipe)) == 6


def test_pictures_and_clips_are_sent_where_they_stand(
    tmp_path: Path, picture: Callable[..., bytes], drawn: Callable[[Drawing], Drawn]
) -> None:
    (tmp_path / "one.jpg").write_bytes(picture(1))
    clip = drawn(Drawing("asked about", (Piece("pan_left", 18, 0), Piece("tilt_up", 18, 3)), start=150))
    (tmp_path / "clip.mp4").write_bytes(clip.content)
    record = {"question": "Is <image> in <video>?", "images": ["one.jpg"], "videos": ["clip.mp4"]}
    (tmp_path / "tasks.json").write_text(json.dumps([{**record, "domain": "choice", "reference": "no"}]))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "tasks.json"), Local(1))
    with serving(lambda asked: says("no")) as server:
        run(shelf, recipe_of(server.url, 1, most_frames=3, side_px=64), Local(1))
        (asked,) = server.asked
    (message,) = asked.body["messages"]
    kinds = [part["type"] for part in message["content"]]
    assert kinds == ["text", "image_url", "text", *["text", "image_url"] * 3, "text"]
    times = [part["text"] for part in message["content"][3:9:2]]
    assert times[0] == "0.00 s:" and float(times[2].split()[0]) > float(times[1].split()[0]) > 0


def test_several_answers_at_temperature_0_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path, ["How many?"])
    with serving(lambda asked: says("3")) as server:
        same = Recipe("ask", Annotate(Respond(Endpoint(server.url, "m", temperature=0.0), 2)))
        with pytest.raises(BadInput, match="2 answers at temperature 0"):
            run(shelf, same, Local(1))
        assert server.asked == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer("<think>a</think>b"), "<think>a</think>b"),
        (Answer("b", thinking="a"), "<think>a</think>b"),
        (Answer("a</think>b"), "<think>a</think>b"),
        (Answer("b"), "b"),
        (Answer("too large", REJECTED), ""),
    ],
)
def test_thinking_stands_in_its_marks_wherever_a_server_puts_it(answer: Answer, told: str) -> None:
    assert whole(answer) == told
