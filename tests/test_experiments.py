"""The harness of experiments: runs that resume and end by their time, what they came to, and the report."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from math import inf
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.experiments.pool import composed
from bench.experiments.reached import Between, by_arm, middle, paid_to, ratios, steps
from bench.experiments.report import Measure, write_report
from bench.experiments.rlcs import MEASURES, points_of
from bench.experiments.runs import Arm, Point, Ran, points_path, read_all, run_all, table_of
from bench.experiments.taught import table
from schemas.errors import BadInput

WRITES = """
import os, sys
folder, seed = sys.argv[1], int(sys.argv[2])
os.makedirs(folder, exist_ok=True)
with open(f"{folder}/log.jsonl", "w") as log, open(f"{folder}/held_out.jsonl", "w") as looks:
    for step in range(4):
        look = '{"step": %d, "right_by_domain": {"counting": %g, "ocr": %g}}'
        looks.write(look % (step, 0.2 * step, 0.1 * (step + seed)) + chr(10))
        log.write('{"step": %d, "drawn": 100}' % step + chr(10))
    log.write('{"step": 4, "dra')
"""


def arm(name: str, code: str = WRITES, limit_s: int = 60) -> Arm:
    return Arm(name, lambda seed, to: (sys.executable, "-c", code, to, str(seed)), points_of, limit_s)


def run(name: str, seed: int, *shares: float) -> Ran:
    return Ran(name, seed, [Point(at, 1000 * at, {"a": share, "b": share / 2}) for at, share in enumerate(shares)])


def test_what_has_run_is_not_run_again_and_what_failed_names_its_log(tmp_path: Path) -> None:
    told: list[str] = []
    run_all([arm("ours")], [0, 1], str(tmp_path), told.append)
    before = Path(points_path(str(tmp_path), "ours", 1)).read_text()
    assert before == "step,drawn_tokens,counting,ocr\n" + "".join(
        f"{step},{100 * step},{0.2 * step:.6f},{0.1 * (step + 1):.6f}\n" for step in range(4)
    )
    Path(points_path(str(tmp_path), "ours", 0)).unlink()
    run_all([arm("ours", "raise SystemExit('gone')")], [1], str(tmp_path), told.append)
    assert told[-1] == "ours 1: it has run"
    with pytest.raises(BadInput, match=r"ours with seed 0 ended with 1"):
        run_all([arm("ours", "raise SystemExit('gone')")], [0], str(tmp_path), told.append)
    assert "gone" in (tmp_path / "runs" / "ours-0.log").read_text()
    assert [one.seed for one in read_all(str(tmp_path), ["ours"], [0, 1])] == [1]
    assert table_of(read_all(str(tmp_path), ["ours"], [1])[0].points) == before


def test_a_run_out_of_processor_time_counts_as_far_as_it_came(tmp_path: Path) -> None:
    told: list[str] = []
    run_all([arm("slow", WRITES + "\nwhile True: pass\n", limit_s=1)], [0], str(tmp_path), told.append)
    assert told == ["slow 0: 45.0% right after 300 tokens, out of time"]


def test_a_run_that_has_come_far_enough_is_ended_and_one_that_has_not_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    waits = WRITES + "\nimport time\nlog.close()\nlooks.close()\ntime.sleep(0 if seed else 3600)\n"
    run_all([arm("waits", waits)], [0, 1], str(tmp_path), told.append, lambda points: points[-1:] > [Point(3, 0, {})])
    assert told == ["waits 0: 45.0% right after 300 tokens", "waits 1: 50.0% right after 300 tokens"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.05, 1))
def test_the_tokens_to_a_target_lie_between_the_looks_before_and_at_it(shares: list[float], target: float) -> None:
    points = run("x", 0, *shares).points
    found = paid_to(points, target, lambda point: point.right["a"])
    first = next((at for at, share in enumerate(shares) if share >= target), None)
    if first is None:
        assert found == (1000 * (len(shares) - 1), inf)
    else:
        assert found.low == found.high and 1000 * max(0, first - 1) <= found.low <= 1000 * first
        assert paid_to(points, target, lambda point: point.right["a"], steps).low == pytest.approx(found.low / 1000)


def test_ratios_are_by_seed_and_of_a_run_that_never_came_there_a_bound_is_known() -> None:
    runs = [run("A", 0, 0, 1), run("A", 1, 0, 0.2, 0.3), run("B", 0, 0, 0.5, 1), run("B", 1, 0, 1), run("B", 2, 0, 1)]
    found = by_arm(runs, 0.8, lambda point: point.right["a"])
    assert found["A"] == {0: (pytest.approx(800), pytest.approx(800)), 1: (2000, inf)}
    assert ratios(found, "A", "B") == [(pytest.approx(0.5), pytest.approx(0.5)), (pytest.approx(2.5), inf)]
    assert ratios(found, "B", "A") == [(pytest.approx(2.0), pytest.approx(2.0)), (0, pytest.approx(0.4))]
    assert middle(ratios(found, "B", "A")) == (pytest.approx(1.0), pytest.approx(1.2))


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9), st.floats(0, 1)), min_size=1, max_size=7))
def test_the_median_lies_between_its_bounds(found: list[tuple[float, float, float]]) -> None:
    within = [(min(a, b), max(a, b), share) for a, b, share in found]
    true = sorted(min(high, low + share * (high - low)) for low, high, share in within)
    low, high = middle([Between(low, high) for low, high, _ in within])
    assert low - 1e-9 <= median(true) <= high + 1e-9


def test_a_report_has_all_measures_and_plots_that_are_drawings(tmp_path: Path) -> None:
    runs = [run("TRL", 0, 0.2, 0.5, 0.9), run("<ours>", 0, 0.2, 0.95), run("TRL", 1, 0.2), Ran("TRL", 2, [])]
    measures = [Measure("a", "the first", lambda point: point.right["a"], (0.6, 0.1)), MEASURES[1]]
    assert "include" not in Path(write_report(str(tmp_path), "Title", "About.", runs, measures, ())).read_text()
    (tmp_path / "findings.md").write_text("It is so.\n")
    text = Path(write_report(str(tmp_path), "Title", "About.", runs, measures, ("TRL", "nobody"))).read_text()
    assert text.startswith("# Title\n\n```{include} findings.md\n```\n\n## What ran\n\nAbout.\n")
    assert "| <ours> | 1 of 1 | 533 | 533 | 533 | 1 | 0.43x |" in text
    assert "| over TRL, by seed | 0 |\n|---|---:|\n| <ours> | 0.43x |" in text
    assert "| TRL | 1 of 3 | not known | under 1,250 | over 1,250 | not known |  |" in text
    assert "| <ours> | 0 of 1 | over 1,000 | over 1,000 | over 1,000 | over 1 | not known |" in text
    for measure in measures:
        drawing = ET.parse(tmp_path / f"{measure.name}.svg").getroot()
        lines = drawing.findall("{http://www.w3.org/2000/svg}polyline")
        assert len(lines) == len(runs) + 2


def test_what_taught_is_counted_of_groups_asked_and_of_those_learnt_from(tmp_path: Path) -> None:
    for name in ("weights alone-0", "TRL-0"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        steps = [
            {"teaching": 0.75, "groups": 40, "learnt_from": 20},
            {"teaching": 0.25, "groups": 40, "learnt_from": 20},
        ]
        log = "".join(json.dumps(step) + "\n" for step in steps) + '{"teaching": 1, "gro'
        (tmp_path / "runs" / name / "log.jsonl").write_text(log)
    assert list(table(str(tmp_path)))[2:] == ["| weights alone | 2 | 50% | 75% |"]


def test_a_pool_is_half_trivial_and_a_fifth_hopeless_whichever_domain_has_the_trivial_ones() -> None:
    records = [
        {"id": f"{domain}-{at}", "domain": domain, "question": "How many?", "reference": str(at % 9)}
        for domain in ("counting", "ocr", "math")
        for at in range(4000)
    ]
    right = {one["id"]: (16 if one["domain"] == "ocr" else 1, 6, 13, 2)[at % 4] for at, one in enumerate(records)}
    right |= dict.fromkeys([f"math-{at}" for at in range(0, 4000, 4)], 14)
    pool = composed(records, right)
    hopeless = [one for one in pool if one["id"].startswith("hopeless")]
    known = {one["id"]: right[one["id"]] for one in pool if one not in hopeless}
    assert (len(pool), len(hopeless)) == (3000, 600)
    assert sum(count >= 14 for count in known.values()) == 1500
    assert {name.split("-")[0] for name, count in known.items() if count >= 14} == {"ocr", "math"}
    for domain in ("counting", "ocr", "math"):
        assert sum(one["domain"] == domain for one in hopeless) == 200
        assert sum(1 < count < 14 and name.startswith(domain) for name, count in known.items()) == 300
    assert all(one["reference"] not in {other["reference"] for other in records} for one in hopeless)
    assert len({one["id"].removeprefix("hopeless-") for one in pool}) == len(pool)
    with pytest.raises(BadInput, match="0 trivial tasks, where the pool has 1500"):
        composed(records, dict.fromkeys(right, 3))
    with pytest.raises(BadInput, match="0 middling tasks of counting, where the pool has 500"):
        composed(records, dict.fromkeys(right, 16))
