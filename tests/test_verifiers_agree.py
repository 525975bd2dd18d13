"""Verifiers on answers that others graded: GSM8K's four models, and what three models said to MathVista."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filters.verifiers.verify import verify
from schemas.grade import Grade
from schemas.response import BOX, BOX_END
from schemas.task import Parameters, Task

AGREED = 0.995
PLAIN, NEAREST = 2146, 157
BY_NEAREST_NUMBER = [
    ("llava_llama_2_13b:198", "1", "15", "1"),
    ("llava_llama_2_13b:878", "11", "13", "11"),
]
"""Name, answer, what was said, what it was taken for: the labels pay for 15 as 1 and for 13 as 11."""
SAME: set[tuple[str, str]] = {("5", "x=5")}
"""Answers of MATH-500 to other problems that are the same in other words."""
NUMBER = re.compile(r"-?[0-9,]*\.?[0-9]+")
LETTER = re.compile(r"\(?([A-Z])\)?")


def grade(thinking: str, answer: str, task: Task) -> Grade:
    return verify(f"<think>{thinking}</think><answer>{BOX}{answer}{BOX_END}</answer>", task)


@pytest.fixture(scope="module")
def instruct(data: Path) -> Path:
    return data / "instruct"


def gsm8k(folder: Path) -> Iterator[tuple[Task, str, bool]]:
    """Yield task, solution and label; a solution ends with `A: 18`, or was cut before it came to that."""
    for line in (folder / "gsm8k" / "example_model_solutions.jsonl").read_text().splitlines():
        row = json.loads(line)
        task = Task("math", row["question"], row["ground_truth"].rpartition("A:")[2].strip())
        for found in row.values():
            if isinstance(found, dict):
                yield task, found["solution"], found["is_correct"]


def test_gsm8k_is_graded_as_its_labels_say(instruct):
    rows = list(gsm8k(instruct))
    differ = []
    for task, solution, is_correct in rows:
        thinking, ended, answer = solution.rpartition("\nA:")
        found = grade(thinking, answer.strip(), task) if ended else verify(f"<think>{solution}</think>", task)
        if (found.reward == 1) != is_correct:
            differ.append((task.reference, solution, is_correct, found))
    assert len(rows) == 5276
    assert differ == []


def mathvista(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((folder / "mathvista_rollouts").glob("*.json")):
        for key, row in json.loads(path.read_text()).items():
            yield f"{path.stem}:{key}", row


def task_of(row: dict[str, Any]) -> Task:
    if row["question_type"] == "multi_choice":
        return Task("choice", row["question"], row["answer"], Parameters(options=tuple(row["choices"])))
    return Task("math", row["question"], str(row["answer"]))


def is_plain(row: dict[str, Any]) -> bool:
    """Whether an extraction is a number, a choice, or the letter of a choice that there is."""
    said = str(row["extraction"]).strip()
    if NUMBER.fullmatch(said):
        return True
    letter = LETTER.fullmatch(said)
    choices = row["choices"] or ()
    return said in choices or bool(letter and ord(letter[1]) - ord("A") < len(choices))


def test_mathvista_is_graded_as_its_labels_say_where_an_answer_is_plain(instruct):
    agree: Counter[bool] = Counter()
    differ = []
    for name, row in mathvista(instruct):
        if is_plain(row):
            found = grade("I look.", str(row["extraction"]), task_of(row))
            agree[(found.reward == 1) == row["true_false"]] += 1
            if (found.reward == 1) != row["true_false"]:
                differ.append((name.removeprefix("output_"), row["answer"], row["extraction"], row["prediction"]))
    assert agree.total() == PLAIN
    assert agree[True] >= AGREED * agree.total()
    assert differ == BY_NEAREST_NUMBER


def test_elsewhere_labels_pay_by_nearest_spelling_and_the_verifier_does_not(instruct):
    """Where it disagrees, the label paid for what was never said, but once: 30√3m, which is 30√{3}m."""
    paid_by_label, paid_by_us = [], []
    for name, row in mathvista(instruct):
        if is_plain(row):
            continue
        found = grade("I look.", str(row["extraction"]) or "none", task_of(row))
        if (found.reward == 1) != row["true_false"]:
            (paid_by_label if row["true_false"] else paid_by_us).append((name, row))
    assert [row["extraction"] for _, row in paid_by_us] == ["30√3m"]
    assert len(paid_by_label) == NEAREST
    assert all(row["question_type"] == "multi_choice" for _, row in paid_by_label)
    assert all(row["prediction"] == row["answer"] != row["extraction"] for _, row in paid_by_label)


REWRITTEN = {
    "as it is": lambda text: text,
    "large fractions": lambda text: text.replace("\\frac", "\\dfrac"),
    "in dollars": lambda text: f"${text}$",
    "a full stop": lambda text: f"{text}.",
    "wide brackets": lambda text: text if "text{" in text else text.replace("(", "\\left(").replace(")", "\\right)"),
    "named": lambda text: text if "=" in text or "text{" in text else f"x = {text}",
    "typed": lambda text: text.replace("\\pi", "π").replace("\\sqrt{", "√{").replace("\\infty", "∞"),
    "no spaces": lambda text: text if "\\cot " in text else text.replace(" ", ""),
}


@pytest.fixture(scope="module")
def math500(data: Path) -> list[Task]:
    lines = (data / "eval_sets" / "math500_test.jsonl").read_text().splitlines()
    return [Task("math", row["problem"], row["answer"]) for row in map(json.loads, lines)]


@pytest.mark.parametrize("way", REWRITTEN)
def test_every_answer_of_math500_is_right_however_it_is_written(math500, way):
    wrong = [task.reference for task in math500 if grade("Hm.", REWRITTEN[way](task.reference), task).reward < 1]
    assert len(math500) == 500 and wrong == []


def test_an_answer_of_math500_is_right_for_no_other_problem_but_with_the_same_answer(math500):
    pairs = [(one, math500[(at * step + 1) % 500].reference) for step in (1, 7, 13) for at, one in enumerate(math500)]
    paid = {(one.reference, other) for one, other in pairs if grade("Hm.", other, one).reward}
    assert {pair for pair in paid if pair[0] != pair[1]} == SAME
