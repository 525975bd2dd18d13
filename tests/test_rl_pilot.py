"""Pilots: the slope of each domain, and the proportions that are proposed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec import json

from schemas.errors import BadInput
from trainer.commands.pilot import pilot as pilot_verb
from trainer.curriculum.pilot import DomainStep, Line, Pilot, pilots, proportions


def run(domain: str, first: float, gain: float, tokens: float, steps: int = 20) -> list[Line]:
    """A run in which each step's share of right answers lies on a line, give or take a little in turn."""
    noise = [0.02 * (-1) ** step for step in range(steps)]
    rights = [first + gain * step / steps + noise[step] for step in range(steps)]
    return [Line(step, {domain: DomainStep(64, right, tokens)}) for step, right in enumerate(rights)]


def test_a_slope_is_what_numpy_s_least_squares_give() -> None:
    (found,) = pilots([run("math", 0.2, 0.4, 50.0)])
    drawn = np.arange(20) * 64 * 50.0
    rights = [line.by_domain["math"].right for line in run("math", 0.2, 0.4, 50.0)]
    (slope, _), covariance = np.polyfit(drawn, rights, 1, cov=True)
    assert found.slope == pytest.approx(slope * 1e6)
    assert found.slope_error == pytest.approx(np.sqrt(covariance[0, 0]) * 1e6)
    assert (found.start, found.end) == (pytest.approx(np.mean(rights[:5])), pytest.approx(np.mean(rights[-5:])))
    assert (found.answer_tokens, found.drawn_tokens) == (50, 64000)


def known(domain: str, end: float, slope: float, tokens: float) -> Pilot:
    return Pilot(domain, 20, 0.1, end, slope, 0.0, tokens, 1000)


def test_tokens_go_where_a_token_teaches_most_and_prompts_follow_their_length() -> None:
    found = proportions([known("a", 0.5, 3.0, 10), known("b", 0.5, 1.0, 10), known("c", 0.5, 4.0, 40)], least=0.05)
    tokens = {"a": 0.05 + 0.85 * 3 / 8, "b": 0.05 + 0.85 / 8, "c": 0.05 + 0.85 * 4 / 8}
    prompts = {"a": tokens["a"] / 10, "b": tokens["b"] / 10, "c": tokens["c"] / 40}
    assert found == pytest.approx({name: share / sum(prompts.values()) for name, share in prompts.items()})


def test_what_falls_or_is_all_right_keeps_the_least_and_nothing_worth_anything_is_shared_alike() -> None:
    found = proportions(
        [known("falls", 0.2, -3.0, 10), known("done", 1.0, 5.0, 10), known("learns", 0.5, 1.0, 10)], 0.1
    )
    assert found == pytest.approx({"falls": 0.1, "done": 0.1, "learns": 0.8})
    assert proportions([known("a", 0.2, -3.0, 10), known("b", 0.2, 0.0, 10)], 0.1) == {"a": 0.5, "b": 0.5}


def test_runs_that_say_too_little_or_of_one_domain_twice_are_refused() -> None:
    with pytest.raises(BadInput, match="3 steps of math"):
        pilots([run("math", 0.2, 0.4, 50.0, steps=3)])
    with pytest.raises(BadInput, match="two of the runs ask math"):
        pilots([run("math", 0.2, 0.4, 50.0), run("math", 0.2, 0.4, 50.0)])
    with pytest.raises(BadInput, match="0 domains"):
        pilots([[]])


def test_the_verb_reads_logs_and_prints_what_a_curriculum_s_file_takes(tmp_path: Path) -> None:
    for domain, gain in (("math", 0.4), ("ocr", 0.1)):
        (tmp_path / domain).mkdir()
        lines = [json.encode(line) + b"\n" for line in run(domain, 0.2, gain, 50.0)]
        (tmp_path / domain / "log.jsonl").write_bytes(b"".join(lines) + b'{"step": 20, "by_d')
    shown = CliRunner().invoke(pilot_verb, [str(tmp_path / "math"), str(tmp_path / "ocr")], catch_exceptions=False)
    said = dict(line.split(" = ") for line in shown.output.partition("[proportions]\n")[2].splitlines())
    assert set(said) == {"math", "ocr"}
    assert float(said["math"]) > 0.6
    assert float(said["math"]) + float(said["ocr"]) == pytest.approx(1, abs=1e-3)
    with pytest.raises(BadInput, match=r"nowhere.log\.jsonl.*folder of a run"):
        CliRunner().invoke(pilot_verb, [str(tmp_path / "nowhere")], catch_exceptions=False)
    (tmp_path / "math" / "log.jsonl").write_text('{"step": 1, "loss": 2}\n')
    with pytest.raises(BadInput, match="by_domain"):
        CliRunner().invoke(pilot_verb, [str(tmp_path / "math")], catch_exceptions=False)
