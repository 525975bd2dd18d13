"""Tasks: a door of their own, answers that are graded, a difficulty, and dialogues made of the right answers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from annotators.thought import contradicts, repeated_share
from pipelines.benchmark.register import register
from pipelines.commands.difficulty import difficulty as difficulty_verb
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.drawn_task_set import write_tasks
from pipelines.ingest.drawn_tasks import CELL_PX, COLOURS, DRAWN, LEVELS, SHAPES, draw_task
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.query.difficulty import spread
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.difficulty import difficulty, pass_at
from schemas.errors import BadInput
from schemas.response import BOX, BOX_END
from schemas.sample import Source, Text, from_columns
from schemas.task import DIFFICULTIES, posed_of


def boxed(answer: str, thinking: str = "I count them.") -> str:
    return f"<think>{thinking}</think><answer>There are {BOX}{answer}{BOX_END}.</answer>"


def asked(number: int, responses: list[str], **told: Any) -> dict[str, Any]:
    return {
        "id": f"task-{number}",
        "question": f"How many boats lie in harbour number {number}?",
        "domain": "counting",
        "reference": "3",
        "responses": responses,
        **told,
    }


def shelf_of(folder: Path, records: list[dict[str, Any]], recipe: str = "cot", **values: str) -> Shelf:
    """Bring tasks to a shelf and run a recipe of tasks over them."""
    folder.mkdir(exist_ok=True)
    (folder / "tasks.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    shelf = Shelf(str(folder / "shelf"))
    ingest(shelf, str(folder / "tasks.jsonl"), Local(1), max_failed=1.0)
    run(shelf, find_recipe(recipe, values), Local(1))
    return shelf


def texts(shelf: Shelf) -> dict[str, list[tuple[str, str]]]:
    """Return what is said in every sample of a shelf, by its name."""
    found = {}
    for shard in shelf.shards():
        for row in shelf.catalog(shard, ["key", "parts", "name"]).to_pylist():
            sample = from_columns(row["key"].hex, row["parts"], Source("tasks", row["name"]))
            found[row["name"]] = [(one.role, one.text) for one in sample.parts if isinstance(one, Text)]
    return found


def test_a_task_keeps_its_question_its_pictures_and_all_that_its_verifier_needs(
    tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    (tmp_path / "one.jpg").write_bytes(picture(1))
    (tmp_path / "two.jpg").write_bytes(picture(2))
    record = asked(
        1, [], question="First <image> then <image>: how many?", images=["one.jpg", "two.jpg"], skill="boats"
    )
    record |= {"parameters": {"thinking": False}, "difficulty": "hard", "licence": "CC0-1.0"}
    (tmp_path / "tasks.jsonl").write_text(json.dumps(record))
    shelf = Shelf(str(tmp_path / "shelf"))
    assert ingest(shelf, str(tmp_path / "tasks.jsonl"), Local(1)).recipe == "rl-tasks"
    (row,) = shelf.catalog("000000").to_pylist()
    posed = posed_of(row["meta"])
    assert (posed.task.domain, posed.task.reference, posed.task.skill) == ("counting", "3", "boats")
    assert (posed.task.difficulty, posed.task.parameters.thinking, row["licence"]) == ("hard", False, "CC0-1.0")
    assert [part["kind"] for part in json.loads(row["parts"])] == ["text", "image", "text", "image", "text"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"question": "How many?", "domain": "counting"}, "no_reference"),
        ({"question": "How many?", "reference": "3"}, "no_reference"),
        ({"domain": "counting", "reference": "3"}, "no_question"),
        ({"question": " ", "domain": "counting", "reference": "3"}, "empty_question"),
        (asked(1, [], images=["../out.jpg"]), "path_leaves_source"),
        (asked(1, [], images=["gone.jpg"]), "file_missing"),
        (asked(1, [], parameters={"rel_tol": 2}), "bad_task"),
        (asked(1, [], parameters={"thinking": "often"}), "bad_task"),
        (asked(1, [], difficulty="tricky"), "bad_task"),
        (asked(1, [3]), "bad_task"),  # type: ignore[list-item]
    ],
)
def test_what_is_no_task_is_a_failed_row_with_its_reason(tmp_path: Path, record: dict[str, Any], reason: str) -> None:
    (tmp_path / "tasks.jsonl").write_text(json.dumps(asked(0, [])) + "\n" + json.dumps(record) + "\n")
    shelf = Shelf(str(tmp_path / "shelf"))
    counts = ingest(shelf, str(tmp_path / "tasks.jsonl"), Local(1), kind="tasks", max_failed=1.0).counts
    assert counts == {"samples": 1, reason: 1}


def test_responses_of_several_files_meet_in_one_task(tmp_path: Path) -> None:
    (tmp_path / "by").mkdir()
    for name, answer in (("a", "3"), ("b", "4")):
        lines = [json.dumps(asked(n, [boxed(answer)], answered_by=[name])) for n in (1, 2)]
        (tmp_path / "by" / f"{name}.jsonl").write_text("\n".join(lines))
    shelf = Shelf(str(tmp_path / "shelf"))
    assert ingest(shelf, str(tmp_path / "by"), Local(1), kind="tasks").recipe == "cot"
    posed = [posed_of(meta) for meta in shelf.catalog("000000")["meta"].to_pylist()]
    assert [(one.responses, one.answered_by) for one in posed] == [((boxed("3"), boxed("4")), ("a", "b"))] * 2


def test_the_band_keeps_what_is_sometimes_right_and_says_how_often(tmp_path: Path) -> None:
    rights = {0: 0, 1: 1, 2: 2, 3: 4}
    records = [asked(n, [boxed("3")] * right + [boxed("4")] * (4 - right)) for n, right in rights.items()]
    records += [asked(4, []), asked(5, [boxed("3")], domain="bolts")]
    shelf = shelf_of(tmp_path, records)
    recipe = find_recipe("cot")
    verdicts = pq.read_table(shelf.path("verdicts", recipe.id, "000000.parquet")).to_pylist()
    told = [(one["outcome"], one["reason"], one["measured"]) for one in verdicts]
    assert told[:4] == [
        ("dropped", "score_outside", 0.0),
        ("kept", "", None),
        ("kept", "", None),
        ("dropped", "score_outside", 1.0),
    ]
    assert [one[:2] for one in told[4:]] == [("failed", "no_responses"), ("failed", "bad_task")]
    (found,) = spread(shelf, recipe.id)
    assert (found.tasks, found.answers, found.pass_rate) == (4, 16, 7 / 16)
    assert found.by_tenth == (1, 0, 1, 0, 0, 1, 0, 0, 0, 1)
    assert found.grades == {"right": 7, "wrong": 9}
    assert found.pass_at == {1: 7 / 16, 4: 0.75}
    shown = CliRunner().invoke(difficulty_verb, ["--shelf", shelf.url])
    assert shown.exit_code == 0 and "43.8 %" in shown.output and "very_easy 1" in shown.output


def test_right_answers_become_dialogues_of_their_task_and_some_come_without_their_thinking(tmp_path: Path) -> None:
    many = [boxed("3", f"I count {n} times.") for n in range(6)]
    records = [asked(n, [*many, boxed("3", "I count 0 times."), boxed("4")]) for n in range(30)]
    records.append(asked(30, [boxed("4")] * 4))
    shelf = shelf_of(tmp_path, records)
    options = Options(most_answers=2, no_think=0.4)
    answers = Shelf(str(tmp_path / "answers"))
    ingest(answers, shelf.url, Local(1), options, kind="answers")
    said = texts(answers)
    thinking = {name: turns for name, turns in said.items() if not name.endswith("no-think")}
    assert len(thinking) == 60
    assert {turns[2] for turns in thinking.values()} == {("assistant", f"There are {BOX}3{BOX_END}.")}
    assert len({(name.split("#")[0], turns[1]) for name, turns in thinking.items()}) == 60
    assert len({turns[1] for turns in thinking.values()}) == 6
    twins = {name: turns for name, turns in said.items() if name.endswith("no-think")}
    assert 12 <= len(twins) <= 36
    for name, turns in twins.items():
        (_, question), _, answer = thinking[name.removesuffix("-no-think")]
        assert turns == [("user", f"{question}/nothink"), answer]
    parents = answers.catalog("000000")["parent"].to_pylist()
    assert set(parents) <= {key.hex for key in shelf.catalog("000000")["key"].to_pylist()[:30]}
    again = Shelf(str(tmp_path / "again"))
    ingest(again, shelf.url, Local(1), options, kind="answers")
    assert texts(again) == said


def test_answers_are_made_only_where_something_was_graded(tmp_path: Path) -> None:
    shelf = shelf_of(tmp_path, [asked(1, [boxed("3")])], "whole")
    with pytest.raises(BadInput, match="no recipe that grades"):
        ingest(Shelf(str(tmp_path / "answers")), shelf.url, Local(1), kind="answers")


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_drawn_answers_with_a_right_one(case: tuple[int, int, int]) -> None:
    answered, right, k = case
    draws = list(combinations([True] * right + [False] * (answered - right), k))
    assert pass_at(k, answered, right) == pytest.approx(sum(map(any, draws)) / len(draws))


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["", *DIFFICULTIES]), st.sampled_from(DIFFICULTIES))
def test_what_is_right_more_often_or_is_called_easier_is_never_harder(
    one: float, other: float, by: Any, called: Any
) -> None:
    place = DIFFICULTIES.index
    low, high = sorted((one, other))
    assert place(difficulty(low, by)) >= place(difficulty(high, by))
    harder = DIFFICULTIES[min(place(called) + 1, 4)]
    assert place(difficulty(low, called)) <= place(difficulty(low, harder))
    assert abs(place(difficulty(low, called)) - place(difficulty(low))) <= 1


@pytest.mark.parametrize(
    ("thinking", "answer", "told"),
    [
        ("9 * 2 = 18, so it is 18 dollars.", "18", False),
        ("9 * 2 = 18, so it is 18 dollars.", "17", True),
        ("9 * 2 = <<9*2=18.4>>18 dollars", "18", False),
        ("The total is $1,250.", "1250", False),
        ("The total is $1,250.", "125", True),
        ("I see a red boat.", "3", False),
        ("So it is 18.", "a boat", False),
    ],
)
def test_thinking_that_comes_to_another_number_contradicts(thinking: str, answer: str, told: bool) -> None:
    assert contradicts(thinking, f"It is {BOX}{answer}{BOX_END}.") is told


def test_a_stretch_said_again_is_measured_and_plain_words_are_not() -> None:
    once = " ".join(f"step {n} adds {n * n} boats to the row" for n in range(60))
    assert repeated_share(once) < 0.05
    assert repeated_share("we look at the boats in the harbour once more and count them " * 20) > 0.8
    assert repeated_share("") == 0


def test_evaluation_items_are_graded_and_then_none_is_left_to_export(tmp_path: Path, data: Path) -> None:
    """All 1,319 questions of GSM8K's models and 1,000 of MathVista's are registered benchmarks."""
    benchmarks = str(tmp_path / "benchmarks")
    files = [str(data / "eval_sets" / name) for name in ("gsm8k_test.jsonl", "mathvista_testmini.json")]
    register(files, benchmarks)
    for source, count, right in (
        ("gsm8k/example_model_solutions.jsonl", 1319, 2001),
        ("mathvista_rollouts", 1000, 559),
    ):
        shelf = Shelf(str(tmp_path / source.split("/")[0]))
        ingest(shelf, str(data / "instruct" / source), Local(1), kind="tasks")
        recipe = find_recipe("cot", {"benchmarks": benchmarks})
        assert run(shelf, recipe, Local(1)) == {"kept": 0, "dropped": count, "failed": 0}
        assert sum(one.grades["right"] for one in spread(shelf, recipe.id)) == right
        with pytest.raises(BadInput, match="kept no sample"):
            export(shelf, "cot", str(tmp_path / "out"), Local(1), ExportOptions())
        assert not (tmp_path / "out").exists()


def said_of(caption: str) -> list[list[str]]:
    """The cells of a caption, row by row, from any order of their numbers."""
    numbered = {int(number): says for number, _, says in (cell.partition(" ") for cell in caption.split(", "))}
    side = math.isqrt(len(numbered))
    return [[numbered[row * side + column + 1] for column in range(side)] for row in range(side)]


ANSWERED: dict[str, Callable[[list[list[str]], str], str]] = {
    "counting": lambda cells, question: str(
        sum(cell.endswith(_shapes_of(question)) for line in cells for cell in line)
    ),
    "colour": lambda cells, question: _cell_asked(cells, question).split()[0],
    "digits": lambda cells, question: "".join(
        cell[-1]
        for cell in ([_cell_asked(cells, question)] if "column" in question else cells[int(question[-2]) - 1])
        if cell[-1].isdigit()
    ),
    "chart": lambda cells, question: str(sum(cell.startswith(question.split()[6]) for line in cells for cell in line)),
    "box": lambda cells, question: _box_of(cells, question.split()[3].rstrip("?")),
}


def _shapes_of(question: str) -> tuple[str, ...]:
    asked = question.split()[2].rstrip("s")
    return SHAPES if asked == "shape" else (asked,)


def _cell_asked(cells: list[list[str]], question: str) -> str:
    row, column = (int(one) for one in re.findall(r"\d+", question))
    return cells[row - 1][column - 1]


def _box_of(cells: list[list[str]], shape: str) -> str:
    (place,) = [(r, c) for r, line in enumerate(cells) for c, cell in enumerate(line) if cell.endswith(shape)]
    edges = [round(1000 * at / len(cells)) for at in (place[1], place[0], place[1] + 1, place[0] + 1)]
    return f"[[{','.join(map(str, edges))}]]"


@pytest.mark.parametrize("kind", DRAWN)
def test_what_a_drawn_task_asks_is_what_its_picture_shows(kind: str) -> None:
    for number, level in product(range(20), LEVELS):
        drawn_task = draw_task(kind, f"train-{number}", level)
        cells = said_of(drawn_task.caption)
        assert ANSWERED[kind](cells, drawn_task.task.question) == drawn_task.task.reference
        side = len(cells)
        tiles = drawn_task.picture.reshape(side, CELL_PX, side, CELL_PX, 3).swapaxes(1, 2)
        for cell, tile in zip(
            (one for line in cells for one in line), tiles.reshape(-1, CELL_PX, CELL_PX, 3), strict=True
        ):
            painted = {tuple(colour) for colour in np.unique(tile[1:, 1:].reshape(-1, 3), axis=0).tolist()}
            shown = {name for name, colour in COLOURS.items() if colour in painted}
            assert shown == ({cell.split()[0]} if cell != "blank" else set())


def test_captions_say_cells_in_orders_of_their_own_and_thinking_names_them_alike() -> None:
    orders = set()
    for number, kind in product(range(10), ("colour", "digits", "chart")):
        drawn = draw_task(kind, f"train-{number}")
        cells = drawn.caption.split(", ")
        orders.add(tuple(int(cell.split()[0]) for cell in cells))
        assert set(drawn.seen.split(", ")) <= set(cells)
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(1, 10))} and len(orders) == 30


def test_drawn_splits_have_nothing_in_common_and_a_larger_one_begins_with_the_smaller(tmp_path: Path) -> None:
    pictures = {}
    for split, count in (("train", 60), ("test", 60), ("train", 90)):
        folder = tmp_path / f"{split}-{count}"
        write_tasks(str(folder), count, ("digits", "counting"), ("medium",), split)
        pictures[split, count] = [path.read_bytes() for path in sorted((folder / "pictures").glob("*.png"))]
    assert not set(pictures["train", 60]) & set(pictures["test", 60])
    assert pictures["train", 90][:60] == pictures["train", 60]


def test_every_drawn_task_pays_its_reference_and_no_wrong_answer(tmp_path: Path) -> None:
    path = write_tasks(str(tmp_path / "drawn"), 100, (), (), "train")
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, path, Local(1), kind="tasks")
    assert run(shelf, find_recipe("rl-tasks"), Local(1)) == {"kept": 100, "dropped": 0, "failed": 0}
    exported = export(shelf, "tasks", str(tmp_path / "out"), Local(1), ExportOptions())
    assert exported.exported == 100


def test_a_task_whose_reference_is_paid_for_nothing_or_for_everything_goes(tmp_path: Path) -> None:
    records = [
        asked(1, []),
        asked(2, [], reference="five boats, or six"),
        asked(3, [], domain="choice", reference="A", parameters={"options": ["red", "red"]}),
        asked(4, [], domain="chart", reference="10", parameters={"rel_tol": -1.0}),
        asked(5, [], domain="video", reference="3.0 to 2.0", parameters={"task": "temporal_grounding"}),
    ]
    shelf = shelf_of(tmp_path, records, "rl-tasks")
    verdicts = pq.read_table(shelf.path("verdicts", find_recipe("rl-tasks").id, "000000.parquet")).to_pylist()
    assert [one["outcome"] for one in verdicts] == ["kept", "failed", "dropped", "kept", "failed"]
