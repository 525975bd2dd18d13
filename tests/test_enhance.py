"""Rounds of answers: what stays is informative, new, at most so many of a task, and says where it comes from."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.columns import Columns
from filters.corpus import CorpusFilter
from filters.informative import Informative
from filters.most_per_task import MostPerTask
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.form import write_exported
from schemas.sample import Sample, Source, Text, from_json
from schemas.taken import taken_of
from schemas.tar import Writer
from schemas.task import Posed, Task

Answer = tuple[str, int, float, str]
ANSWERS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.sampled_from([0.125, 0.5, 1.0]), st.sampled_from("xyz")),
    max_size=30,
)


def corpus(answers: list[Answer]) -> Columns:
    tasks, rounds, rates, skills = zip(*answers, strict=True) if answers else ((), (), (), ())
    keys = np.array([f"{place * 7919 % 65536:016x}".encode() for place in range(len(answers))], "S16")
    return Columns(
        len(answers),
        {
            "key": keys,
            "answer_task": np.array(tasks, object),
            "answer_round": np.array(rounds, np.uint32),
            "pass_rate": np.array(rates, np.float64),
            "task_skill": np.array(skills, object),
        },
    )


def lost_in(judging: CorpusFilter, columns: Columns, buckets: int = 1) -> dict[int, tuple[int, float, str]]:
    """Return who goes, with the witness, what was measured and the reason; decided bucket by bucket."""
    parts = [columns.take(np.arange(place, columns.count, 3)) for place in range(3)]
    learned = judging.learn([judging.survey(part) for part in parts])
    spread, found = judging.spread(columns, learned, buckets), {}
    for bucket in range(buckets):
        rows = spread.rows[spread.buckets == bucket]
        lost = judging.decide(columns.take(rows), learned)
        for at, witness, measured, reason in zip(lost.rows, lost.witnesses, lost.measured, lost.reason, strict=True):
            named = int(rows[witness]) if witness >= 0 else -1
            found[int(rows[at])] = (named, float(measured), judging.reasons[reason])
    return found


@given(ANSWERS, st.integers(1, 4))
def test_of_a_task_so_many_answers_stay_and_none_of_a_later_round_before_one_of_an_earlier(
    answers: list[Answer], most: int
) -> None:
    columns = corpus(answers)
    lost = lost_in(MostPerTask(most), columns)
    assert lost == lost_in(MostPerTask(most), columns, buckets=4)
    for task in {one[0] for one in answers}:
        of_task = [place for place, one in enumerate(answers) if one[0] == task]
        stay = [place for place in of_task if place not in lost]
        assert len(stay) == min(most, len(of_task))
        gone = [place for place in of_task if place in lost]
        assert max(answers[place][1] for place in stay) <= min((answers[place][1] for place in gone), default=9)
        assert all(lost[place][0] in stay and lost[place][1] == len(of_task) for place in gone)


@given(ANSWERS, st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_an_answer_outside_the_band_stays_where_its_skill_is_rare_alone(answers: list[Answer], rare: float) -> None:
    columns = corpus(answers)
    lost = lost_in(Informative(0.2, 0.8, rare), columns)
    assert lost == lost_in(Informative(0.2, 0.8, rare), columns, buckets=4)
    counts = Counter(one[3] for one in answers)
    for place, (_, _, rate, skill) in enumerate(answers):
        is_rare = counts[skill] <= rare * len(answers)
        assert (place in lost) == (rate != 0.5 and not is_rare)
        assert place not in lost or lost[place][1:] == (rate, "too_hard" if rate < 0.5 else "too_easy")


@pytest.mark.parametrize("values", [{"low": 0.9, "high": 0.1}, {"rare": 1.5}, {"high": float("nan")}])
def test_bounds_that_are_none_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        Informative(**values)
    with pytest.raises(BadInput):
        MostPerTask(0)


def said(thinking: str, answer: int) -> str:
    return f"<think>{thinking}</think><answer><|begin_of_box|>{answer}<|end_of_box|></answer>"


def round_of(tmp_path: Path, number: int, tasks: list[dict[str, Any]]) -> Shelf:
    """Return a shelf of tasks whose told responses are graded."""
    path = tmp_path / f"round-{number}.json"
    path.write_text(json.dumps(tasks))
    shelf = Shelf(str(tmp_path / f"shelf-{number}"))
    ingest(shelf, str(path), Local(1), kind="tasks", dataset="tasks")
    run(shelf, find_recipe("cot", {"low": "0", "high": "1"}), Local(1))
    return shelf


def asked(name: str, responses: list[str], by: str, **values: Any) -> dict[str, Any]:
    task = {"id": name, "question": f"How many boats are in harbour {name}?", "domain": "counting", "reference": "5"}
    return {**task, "responses": responses, "answered_by": [by] * len(responses), **values}


def test_a_second_round_adds_what_is_new_and_says_who_answered(tmp_path: Path) -> None:
    wrong = said("I guess.", 6)
    first = [
        asked("a", [said("2 + 3 = 5", 5), wrong], "start"),
        asked("easy", [said("All five of them.", 5)] * 2, "start"),
    ]
    again = said("Two boats lie at the pier and three more at the buoys, so there are 2 + 3 = 5", 5)
    second = [
        asked("a", [said("2 + 3 = 5", 5), again, wrong, wrong], "run@40"),
        asked("b", [said("4 + 1 = 5", 5), wrong], "run@40"),
        asked("rare", [said("I see five sails.", 5)], "run@40", skill="sails"),
    ]
    rounds = Shelf(str(tmp_path / "rounds"))
    for number, tasks in enumerate((first, second)):
        shelf = round_of(tmp_path, number, tasks)
        options = Options(most_answers=4, round=number)
        ingest(rounds, shelf.url, Local(1), options, kind="answers", dataset=f"round-{number}")
    recipe = find_recipe("enhance", {"rare": "0.2", "most": "2"})
    assert run(rounds, recipe, Local(1))["failed"] == 0
    exported = export(rounds, "next", str(tmp_path / "next"), Local(1), ExportOptions())
    assert exported.exported == 4
    kept = samples_of(tmp_path / "next")
    taken = [(one.source.row.split("#")[0], taken_of(one.source.meta)) for one in kept]
    assert sorted((row, one.by, one.round, one.pass_rate) for row, one in taken) == [
        ("tasks/a", "run@40", 1, 0.5),
        ("tasks/a", "start", 0, 0.5),
        ("tasks/b", "run@40", 1, 0.5),
        ("tasks/rare", "run@40", 1, 1.0),
    ]
    tasks_of = {one.source.row.split("#")[0]: one.source.parent for one in kept}
    catalogued = pq.read_table(str(tmp_path / "shelf-1" / "catalog" / "000000.parquet")).to_pylist()
    assert tasks_of == {f"tasks/{row['name']}": row["key"].hex for row in catalogued if not row["failed"]}


def test_of_rollouts_an_answers_task_is_the_one_that_was_rolled_out(tmp_path: Path) -> None:
    task, right = Task("counting", "How many boats?", "5", skill="sails"), said("2 + 3 = 5", 5)
    rollouts = tmp_path / "rollouts"
    rollouts.mkdir()
    for step in (1, 2):
        posed = Posed(task, (said("I guess.", 6), right), (f"weights-{step}",) * 2)
        source = Source("tasks", "a", parent="ab" * 16, meta=msgspec.json.encode(posed).decode())
        sample = Sample(f"{step:032x}", (Text("How many boats?", "user"),), source)
        with (rollouts / f"step-{step:06d}.tar").open("wb") as file:
            tar = Writer(file)
            write_exported(tar, sample, [])
            tar.close()
    shelf, rounds = Shelf(str(tmp_path / "shelf")), Shelf(str(tmp_path / "rounds"))
    ingest(shelf, str(rollouts), Local(1))
    run(shelf, find_recipe("cot"), Local(1))
    ingest(rounds, shelf.url, Local(1), Options(round=2), kind="answers")
    rows = pq.read_table(str(tmp_path / "rounds" / "catalog" / "000000.parquet")).to_pylist()
    assert [(row["parent"], taken_of(row["meta"]).by, taken_of(row["meta"]).response) for row in rows] == [
        ("ab" * 16, "weights-1", 1),
        ("ab" * 16, "weights-2", 1),
    ]


def samples_of(folder: Path) -> list[Sample]:
    with tarfile.open(next(folder.rglob("*.tar"))) as tar:
        members = [tar.extractfile(one) for one in tar if one.name.endswith(".json")]
        return [from_json(member.read()) for member in members if member]
