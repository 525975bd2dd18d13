"""Asking all shelves, and keeping each answer as a line of a file, so that the bench goes on where it stopped."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from bench.scale.measure import Cost, measured
from bench.scale.questions import Question, command_of, forget, questions
from bench.scale.real import ROOT
from bench.scale.shelves import SHELVES, bytes_of, path_of
from pipelines.shelf.shelf import Shelf

RESULTS = "results.jsonl"


class Step(Struct, frozen=True):
    """A step of a run, as its own record tells it."""

    name: str
    seconds: float = 0.0
    samples: int = 0
    peak_tree_mib: float = 0.0


class Answer(Struct, frozen=True):
    """What a question of a shelf cost; `steps` and `counts` of a run; bytes on the disk, afterwards, by folder of the
    shelf; `load`: how many processes wanted a processor just before."""

    shelf: str
    question: str
    rows: int
    cost: Cost
    steps: tuple[Step, ...] = ()
    counts: dict[str, int] = {}
    disk_bytes: dict[str, int] = {}
    load: float = 0.0


Answers = dict[tuple[str, str], Answer]


def answers(folder: str) -> Answers:
    """Return the answers so far, the latest of each question."""
    path = os.path.join(folder, RESULTS)
    if not os.path.exists(path):
        return {}
    with open(path, "rb") as file:
        found = [msgspec.json.decode(line, type=Answer) for line in file]
    return {(answer.shelf, answer.question): answer for answer in found}


def keep(folder: str, answer: Answer) -> None:
    """Add an answer."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, RESULTS), "ab") as file:
        file.write(msgspec.json.encode(answer) + b"\n")


def ask(folder: str, shelves: Sequence[str], again: Collection[str] = ()) -> None:
    """Ask whatever has no answer yet, or is to be asked `again`, of these shelves."""
    there = answers(folder)
    for name in shelves:
        path = path_of(folder, name)
        for question in questions(name, path):
            before = there.get((name, question.name))
            if before and before.cost.status == "done" and question.name not in again:
                continue
            print(f"{name}: {question.name} ...", file=sys.stderr, flush=True)
            answer = _ask(name, path, question)
            keep(folder, answer)
            print(f"  {answer.cost.status}, {answer.cost.wall_s:.1f} s", file=sys.stderr, flush=True)
            if answer.cost.status != "done":
                print(answer.cost.said, file=sys.stderr, flush=True)


def _ask(name: str, path: str, question: Question) -> Answer:
    if question.fresh:
        forget(path)
    load, _, _ = os.getloadavg()
    cost = measured(command_of(question, path), ROOT)
    steps, counts = _last_run(path) if "run" in question.command else ((), {})
    return Answer(name, question.name, SHELVES[name].rows, cost, steps, counts, bytes_of(path), round(load, 2))


def _last_run(path: str) -> tuple[tuple[Step, ...], dict[str, int]]:
    """Return the steps and the counts of the latest run on a shelf, as far as its record has them."""
    shelf = Shelf(path)
    runs = shelf.folders("runs")
    if not runs:
        return (), {}
    record: Any = msgspec.json.decode(shelf.fs.cat_file(shelf.path("runs", runs[-1], "record.json")))
    steps = tuple(msgspec.convert(step, Step) for step in record.get("steps", ()))
    return steps, dict(record.get("counts", {}))
