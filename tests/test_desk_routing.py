"""Routing, audit, reliability and the report's values."""

from __future__ import annotations

import random
from math import prod
from typing import Any

import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation.classification.dawid_skene import DawidSkene
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from annotators.desk.audit import Looks, Seen, bound, lower_bound, precision, spent, threshold
from annotators.desk.audited import audited, looks
from annotators.desk.by_question import questions, reliabilities
from annotators.desk.choices import Choices
from annotators.desk.item import Item
from annotators.desk.ledger import open_ledger
from annotators.desk.reliability import dawid_skene
from annotators.desk.report import Report, report
from annotators.desk.routing import Route, spread, unsure
from annotators.desk.rules import Layer, Rules
from annotators.desk.submission import Review, Submission
from schemas.errors import BadInput
from schemas.note import Note, TimeSpan

MEASURES = {"size": Choices()}
HOUR_S, DAY_MS = 3600.0, 86_400_000


def test_what_is_unsure_and_a_fixed_share_of_the_rest_reach_people() -> None:
    route = Route(threshold=0.4, audit_share=0.05)
    ways = [route.way(f"clip {n}", 0.4) for n in range(20_000)]
    assert set(ways) == {"audit", "accepted"}
    assert ways.count("audit") == pytest.approx(1000, abs=150)
    assert route.way("clip 1", 0.41) == "unsure"


@given(st.text(max_size=9), st.floats(0, 0.3), st.floats(0.3, 1))
@settings(max_examples=50)
def test_a_threshold_that_moves_does_not_move_the_audit(item: str, low: float, high: float) -> None:
    audits = [Route(threshold, 0.5).way(item, low) for threshold in (low, high)]
    assert audits[0] == audits[1]


@given(st.dictionaries(st.text(), st.floats(0, 1), min_size=1))
def test_signals_add_up(signals: dict[str, float]) -> None:
    found = unsure(signals)
    assert max(signals.values()) - 1e-9 <= found <= 1
    assert found == pytest.approx(1 - prod(1 - one for one in signals.values()))


@pytest.mark.parametrize("signals", [{}, {"ocr": 1.5}, {"ocr": float("nan")}])
def test_signals_that_say_nothing_are_refused(signals: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        unsure(signals)
    with pytest.raises(BadInput):
        Route(0.5).way("clip", float("nan"))


def test_verdicts_that_differ_are_unsure() -> None:
    assert [spread("aaaa"), spread("aabb"), spread("aaab")] == [0.0, 0.5, 0.25]


def covered(right: float, audited: int, find: Any) -> float:
    """Return the chance that an interval holds the truth, over all counts that can come of an audit."""
    from scipy.stats import binom

    counts = range(audited + 1)
    return float(sum(binom.pmf(count, audited, right) for count in counts if find(count)))


@pytest.mark.parametrize("right", [0.5, 0.9, 0.97, 0.995])
@pytest.mark.parametrize("audited", [10, 80])
def test_the_interval_covers_what_it_says_for_every_precision(right: float, audited: int) -> None:
    def holds(count: int) -> bool:
        found = precision(count, audited)
        return found.low <= right <= found.high

    assert covered(right, audited, holds) >= 0.95
    assert covered(right, audited, lambda count: lower_bound(count, audited) <= right) >= 0.95


def test_an_audit_of_nothing_says_nothing() -> None:
    found = precision(0, 0)
    assert (found.low, found.high, lower_bound(0, 0)) == (0.0, 1.0, 0.0)
    with pytest.raises(BadInput):
        precision(3, 2)


def test_the_threshold_stops_at_the_first_step_that_misses() -> None:
    seen = [Seen(0.1, True, True) for _ in range(100)] + [Seen(0.3, n % 2 == 0, True) for n in range(100)]
    seen += [Seen(0.5, True, True) for _ in range(4000)]
    unseen = [one.unsure for one in seen for _ in range(19)]
    steps = (0.1, 0.3, 0.5)
    assert bound(seen, unseen, 0.5, 0.5) > 0.9 > bound(seen, unseen, 0.5, 0.3)
    assert threshold(seen, unseen, 0.5, 0.9, steps) == 0.1
    assert threshold(seen, unseen, 0.5, 0.999, steps) == -1.0


def test_above_the_threshold_in_force_precision_is_counted() -> None:
    seen = [Seen(0.1, True, True) for _ in range(50)] + [Seen(0.4, n < 30, False) for n in range(40)]
    low = lower_bound(50, 50)
    assert bound(seen, [0.1] * 950, 0.2, 0.4) == pytest.approx((low * 1000 + 30) / 1040)
    assert bound(seen, [0.1] * 950, 0.2, 0.1) == pytest.approx(low)


def test_how_often_a_chosen_threshold_breaks_its_promise() -> None:
    """Of 100 corpora the step that was chosen holds less than the target in at most 5 %, and some margin."""
    broke, chosen = 0, 0
    for corpus in range(100):
        draw = np.random.default_rng(corpus)
        how = draw.choice([0.0, 0.2, 0.4, 0.6], 4000)
        right = draw.random(4000) < 0.98 - 0.3 * how
        audit = draw.random(4000) < 0.2
        seen = [Seen(float(how[n]), bool(right[n]), True) for n in np.flatnonzero(audit)]
        step = threshold(seen, how[~audit].tolist(), 1.0, 0.9, (0.0, 0.2, 0.4, 0.6))
        if step >= 0:
            chosen += 1
            broke += float(right[how <= step].mean()) < 0.9
    assert chosen > 95 and broke <= 0.05 * 100 + 4


def test_the_interval_without_auditors_errors_is_that_of_a_library() -> None:
    from scipy.stats import binomtest

    for right, count in ((0, 9), (7, 9), (9, 9), (143, 150)):
        peer = binomtest(right, count).proportion_ci(0.95, method="exact")
        found = precision(right, count)
        assert (found.low, found.high) == pytest.approx((peer.low, peer.high), abs=1e-12)


@pytest.mark.parametrize(("right", "repeats"), [(0.9, 0.3), (0.8, 0.2)])
def test_auditors_who_repeat_mistakes_are_allowed_for(right: float, repeats: float) -> None:
    """Of 100 draws of 150 audits and 200 gold answers the interval holds the truth in 95, without gold in fewer."""
    draw, held, naive = np.random.default_rng(11), 0, 0
    for _ in range(100):
        truly = draw.binomial(150, right)
        said = int(truly + draw.binomial(150 - truly, repeats))
        gold = Looks(int(draw.binomial(200, repeats)), 200, 200, 200)
        found, plain = precision(said, 150, looks=(gold,)), precision(said, 150)
        held += found.low <= right <= found.high
        naive += plain.low <= right <= plain.high
        assert found.low <= plain.low
    assert held >= 95 > 85 > naive


def test_looks_add_up_and_what_is_not_known_bounds_nothing() -> None:
    gold = Looks(20, 200, 180, 200)
    one, three = (precision(90, 100, looks=(gold,) * count) for count in (1, 3))
    assert three.low < one.low < three.share < 0.9 < 0.9 / 0.9 * 1.001
    assert precision(90, 100, looks=(Looks(0, 0, 0, 0),)).low == 0.0
    assert lower_bound(90, 100, looks=(gold,)) < lower_bound(90, 100)
    seen = [Seen(0.4, n < 90, False) for n in range(100)]
    assert bound(seen, [], 0.2, 0.4) == 0.9 and bound(seen, [], 0.2, 0.4, looks=(gold,)) < 0.89


def test_audits_that_have_not_ended_widen_the_interval_to_both_sides() -> None:
    plain, open_ = precision(90, 100), precision(90, 100, pending=10)
    assert (open_.right, open_.audited, open_.pending) == (90, 100, 10)
    assert open_.low == pytest.approx(precision(90, 110).low) and open_.low < plain.low
    assert open_.high == pytest.approx(precision(100, 110).high) and open_.high > plain.high


def test_setting_a_threshold_again_and_again_spends_no_more_than_was_allowed() -> None:
    assert sum(1 - spent(0.95, time) for time in range(1, 100_000)) == pytest.approx(0.05, abs=1e-6)
    seen = [Seen(0.1, n < 190, True) for n in range(200)]
    assert [threshold(seen, [], 1.0, 0.9, (0.1,), time=time) for time in (1, 9)] == [0.1, -1.0]
    with pytest.raises(BadInput):
        spent(0.95, 0)


def people_who_err(seed: int) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    draw = random.Random(seed)
    right = {f"p{n}": 0.6 + 0.07 * n for n in range(5)}
    truth = {f"i{n}": draw.choice("abc") for n in range(400)}
    answers = {
        item: {
            person: true if draw.random() < share else draw.choice("abc".replace(true, ""))
            for person, share in right.items()
            if draw.random() < 0.7
        }
        for item, true in truth.items()
    }
    return {item: given for item, given in answers.items() if given}, truth


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_reliability_is_what_another_package_finds() -> None:
    answers, _ = people_who_err(1)
    rounds = 6
    found = dawid_skene(answers, rounds)
    rows = [(item, person, label) for item, given in answers.items() for person, label in given.items()]
    peer = DawidSkene(n_iter=len(found.loss), tol=0).fit(pd.DataFrame(rows, columns=["task", "worker", "label"]))
    for item in answers:
        for label in found.labels:
            assert found.posterior[item][label] == pytest.approx(peer.probas_.loc[item, label], abs=1e-6)


def test_reliability_finds_who_errs_and_beats_the_vote() -> None:
    answers, truth = people_who_err(2)
    found = dawid_skene(answers)
    for person, share in found.accuracy.items():
        said = [given[person] == truth[item] for item, given in answers.items() if person in given]
        assert found.shared[person] == len(said) and share == pytest.approx(sum(said) / len(said), abs=0.08)
    assert list(found.loss) == sorted(found.loss, reverse=True)
    best = {item: max(found.labels, key=found.posterior[item].__getitem__) for item in answers}
    votes = {item: max(sorted(given.values()), key=list(given.values()).count) for item, given in answers.items()}
    assert sum(best[item] == truth[item] for item in answers) > sum(votes[item] == truth[item] for item in answers)


@pytest.fixture(scope="module")
def told() -> Report:
    """A desk of four items over two days: two agree, one is adjudicated, one waits; one audit speaks for the model."""
    with open_ledger(":memory:", measures=MEASURES) as ledger:
        rules = Rules(review_share=0.0, gold_share=0.0)
        ledger.set_layer(Layer("size", "c1", rules=rules), 0)
        for name in ("ana", "ben"):
            ledger.set_person(name, ["annotator"], 0, cost_per_hour=20.0)
        ledger.set_person("jud", ["adjudicator", "reviewer"], 0, cost_per_hour=60.0)
        machine = (Note("size", "near", by="model@1"),)
        why: Any = ("audit", "unsure", "unsure", "unsure")
        ledger.select([Item(f"i{n}", "size", f"s{n}", why=why[n], machine=machine) for n in range(4)], 0)
        said = {"ana": ("near", "near", "near"), "ben": ("near", "far", "near")}
        for name, values in said.items():
            for task, value in zip(ledger.take(name, "annotator", 0, most=3), values, strict=True):
                given = (Note("size", value),)
                ledger.submit(Submission(task.item.id, name, given, "c1", spent_s=HOUR_S), 0)
        (task,) = ledger.take("jud", "adjudicator", DAY_MS)
        ledger.adjudicate(Submission(task.item.id, "jud", (Note("size", "far"),), "c1", spent_s=HOUR_S), DAY_MS)
        ledger.review(Review("i3", "jud", "accept"), DAY_MS)
        return report(ledger.state, MEASURES)


def test_the_report_counts_hours_and_cost_for_each_note(told: Report) -> None:
    assert (told.hours, told.cost, told.accepted) == (7.0, 180.0, 3)
    assert told.cost_per_note == 60.0 and told.states == {"accepted": 3, "draft": 1}


def test_the_report_burns_down_by_days(told: Report) -> None:
    assert [(one.day, one.selected, one.accepted) for one in told.burn] == [(0, 4, 2), (1, 4, 3)]


def test_the_report_says_how_far_people_agree_and_on_what(told: Report) -> None:
    rows = {(one.layer, one.label): (one.pairs, one.agreement) for one in told.layers}
    assert rows == {
        ("size", ""): (3, pytest.approx(2 / 3)),
        ("size", "size: near"): (3, pytest.approx(2 / 3)),
        ("size", "size: far"): (1, 0.0),
    }
    (one,) = told.disagreements
    assert (one.item, one.versions) == ("i1", ("i1.1", "i1.2"))


def test_the_report_says_which_model_is_wrong_and_who_did_what(told: Report) -> None:
    (model,) = told.models
    assert (model.model, model.items, model.wrong) == ("model@1", 3, 1)
    rows = {one.person: (one.annotated, one.stood, one.judged, one.hours) for one in told.people}
    assert rows == {"ana": (3, 2, 0, 3.0), "ben": (3, 2, 0, 3.0), "jud": (0, 1, 1, 1.0)}
    assert (told.auto_accept["size"].right, told.auto_accept["size"].audited) == (1, 1)
    assert told.refused == {"not_assigned": 1}


NEAR, FAR = (Note("size", "near"),), (Note("size", "far"),)
ONE_PERSON = Layer("size", "c1", rules=Rules(overlap=1, review_share=0.0, gold_share=0.0))


def test_one_person_whom_another_model_seconds_needs_no_reviewer() -> None:
    with open_ledger(":memory:", measures=MEASURES) as ledger:
        ledger.set_layer(ONE_PERSON, 0)
        ledger.set_person("ana", ["annotator"], 0)
        kinds: Any = {"seconded": ("unsure", (FAR,)), "alone": ("unsure", ()), "audit": ("audit", (FAR,))}
        for name, (why, doubts) in kinds.items():
            ledger.select([Item(name, "size", name, why=why, machine=NEAR, doubts=doubts)], 0)
        for task in ledger.take("ana", "annotator", 0, most=3):
            assert not task.item.doubts
            ledger.submit(Submission(task.item.id, "ana", FAR, "c1"), 0)
        assert {name: ledger.state.work[name].state for name in kinds} == {
            "seconded": "accepted",
            "alone": "in_review",
            "audit": "in_review",
        }


def test_an_audit_does_not_show_what_it_asks_about() -> None:
    with open_ledger(":memory:", measures=MEASURES) as ledger:
        ledger.set_layer(ONE_PERSON, 0)
        ledger.set_person("ana", ["annotator"], 0)
        ledger.select(
            [Item("u", "size", "u", why="unsure", machine=NEAR), Item("a", "size", "a", why="audit", machine=NEAR)], 0
        )
        shown = {task.item.id: task.item.machine for task in ledger.take("ana", "annotator", 0, most=2)}
    assert shown == {"u": NEAR, "a": ()}


def test_the_report_knows_from_gold_items_how_well_people_audit() -> None:
    """Of two gold items whose note is wrong ana repeats one; an audit that waits for its reviewer is pending."""
    with open_ledger(":memory:", measures=MEASURES) as ledger:
        ledger.set_layer(ONE_PERSON, 0)
        ledger.set_person("ana", ["annotator"], 0)
        ledger.set_person("rev", ["annotator", "reviewer"], 0)
        gold = [("g0", NEAR), ("g1", NEAR), ("g2", FAR)]
        ledger.select([Item(name, "size", name, kind="exam", machine=machine, answer=FAR) for name, machine in gold], 0)
        ledger.set_layer(structs.replace(ONE_PERSON, rules=structs.replace(ONE_PERSON.rules, exam_pass=0.5)), 0)
        for name, wrong in (("ana", {"g0"}), ("rev", set[str]())):
            for task in ledger.take(name, "annotator", 0, most=3):
                notes = NEAR if task.item.id in wrong else FAR
                ledger.submit(Submission(task.item.id, name, notes, "c1"), 0)
        ledger.select([Item(f"a{n}", "size", f"a{n}", why="audit", machine=NEAR) for n in range(3)], 0)
        for task, notes in zip(ledger.take("ana", "annotator", 0, most=2), (NEAR, FAR), strict=True):
            ledger.submit(Submission(task.item.id, "ana", notes, "c1"), 0)
        found, how = audited(ledger.state, MEASURES, "size"), looks(ledger.state, MEASURES, "size")
    assert how == (Looks(1, 4, 2, 2), Looks(0, 2, 1, 1), Looks(0, 2, 1, 1))
    assert (found.right, found.audited, found.pending) == (1, 1, 1)


def test_questions_tell_labels_numbers_and_free_words_apart() -> None:
    """Two people answer 24 items: alike on the label, one apart on the grade, in own words, on other spans."""
    with open_ledger(":memory:", measures=MEASURES) as ledger:
        ledger.set_layer(Layer("size", "c1", rules=Rules(review_share=0.0, gold_share=0.0)), 0)
        for name in ("ana", "ben"):
            ledger.set_person(name, ["annotator"], 0)
        ledger.select([Item(f"i{n}", "size", f"s{n}") for n in range(24)], 0)
        for off, name in enumerate(("ana", "ben")):
            for n, task in enumerate(ledger.take(name, "annotator", 0, most=24)):
                span = TimeSpan(0, n, n + 5 + off, (1, 10))
                notes = (
                    Note("size", "near" if n % 2 else "far"),
                    Note("grade", 1 + n % 4 + off),
                    Note("comment", f"so says {name} of it, {n}"),
                    Note("move", "pan" if n % 3 or off else "tilt", span),
                )
                ledger.submit(Submission(task.item.id, name, notes, "c1"), 0)
        rows = {(one.name, one.label): one for one in questions(ledger.state)}
        how = reliabilities(ledger.state)
    assert set(rows) == {
        ("grade", ""),
        ("size", ""),
        ("size", "far"),
        ("size", "near"),
        ("move", "pan"),
        ("move", "tilt"),
    }
    assert rows["size", ""].alpha == rows["size", ""].kappa == 1.0 and rows["size", "near"].commonest == 0.5
    assert 0.2 < rows["grade", ""].alpha < 0.95 and rows["grade", ""].kappa < 0.1
    assert rows["move", "tilt"].alpha < 0.1 and rows["move", "tilt"].items == 24
    assert set(how) == {"ana", "ben"} and all(0.5 < share <= 1 for share in how.values())
