"""Scenarios: what a model makes of a sample is checked against its constraints, recorded, and asked for once."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from annotators.endpoint import Endpoint
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.scenario import GUI_STEPS, LONG_DOCUMENT, SCENARIOS, Scenario, find_scenario
from pipelines.ingest.scenario_check import checked
from pipelines.ingest.source import Options
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, BadSample, Unavailable

spec = importlib.util.spec_from_file_location("scripted_endpoint", Path(__file__).parent / "scripted_endpoint.py")
assert spec and spec.loader
scripted = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scripted)
Reply, says, serving = scripted.Reply, scripted.says, scripted.serving

CLICK = {"why": "Open the menu.", "action": "click", "screen": 0, "x": 20, "y": 40}
STEPS = [CLICK, {"action": "type", "screen": 0, "text": "tea"}, {"why": "It is there.", "action": "done"}]
PAGE = [f"Chapter {n} tells of harbour number {n * 7} and of the ships that lay in it." for n in range(60)]
DOCUMENT = "\n\n".join(PAGE)
FAR = [PAGE[1], PAGE[50].replace(" and", "\nand")]


def gui(*steps: Any, **turn: Any) -> dict[str, Any]:
    return {"turns": [{"question": "Please look for tea.", "answer": "Tea is found.", "steps": steps, **turn}]}


def talk(*quotes: list[str], **turn: Any) -> dict[str, Any]:
    return {
        "turns": [
            {"question": f"What is told of harbour {n}?", "answer": "Ships lay there.", "quotes": some, **turn}
            for n, some in enumerate(quotes)
        ]
    }


BROKEN: list[tuple[Scenario, Any, str]] = [
    (GUI_STEPS, gui(*STEPS[:1], {**CLICK, "x": 30}, {"action": "fly"}), "unknown_action"),
    (GUI_STEPS, gui({**CLICK, "x": 1000}, *STEPS[1:]), "no_point"),
    (GUI_STEPS, gui({**CLICK, "screen": 2}, *STEPS[1:]), "no_screen"),
    (GUI_STEPS, gui(CLICK, {"action": "type", "screen": 0, "text": " "}, STEPS[2]), "no_text"),
    (GUI_STEPS, gui(CLICK, {"action": "scroll", "screen": 0, "direction": "north"}, STEPS[2]), "no_direction"),
    (GUI_STEPS, gui(CLICK, {**CLICK, "why": "Once more."}, STEPS[2]), "repeated_step"),
    (GUI_STEPS, gui(*STEPS[:2], {**CLICK, "x": 30}), "wrong_end"),
    (GUI_STEPS, gui(STEPS[2], *STEPS), "wrong_end"),
    (GUI_STEPS, gui(*STEPS[1:]), "wrong_step_count"),
    (GUI_STEPS, {"turns": gui(*STEPS)["turns"] * 2}, "wrong_turn_count"),
    (GUI_STEPS, gui(*STEPS, question="Tea?"), "question_too_short"),
    (GUI_STEPS, gui(*STEPS, answer=" "), "answer_too_short"),
    (GUI_STEPS, gui(*STEPS, answer="x" * 401), "answer_too_long"),
    (GUI_STEPS, {"steps": STEPS}, "wrong_shape"),
    (GUI_STEPS, "Sure! Here is a task.", "not_json"),
    (LONG_DOCUMENT, talk(FAR, []), "too_few_quotes"),
    (LONG_DOCUMENT, talk(FAR, ["Chapter 3 tells of harbour number 22"]), "quote_not_in_document"),
    (LONG_DOCUMENT, talk(FAR, ["Chapter 3"]), "quote_too_short"),
    (LONG_DOCUMENT, talk(PAGE[:2], PAGE[50:52]), "quotes_too_close"),
    (LONG_DOCUMENT, {"turns": [talk(FAR)["turns"][0]] * 2}, "repeated_question"),
]


def written(told: Any) -> str:
    return told if isinstance(told, str) else json.dumps(told)


@pytest.mark.parametrize(("scenario", "told", "reason"), BROKEN, ids=[reason for *_, reason in BROKEN])
def test_an_answer_that_breaks_a_constraint_has_its_reason(scenario: Scenario, told: Any, reason: str) -> None:
    with pytest.raises(BadSample) as bad:
        checked(written(told), scenario.constraints, DOCUMENT, 2)
    assert bad.value.reason == reason and bad.value.detail


def test_a_whole_answer_is_taken_fenced_or_not_and_said_step_by_step() -> None:
    fenced = f"```json\n{written(gui(*STEPS))}\n```"
    for told in (written(gui(*STEPS)), fenced):
        (turn,) = checked(told, GUI_STEPS.constraints, "", 1)
        assert turn.said() == (
            "1. Open the menu. click(screen=0, x=20, y=40)\n"
            '2. type(screen=0, "tea")\n'
            "3. It is there. done()\n"
            "Tea is found."
        )
    turns = checked(written(talk(FAR, PAGE[:1])), LONG_DOCUMENT.constraints, DOCUMENT, 0)
    assert len(turns) == 2 and not turns[0].steps


def test_the_model_is_told_each_constraint_that_is_checked() -> None:
    told = GUI_STEPS.prompt()
    assert all(one in told for one in ("3 to 12 steps", "click (screen, point)", "999", "The last step is done", "400"))
    assert all(one in LONG_DOCUMENT.prompt() for one in ("2 to 6 turns", "at least 1 quotes", "30% of the document"))


def shelf_of(tmp_path: Path, picture: Callable[..., bytes]) -> Shelf:
    source = tmp_path / "source"
    source.mkdir()
    for seed in range(4):
        (source / f"{seed}.jpg").write_bytes(picture(seed, (96 + seed, 64)))
        (source / f"{seed}.txt").write_text("a screen")
    (source / "4.jpg").write_bytes(picture(4)[:300])
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(source), Local(1), dataset="screens")
    (tmp_path / "books.jsonl").write_text(
        "".join(
            json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate([DOCUMENT, "Short.", DOCUMENT + "."])
        )
    )
    ingest(shelf, str(tmp_path / "books.jsonl"), Local(1), kind="texts", dataset="books")
    return shelf


def asks(url: str) -> Endpoint:
    return Endpoint(url, "m", 2000, timeout_s=20.0, give_up_s=1.0, pause_s=0.01)


def test_what_fits_becomes_a_dialogue_with_its_parent_and_nothing_is_asked_twice(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    shelf = shelf_of(tmp_path, picture)
    by_width = {96: says(written(gui(*STEPS))), 97: says(written(gui(*STEPS[1:]))), 98: says("I", "length")}

    def script(asked: Any) -> Any:
        if isinstance(asked.body["messages"][1]["content"], str):
            return says(written(talk(FAR, PAGE[3:4])))
        return by_width.get(asked.picture().width, says(None, "content_filter"))

    with serving(script) as server:
        for dataset in ("tasks", "again"):
            options = Options(scenario="gui-steps", asks=asks(server.url))
            made = ingest(shelf, shelf.url, Local(1), options, kind="scenario", dataset=dataset)
            assert made.counts == {
                **{"samples": 1, "wrong_step_count": 1, "cut_off": 1, "refused": 1},
                "undecodable": 1,
            }
        assert len(server.asked) == 4
        options = Options(scenario="long-document", asks=asks(server.url))
        made = ingest(shelf, shelf.url, Local(1), options, kind="scenario", dataset="talks")
        assert made.counts == {"samples": 2} and len(server.asked) == 6
        assert server.asked[-1].body["max_tokens"] == 2000
    rows = {row["name"]: row for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()}
    task, document = rows["screens/0.jpg#gui-steps"], rows["books/0#long-document"]
    assert task["parent"] == rows["0.jpg"]["key"].hex and task["media"] == "media/000000.tar"
    assert json.loads(task["meta"]) == {"model": "m", "quotes": [], "scenario": "gui-steps"}
    told = [(part["kind"], part.get("role"), part.get("text", "")) for part in json.loads(document["parts"])]
    assert told[0] == ("text", "user", f"{DOCUMENT}\n\nWhat is told of harbour 0?")
    assert [role for _, role, _ in told] == ["user", "assistant"] * 2
    counts = run(shelf, find_recipe("instructions", {"languages": ""}), Local(1))
    assert counts["kept"] == 2, "of equal dialogues one stays"


def test_an_endpoint_that_fails_stops_the_listing_and_what_was_answered_is_not_asked_again(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    shelf, well = shelf_of(tmp_path, picture), {"is": False}

    def script(asked: Any) -> Any:
        works = well["is"] or asked.picture().width == 96
        return says(written(gui(*STEPS))) if works else Reply(b"down", 503)

    with serving(script) as server:
        options = Options(
            scenario="gui-steps", asks=msgspec.structs.replace(asks(server.url), at_once=1, give_up_s=0.2)
        )
        with pytest.raises(Unavailable):
            ingest(shelf, shelf.url, Local(1), options, kind="scenario", dataset="tasks")
        assert shelf.shards() == ["000000", "000001"]
        well["is"], before = True, [asked.picture().width for asked in server.asked]
        assert ingest(shelf, shelf.url, Local(1), options, kind="scenario", dataset="tasks").counts["samples"] == 4
        after = [asked.picture().width for asked in server.asked[len(before) :]]
        assert before.count(96) == 1 and sorted(after) == [97, 98, 99]


def test_a_scenario_of_ones_own_is_read_from_a_file_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(GUI_STEPS, name="mine")))
    assert find_scenario(str(file)).name == "mine" and find_scenario("gui-steps") is SCENARIOS["gui-steps"]
    for told, what in [
        ("{", "truncated"),
        ('{"name": "x", "of": "sounds", "instructions": "", "constraints": {}}', "of"),
        ('{"name": "x", "of": "text", "instructions": "", "constraints": {"most_turn": 1}}', "most_turn"),
        ('{"name": "x", "of": "text", "instructions": "", "constraints": {"ends_with": "stop"}}', "stop"),
    ]:
        file.write_text(told)
        with pytest.raises(BadInput, match=what):
            find_scenario(str(file))
    with pytest.raises(BadInput, match="gui-steps"):
        find_scenario("")
