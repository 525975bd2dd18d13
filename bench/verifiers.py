"""Verifiers against math-verify: the same answers, labels, attacks and honest rewritings, and how long a call takes.

The peer is given what helps it: the answer segment alone, its box turned into the `\\boxed` that it looks for, the
reference as LaTeX, and letters as strings to extract; it runs in a main thread, so that its timers work.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from multiprocessing import get_context
from statistics import quantiles
from typing import Any

from pebble import ProcessPool

from bench.duel import Row, interleave, row
from filters.verifiers.domains.all import DOMAINS
from filters.verifiers.pack import responses
from filters.verifiers.verify import verify
from pipelines.packs import pack_of
from schemas.response import ANSWER, ANSWER_END, BOX, BOX_END, THINK_END
from schemas.task import Task

DATA = os.environ.get("OSTRAKA_DATA", os.path.join(os.path.dirname(__file__), "..", "..", "shared", "data"))
SHARED = ("math", "counting", "choice")
TIMED = 500
LONGEST_S = 15.0
MOST_CHARS = 20_000
Pays = Callable[[str, Task], bool]


def ours(response: str, task: Task) -> bool:
    return verify(response, task).reward == 1


def math_verify(response: str, task: Task) -> bool:
    """Return whether math-verify pays, in its best configuration for these answers."""
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, StringExtractionConfig, parse
    from math_verify import verify as agree

    configs: list[Any] = [LatexExtractionConfig(), ExprExtractionConfig()]
    if task.domain == "choice":
        configs.insert(0, StringExtractionConfig(strings=tuple("ABCDEFGH")))
    segment = response.rpartition(THINK_END)[2].replace(ANSWER, "").replace(ANSWER_END, "")
    asked = segment.replace(BOX, "$\\boxed{").replace(BOX_END, "}$")
    due = task.reference if task.domain == "choice" else f"${task.reference}$"
    return bool(agree(parse(due, extraction_config=configs), parse(asked, extraction_config=configs)))


def labelled() -> list[tuple[str, Task, bool]]:
    """Return GSM8K's model solutions with their labels."""
    found = []
    with open(os.path.join(DATA, "instruct", "gsm8k", "example_model_solutions.jsonl"), encoding="utf-8") as file:
        for line in file:
            given = json.loads(line)
            task = Task("math", given["question"], given["ground_truth"].rpartition("A:")[2].strip())
            for one in given.values():
                if isinstance(one, dict):
                    thinking, ended, answer = one["solution"].rpartition("\nA:")
                    boxed = f"{BOX}{answer.strip()}{BOX_END}" if ended else one["solution"]
                    found.append((f"<think>{thinking or 'Hm.'}</think>{boxed}", task, one["is_correct"]))
    return found


def cases(attack: bool) -> list[tuple[str, Task]]:
    """Return the attacks, or the honest answers, of the domains that both sides know."""
    return [
        (response, Task(name, case.question, case.reference, case.parameters))
        for name in SHARED
        for case in pack_of(DOMAINS[name])
        if bool(case.attack) == attack
        for response in responses(case)
        if len(response) < MOST_CHARS
    ]


def timed(pays: Pays, response: str, task: Task) -> tuple[bool, float]:
    """Return whether a side pays, and how long it took; what raises pays nothing."""
    begin = time.perf_counter()
    try:
        found = pays(response, task)
    except Exception:
        found = False
    return found, time.perf_counter() - begin


def told(pays: Pays, given: list[tuple[str, Task]]) -> list[tuple[bool, float]]:
    """Run a side in a child that is stopped at LONGEST_S: a call that does not come back pays nothing."""
    found = []
    with ProcessPool(1, context=get_context("fork")) as pool:
        for response, task in given:
            try:
                found.append(pool.schedule(timed, (pays, response, task), timeout=LONGEST_S).result())
            except FutureTimeout:
                found.append((False, LONGEST_S))
    return found


def every(pays: Pays, given: list[tuple[str, Task]]) -> int:
    """Count what a side pays for."""
    return sum(timed(pays, response, task)[0] for response, task in given)


def say(name: str, pays: Pays, solutions: list[tuple[str, Task, bool]]) -> None:
    """Print a side's agreement, its rates by domain, and its latencies."""
    every(pays, cases(False)[:20])
    agree = sum(timed(pays, response, task)[0] == label for response, task, label in solutions)
    print(f"{name}: agrees with {agree} of {len(solutions)} labels of GSM8K")
    times_s: list[float] = []
    for attack, what in ((True, "attacks paid"), (False, "honest answers refused")):
        given = cases(attack)
        found = told(pays, given)
        times_s += [took for _, took in found]
        rates = []
        for domain in SHARED:
            counted = [
                paid == attack for (paid, _), (_, task) in zip(found, given, strict=True) if task.domain == domain
            ]
            rates.append(f"{domain} {sum(counted)} of {len(counted)} ({100 * sum(counted) / len(counted):.1f} %)")
        print(f"{name}: {what}: {', '.join(rates)}")
    cut = quantiles(times_s, n=100)
    print(
        f"{name}: a call takes {1000 * cut[49]:.2f} ms, 99th percentile {1000 * cut[98]:.1f} ms, longest "
        f"{1000 * max(times_s):.0f} ms; {sum(took >= LONGEST_S for took in times_s)} stopped after {LONGEST_S:g} s"
    )


def rows(folder: str) -> Iterator[Row]:
    del folder
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    solutions = labelled()
    say("ostraka verifiers", ours, solutions)
    say("math-verify", math_verify, solutions)
    some = [(response, task) for response, task, _ in solutions[:TIMED]]
    times_s = interleave(partial(every, ours, some), partial(every, math_verify, some))
    yield row("verify GSM8K's answers", times_s, len(some), 1.0, "reading an answer and its reference")
