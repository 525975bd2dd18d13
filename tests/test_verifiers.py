"""Verifiers: packs hold, forms are told apart, judges asked where they may be, and a domain of one's own is a file."""

from __future__ import annotations

import multiprocessing
import random
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import chain, permutations
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.verifiers.bounds import (
    MOST_ANSWER_CHARS,
    MOST_DEPTH,
    MOST_DIGITS_IN_A_ROW,
    MOST_MATH_CHARS,
    MOST_RESPONSE_CHARS,
)
from filters.verifiers.boxes import iou, matched
from filters.verifiers.domains.all import DOMAINS
from filters.verifiers.pack import Rates, rates, responses
from filters.verifiers.settle import may_ask, settle
from filters.verifiers.style import repeats
from filters.verifiers.verify import verify
from pipelines.commands.verifiers import MOST_PAID, MOST_REFUSED
from pipelines.commands.verifiers import verifiers as verb
from pipelines.packs import pack_of
from schemas.errors import BadInput
from schemas.grade import MALFORMED, REASONS, UNKNOWN, Grade
from schemas.response import BOX, BOX_END
from schemas.task import Constraint, Parameters, Task

SEVEN = Task("counting", "How many birds are there?", "7")
ANSWER = f"{BOX}7{BOX_END}"


@pytest.fixture(scope="module")
def found() -> dict[str, Rates]:
    return {name: rates(domain, pack_of(domain), DOMAINS) for name, domain in DOMAINS.items()}


@pytest.mark.parametrize("name", DOMAINS)
def test_a_pack_has_fifty_attacks_and_fifty_honest_answers_and_no_case_twice(name, found):
    cases = pack_of(DOMAINS[name])
    assert len(set(map(repr, cases))) == len(cases)
    assert found[name].attacks >= 50 and found[name].honest >= 50


@pytest.mark.parametrize("name", DOMAINS)
def test_attacks_are_not_paid_and_honest_answers_are_not_refused(name, found):
    one = found[name]
    assert len(one.paid) <= MOST_PAID * one.attacks, one.paid
    assert len(one.refused) <= MOST_REFUSED * one.honest, one.refused


def test_hardly_an_attack_reaches_a_judge(found):
    assert sum(one.attacks_to_judge for one in found.values()) <= 0.015 * sum(one.attacks for one in found.values())


def everything() -> list[tuple[str, Task]]:
    return [
        (response, Task(name, case.question, case.reference, case.parameters))
        for name, domain in DOMAINS.items()
        for case in pack_of(domain)
        for response in responses(case, domain.boxed)
        if len(response) < 2_000
    ]


def grade_all(tasks: list[tuple[str, Task]]) -> list[Grade]:
    return [verify(response, task) for response, task in tasks]


def test_threads_and_processes_give_the_grades_of_one_after_another():
    tasks = everything()[::3]
    alone = grade_all(tasks)
    assert {grade.reason for grade in alone} <= set(REASONS)
    assert len({grade.reason for grade in alone} & set(MALFORMED)) > 10
    random.Random(5).shuffle(order := list(range(len(tasks))))
    with ThreadPoolExecutor(8) as pool:
        shuffled = list(pool.map(lambda at: verify(*tasks[at]), order))
    assert [shuffled[order.index(at)] for at in range(len(tasks))] == alone
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        apart = list(chain(*pool.map(grade_all, (tasks[: len(tasks) // 2], tasks[len(tasks) // 2 :]))))
    assert apart == alone


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (f"<think>I count.</think><answer>{ANSWER}</answer>", "right"),
        (f"<think>I count.</think>\nThe answer is {ANSWER}.", "right"),
        (f"<think>I count.</think><answer>{BOX}8{BOX_END}</answer>", "wrong"),
        (ANSWER, "no_thinking"),
        (f"<think> \n</think>{ANSWER}", "no_thinking"),
        (f"<think>.....</think>{ANSWER}", "no_thinking"),
        (f"<think>I count. {ANSWER}", "thinking_unclosed"),
        (f"Well. <think>I count.</think>{ANSWER}", "text_before_thinking"),
        (f"<think>I <think>count.</think>{ANSWER}", "tags_broken"),
        (f"<think>I count.</think></think>{ANSWER}", "tags_broken"),
        (f"<think>I count.</think><answer>{ANSWER}", "tags_broken"),
        (f"<think>I count.</think>So <answer>{ANSWER}</answer>", "tags_broken"),
        (f"<think>I count.</think><answer>{ANSWER}</answer>!", "text_after_answer"),
        ("<think>I count.</think>", "no_answer"),
        ("<think>I count.</think><answer></answer>", "no_answer"),
        ("<think>I count.</think>7", "no_box"),
        (f"<think>I count.</think>{ANSWER}{ANSWER}", "several_boxes"),
        (f"<think>I count.</think>{BOX}{ANSWER}", "several_boxes"),
        (f"<think>I count.</think>{BOX}7", "box_unclosed"),
        (f"<think>I count.</think>{BOX_END}7{BOX}", "box_unclosed"),
        (f"<think>I count {ANSWER}.</think>{ANSWER}", "box_in_thinking"),
        ("<think>I count.</think>\\boxed{7}", "latex_box"),
        (f"<think>I count.</think>{BOX} {BOX_END}", "empty_box"),
        (f"<think>{'I count them one by one from left to right. ' * 25}</think>{ANSWER}", "repeated_text"),
        (f"<think>{'x' * 300_000}</think>{ANSWER}", "too_complex"),
        (f"<think>I count.</think>{BOX}{'7' * 61}{BOX_END}", "too_complex"),
        (f"<think>I count.</think>{BOX}{'7 ' * 5_000}{BOX_END}", "repeated_text"),
    ],
)
def test_a_form_is_told_by_its_reason(response, reason):
    assert verify(response, SEVEN).reason == reason


def test_what_a_box_holds_is_taken_as_it_is():
    call = "click(start_box='[10,20]', element_info='a {b} \\\\c')"
    task = Task("gui", "Click.", call)
    assert verify(f"<think>There.</think>{BOX}\n{call}\n{BOX_END}", task) == Grade(1.0, "right", call)


@pytest.mark.parametrize(
    "response", [ANSWER, f"<think></think>{ANSWER}", f"<think>\n</think><answer>{ANSWER}</answer>"]
)
def test_without_thinking_it_is_empty_or_not_there(response):
    task = Task("counting", "How many birds are there?", "7", Parameters(thinking=False))
    assert verify(response, task).reason == "right"
    assert verify(f"<think>I count.</think>{ANSWER}", task).reason == "thinking_unasked"


def test_a_block_that_stands_ten_times_is_a_repetition_and_a_long_line_is_none():
    words = " ".join(f"word{at}" for at in range(3_000))
    block = "this sentence is exactly what is said once again, "
    assert not repeats(words)
    assert not repeats("=" * 480 + words)
    assert not repeats(words.join([block] * 9))
    assert repeats(words[:77].join([block] * 10))
    assert repeats("ab" * 260)


@settings(max_examples=25)
@given(st.text(st.characters(codec="utf-8"), max_size=80), st.integers(10, 14))
def test_a_block_is_found_whatever_it_says(text, times):
    block = (text + "0123456789" * 5)[:50]
    apart = "".join(f"{block}{at * 7919 % 1000003:x}" for at in range(times))
    assert repeats(apart)


MEDIUM = Task("vqa", "What animal is it?", "horse")
UNSURE = verify(f"<think>Look.</think>{BOX}pony{BOX_END}", MEDIUM)


@pytest.mark.parametrize(
    ("words", "grade"),
    [
        ((), UNSURE),
        ((1.0, 1.0), Grade(1.0, "judged_right", "pony")),
        ((0.0, 0.0), Grade(0.0, "judged_wrong", "pony")),
        ((1.0, 0.0), Grade(0.0, "judges_disagree", "pony")),
        ((0.75, 0.5), Grade(0.5, "judged_partly_right", "pony")),
        ((0.5, 0.8), Grade(0.0, "judges_disagree", "pony")),
    ],
)
def test_a_judge_settles_what_is_unknown_where_its_two_words_agree(words, grade):
    assert UNSURE.reason == UNKNOWN and may_ask(UNSURE, MEDIUM)
    assert settle(UNSURE, MEDIUM, words) == grade


@pytest.mark.parametrize(
    ("grade", "task"),
    [
        (Grade(0.0, "wrong", "8"), MEDIUM),
        (Grade(0.0, "hedged", "horse or cow"), MEDIUM),
        (Grade(1.0, "right", "horse"), MEDIUM),
        (Grade(0.0, UNKNOWN, "7 or so"), SEVEN),
    ],
)
def test_a_judge_has_no_word_on_anything_else(grade, task):
    assert not may_ask(grade, task)
    assert settle(grade, task, ()) == grade
    with pytest.raises(BadInput, match="by rule"):
        settle(grade, task, (1.0, 1.0))


@pytest.mark.parametrize("words", [(1.0,), (1.0, 1.0, 1.0), (1.0, 1.1), (float("nan"), 1.0)])
def test_a_judge_gives_two_rewards(words):
    with pytest.raises(BadInput, match="two rewards"):
        settle(UNSURE, MEDIUM, words)


@pytest.mark.parametrize("name", [name for name, domain in DOMAINS.items() if not domain.judged])
def test_a_domain_without_a_judge_knows_always(name):
    domain = DOMAINS[name]
    tasks = [one for one in everything() if one[1].domain == name]
    assert tasks and all(verify(*one).reason != UNKNOWN for one in tasks), domain


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (Task("bolts", "", "7"), "no verifier for the domain 'bolts'.*choose one of math"),
        (Task("counting", "", "many"), "'many' is not a whole number"),
        (Task("choice", "", "E", Parameters(options=("a", "b"))), "not one of the options"),
        (Task("grounding", "", "[1, 2]"), "not a list of boxes"),
        (Task("video", "", "5", Parameters(task="temporal_grounding")), "not a span"),
        (Task("video", "", "5", Parameters(task="action")), "a task of video is 'action'"),
        (Task("gui", "", "leap(1)"), "not an action"),
        (Task("math", "", "soon", Parameters(answer_type="year")), "not a year"),
        (Task("chart", "", "soon", Parameters(answer_type="number")), "not a number"),
        (Task("ocr", "", " "), "not a text"),
        (Task("instruction", "", ""), "without constraints"),
        (Task("instruction", "", "", Parameters(constraints=(Constraint("rhymes"),))), "no constraint of the kind"),
        (Task("instruction", "", "", Parameters(constraints=(Constraint("words"),))), "least or most is due"),
    ],
)
def test_a_task_that_cannot_be_graded_says_so_whatever_the_answer(task, said):
    with pytest.raises(BadInput, match=said):
        verify(f"<think>Hm.</think>{ANSWER if task.domain != 'instruction' else '7'}", task)


@pytest.mark.parametrize("bad", [{"rel_tol": 1.0}, {"iou_threshold": 0.0}, {"duration_s": -1.0}])
def test_parameters_have_bounds(bad):
    with pytest.raises(BadInput, match=next(iter(bad))):
        Parameters(**bad)


side = st.integers(1, 6)
corner = st.integers(0, 6)
box = st.tuples(corner, corner, side, side).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(st.lists(box, min_size=1, max_size=5), st.lists(box, min_size=1, max_size=5), st.sampled_from([0.2, 0.5, 0.9]))
def test_the_best_matching_is_the_largest_and_greedy_is_no_larger(said, due, threshold):
    longer, shorter = (said, due) if len(said) >= len(due) else (due, said)
    largest = max(
        sum(iou(one, other) > threshold for one, other in zip(order, shorter, strict=False))
        for order in permutations(longer)
    )
    assert matched(said, due, threshold, "best") == largest
    greedy = matched(said, due, threshold, "greedy")
    assert matched(said, due, threshold, "in_order") <= largest and largest / 2 <= greedy <= largest


@given(box, box)
def test_intersection_over_union_is_that_of_counted_cells(one, other):
    cells = [{(x, y) for x in range(b[0], b[2]) for y in range(b[1], b[3])} for b in (one, other)]
    assert iou(one, other) == pytest.approx(len(cells[0] & cells[1]) / len(cells[0] | cells[1]))


@pytest.mark.parametrize(
    ("denominator", "reward"), [("larger", 1 / 3), ("reference", 1 / 2), ("predicted", 1 / 3)], ids=str
)
def test_a_denominator_is_what_it_says(denominator, reward):
    task = Task("grounding", "", "[[0,0,9,9],[20,20,30,30]]", Parameters(denominator=denominator))
    answer = "[[0,0,9,9],[50,50,60,60],[70,70,80,80]]"
    assert verify(f"<think>Hm.</think>{BOX}{answer}{BOX_END}", task).reward == pytest.approx(reward)


BOLTS = """
from typing import ClassVar

from filters.verifiers.domain import Domain, right, wrong


class Bolts(Domain, frozen=True):
    name: ClassVar = "bolts"

    def grade(self, answer, task):
        return right(answer) if answer == task.reference else wrong(answer)
"""
CASES = """{"attack": "wrong", "question": "Which bolt?", "reference": "M8", "answer": "M6"}
{"honest": "spelling", "question": "Which bolt?", "reference": "M8", "answer": "M8"}
"""


PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "verifiers.md"


def test_the_code_of_the_page_runs():
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    exec(compile(code, str(PAGE), "exec"), {})


def test_the_page_states_the_bounds_that_hold():
    page = PAGE.read_text()
    for bound in (MOST_RESPONSE_CHARS, MOST_ANSWER_CHARS, MOST_MATH_CHARS, MOST_DIGITS_IN_A_ROW, MOST_DEPTH):
        assert f"{bound:,}" in page


def test_a_domain_of_ones_own_is_a_file_and_a_pack(tmp_path, monkeypatch):
    (tmp_path / "packs").mkdir()
    (tmp_path / "own_bolts.py").write_text(BOLTS)
    pack = tmp_path / "packs" / "bolts.jsonl"
    monkeypatch.syspath_prepend(tmp_path)

    def check() -> tuple[int, str]:
        ended = CliRunner().invoke(verb, ["check", "--domain", "own_bolts:Bolts"])
        return ended.exit_code, ended.output or str(ended.exception)

    pack.write_text(CASES)
    code, said = check()
    assert code == 0 and "bolts" in said and "misses" not in said
    pack.write_text(CASES + '{"attack": "case", "question": "", "reference": "M8", "answer": "M8"}\n')
    code, said = check()
    assert code == 1 and "paid: case" in said and "over the bounds" in said
    for line, complaint in (("{", "line 3"), ('{"question": "", "reference": ""}', "an attack or honest")):
        pack.write_text(f"{CASES}{line}\n")
        ended = CliRunner().invoke(verb, ["check", "--domain", "own_bolts:Bolts"])
        assert isinstance(ended.exception, BadInput) and complaint in str(ended.exception)
    pack.unlink()
    ended = CliRunner().invoke(verb, ["check", "--domain", "own_bolts:Bolts"])
    assert isinstance(ended.exception, BadInput) and "bolts.jsonl" in str(ended.exception)
