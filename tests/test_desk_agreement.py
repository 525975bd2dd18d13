"""Agreement and merging: ours against brute force, packages against each other."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise, permutations
from math import isnan
from typing import Any

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jiwer import cer

from annotators.desk.choices import Choices
from annotators.desk.coefficients import agreement, alpha, kappas
from annotators.desk.matching import f1, matched
from annotators.desk.segments import Segments, spans, tiou
from annotators.desk.several import Several
from annotators.desk.tracks import Tracks, paths
from annotators.desk.transcripts import Transcripts, plain
from schemas.note import Note, TimeSpan, Track

BASE = (1, 1000)
ORDER = ("far", "middle", "near", "close")
Spans = list[tuple[int, int, str]]


def segments(given: Spans, base: tuple[int, int] = BASE) -> tuple[Note, ...]:
    return tuple(Note("action", label, TimeSpan(0, start, end, base)) for start, end, label in given)


def tracks(*given: tuple[tuple[int, float, float, float, float], ...]) -> tuple[Note, ...]:
    return tuple(Note("text", "sign", Track(0, BASE, boxes)) for boxes in given)


def best(overlap: Any, least: float) -> tuple[int, float]:
    """Return by trying every matching the most pairs of `least` or more, and of those the most overlap."""
    rows, columns = overlap.shape
    if rows > columns:
        return best(overlap.T, least)
    found = (0, 0.0)
    for order in permutations(range(columns), rows):
        kept = [overlap[row, column] for row, column in enumerate(order) if overlap[row, column] >= least]
        found = max(found, (len(kept), round(float(sum(kept)), 9)))
    return found


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([0.0, 0.3, 0.5, 0.75]), st.integers(0, 1 << 32))
def test_matching_is_the_best_that_brute_force_finds(rows: int, columns: int, least: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    overlap = random.choice([-1.0, 0.0, 0.2, 0.3, 0.5, 1.0], (rows, columns)) * random.random((rows, columns)).round()
    overlap = np.where(random.random((rows, columns)) < 0.5, overlap, random.random((rows, columns)))
    pairs = matched(overlap, least)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert (len(pairs), round(sum(overlap[pair] for pair in pairs), 9)) == best(overlap, least)


def test_two_fair_pairs_are_better_than_one_good_one() -> None:
    assert matched(np.array([[1.0, 0.3], [0.3, 0.0]]), 0.3) == [(0, 1), (1, 0)]


marked = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 120), st.sampled_from("ab")), max_size=5).map(
    lambda given: [(start, start + length, label) for start, length, label in given]
)


def frames(note: Note) -> set[int]:
    assert isinstance(note.at, TimeSpan)
    return set(range(note.at.start_pts, note.at.end_pts))


@given(marked, marked, st.sampled_from([0.3, 0.5, 0.75]))
def test_segment_f1_is_what_counting_every_millisecond_gives(mine: Spans, theirs: Spans, least: float) -> None:
    measure = Segments(least_tiou=least)
    one, other = segments(mine), segments(theirs)
    found = measure.compared(one, other)
    counted = np.array(
        [
            [len(frames(a) & frames(b)) / len(frames(a) | frames(b)) if a.value == b.value else -1.0 for b in other]
            for a in one
        ]
    ).reshape(len(one), len(other))
    close = np.abs(counted - least) < 1e-9
    assume(not close.any() or least == 0.5)
    pairs = best(counted, least)[0] if counted.size else 0
    assert found.f1 == f1(pairs, len(one), len(other))
    assert measure.compared(other, one).f1 == found.f1


def test_a_tolerance_takes_short_spans_that_miss_by_a_frame() -> None:
    one, other = segments([(0, 40, "clap")]), segments([(40, 80, "clap")])
    assert Segments().agreement(one, other) == 0.0
    assert Segments(tolerance_s=0.04).agreement(one, other) == 1.0


def test_ends_that_differ_too_far_are_no_agreement() -> None:
    one, other = segments([(0, 10_000, "pour")]), segments([(600, 9_400, "pour")])
    assert Segments().compared(one, other).f1 == 1.0
    assert Segments().agreement(one, other) == 0.0
    assert Segments().agreement(one, segments([(500, 9_500, "pour")])) == 1.0


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(9, 10**5)), min_size=2, max_size=4), st.sampled_from([1, 3])
)
def test_segments_merge_at_the_mean_of_their_ends(given: list[tuple[int, int]], scale: int) -> None:
    people = [segments([(start * scale, (start + length) * scale, "a")], (1, 1000 * scale)) for start, length in given]
    merged = Segments(least_tiou=0.0).merged([segments([(given[0][0], sum(given[0]), "a")]), *people[1:]])
    assert merged is not None and isinstance(merged[0].at, TimeSpan)
    start = round(Fraction(sum(start for start, _ in given), len(given)))
    end = round(Fraction(sum(start + length for start, length in given), len(given)))
    assert (merged[0].at.start_pts, merged[0].at.end_pts, merged[0].at.time_base) == (start, end, BASE)


def test_what_one_person_alone_marked_is_never_merged_away() -> None:
    both, alone = (0, 1000, "pour"), (3000, 4000, "stir")
    assert Segments().merged([segments([both, alone]), segments([both])]) is None
    assert Segments().merged([segments([both]), segments([both, alone])]) is None
    assert Segments().merged([segments([both, alone]), segments([alone, both])]) == segments([both, alone])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([(5, 5, "a")], "zero_length"),
        ([(9, 5, "a")], "zero_length"),
        ([(-5, 5, "a")], "outside_the_clip"),
        ([(9_000, 10_001, "a")], "outside_the_clip"),
        ([(0, 5, "z")], "unknown_label"),
        ([(0, 50, "a"), (49, 90, "a")], "overlaps_its_like"),
        ([(0, 50, "a"), (49, 90, "b"), (50, 90, "a")], ""),
    ],
)
def test_segments_that_cannot_stand(given: Spans, problem: str) -> None:
    assert Segments(labels=("a", "b"), most_s=10.0).problem(segments(given)) == problem


box = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(5, 40), st.integers(5, 40))
keyframes = st.lists(st.tuples(st.integers(0, 30), box), min_size=1, max_size=4, unique_by=lambda one: one[0]).map(
    lambda given: tuple(
        (time * 100, float(left), float(top), float(left + width), float(top + height))
        for time, (left, top, width, height) in sorted(given)
    )
)


def slow_iou(one: Any, other: Any, time: int) -> float | None:
    """Return the overlap at a time by exact fractions, None where neither is there."""

    def read(boxes: Any) -> list[Fraction] | None:
        if not boxes[0][0] <= time <= boxes[-1][0]:
            return None
        for before, after in pairwise(boxes):
            if before[0] <= time <= after[0]:
                share = Fraction(time - before[0], after[0] - before[0])
                return [
                    Fraction(a) + (Fraction(b) - Fraction(a)) * share
                    for a, b in zip(before[1:], after[1:], strict=True)
                ]
        return [Fraction(side) for side in boxes[0][1:]]

    mine, theirs = read(one), read(other)
    if mine is None and theirs is None:
        return None
    if mine is None or theirs is None:
        return 0.0
    wide = min(mine[2], theirs[2]) - max(mine[0], theirs[0])
    high = min(mine[3], theirs[3]) - max(mine[1], theirs[1])
    both = max(wide, Fraction(0)) * max(high, Fraction(0))
    either = sum((each[2] - each[0]) * (each[3] - each[1]) for each in (mine, theirs)) - both
    return float(both / either)


@given(keyframes, keyframes)
@settings(max_examples=60)
def test_the_overlap_of_tracks_is_what_a_walk_over_all_times_gives(mine: Any, theirs: Any) -> None:
    found = Tracks(step_s=0.1).overlap(*paths(tracks(mine, theirs)))
    times = range(min(mine[0][0], theirs[0][0]), max(mine[-1][0], theirs[-1][0]) + 1, 100)
    walked = [value for time in times if (value := slow_iou(mine, theirs, time)) is not None]
    assert found == pytest.approx(sum(walked) / len(walked), abs=1e-6)


@given(keyframes)
def test_a_track_agrees_with_itself_and_merges_to_itself(mine: Any) -> None:
    measure, one = Tracks(), tracks(mine)
    assert measure.agreement(one, one) == 1.0
    assert measure.merged([one, one]) == one


def test_tracks_merge_at_the_mean_of_their_corners() -> None:
    one = tracks(((0, 0.0, 0.0, 10.0, 10.0), (1000, 0.0, 0.0, 10.0, 10.0)))
    other = tracks(((0, 2.0, 0.0, 12.0, 10.0), (500, 1.0, 0.0, 11.0, 10.0), (1000, 2.0, 0.0, 12.0, 10.0)))
    assert Tracks().merged([one, other]) == tracks(
        ((0, 1.0, 0.0, 11.0, 10.0), (500, 0.5, 0.0, 10.5, 10.0), (1000, 1.0, 0.0, 11.0, 10.0))
    )
    assert Tracks().merged([one, (*other, *tracks(((5000, 0.0, 0.0, 1.0, 1.0),)))]) is None


@pytest.mark.parametrize(
    ("boxes", "problem"),
    [
        (((0, 5.0, 0.0, 5.0, 9.0),), "empty_box"),
        (((10, 0.0, 0.0, 5.0, 9.0), (0, 0.0, 0.0, 5.0, 9.0)), "keyframes_out_of_order"),
        (((0, 0.0, 0.0, 5.0, 9.0), (10_001, 0.0, 0.0, 5.0, 9.0)), "outside_the_clip"),
        ((), "empty"),
        (((0, 0.0, 0.0, 5.0, 9.0), (10_000, 0.0, 0.0, 5.0, 9.0)), ""),
    ],
)
def test_tracks_that_cannot_stand(boxes: Any, problem: str) -> None:
    assert Tracks(most_s=10.0).problem(tracks(boxes)) == problem


letters = st.text("ab é", min_size=1, max_size=8).filter(lambda text: plain(text) != "")


@given(letters, letters)
def test_transcripts_differ_by_the_character_error_rate(one: str, other: str) -> None:
    mine, theirs = plain(one), plain(other)
    longer, shorter = (mine, theirs) if len(mine) >= len(theirs) else (theirs, mine)
    found = Transcripts().agreement((Note("text", one),), (Note("text", other),))
    assert found == pytest.approx(1 - cer(longer, shorter))


def test_what_cannot_be_read_agrees_with_itself_alone() -> None:
    unread, read = (Note("text", "###"),), (Note("text", "##"),)
    assert Transcripts().agreement(unread, unread) == 1.0
    assert Transcripts().agreement(unread, read) == 0.0
    assert Transcripts().agreement((Note("text", "e\u0301"),), (Note("text", " \u00e9 "),)) == 1.0


def test_a_layer_of_several_names_agrees_as_its_least_and_merges_whole() -> None:
    measure = Several({"action": Segments(), "clear": Choices()}, needed=("clear",))
    spans_, yes, no = segments([(0, 1000, "pour")]), Note("clear", True), Note("clear", False)
    assert measure.agreement((*spans_, yes), (*spans_, no)) == 0.0
    assert measure.merged([(*spans_, yes), (*spans_, no)]) is None
    assert measure.merged([(*spans_, yes), (*spans_, yes)]) == (*spans_, yes)
    assert [measure.problem(one) for one in (spans_, (yes, Note("x", 1)), (yes,))] == [
        "question_unanswered",
        "unknown_question",
        "",
    ]


def test_choices_are_never_put_to_the_vote() -> None:
    near, far = (Note("size", "near"),), (Note("size", "far"),)
    assert Choices().merged([near, near, far]) is None
    assert Choices().agreement((Note("tags", ["a", "b"]),), (Note("tags", ["b", "a"]),)) == 1.0


told = st.lists(st.lists(st.one_of(st.none(), st.sampled_from(ORDER)), min_size=3, max_size=3), min_size=2, max_size=9)


def answers(given: list[list[str | None]]) -> dict[str, dict[str, str]]:
    return {
        f"item {at}": {f"person {who}": label or "not_sure" for who, label in enumerate(row)}
        for at, row in enumerate(given)
    }


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
@given(given=told)
@settings(max_examples=40)
def test_alpha_is_what_another_package_counts(level: Any, given: list[list[str | None]]) -> None:
    twice = [[label for label in row if label] for row in given if sum(map(bool, row)) > 1]
    found = alpha(answers(given), level, ORDER)
    if len({label for row in twice for label in row}) < 2:
        assert isnan(found)
        return
    ranks = [[ORDER.index(label) if label else np.nan for label in row] for row in given]
    assert found == pytest.approx(krippendorff.alpha(np.array(ranks).T, level_of_measurement=level))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=12))
def test_kappa_is_agreement_beyond_chance(given: list[tuple[str, str]]) -> None:
    (found,) = kappas({str(at): {"ana": one, "ben": other} for at, (one, other) in enumerate(given)}).values()
    seen = sum(one == other for one, other in given) / len(given)
    chance = (
        sum(sum(one == label for one, _ in given) * sum(other == label for _, other in given) for label in "abc")
        / len(given) ** 2
    )
    assert isnan(found) if chance == 1 else found == pytest.approx((seen - chance) / (1 - chance))


def test_lopsided_answers_are_told_with_their_share() -> None:
    given = {str(n): {"ana": "no", "ben": "no"} for n in range(98)} | {"x": {"ana": "yes", "ben": "no"}}
    found = agreement(given)
    assert found.alike > 0.98 and found.commonest > 0.99 and found.kappas["ana, ben"] == 0.0


def test_spans_of_two_time_bases_are_compared_in_seconds() -> None:
    one, other = segments([(1000, 2000, "a")]), segments([(30_000, 60_000, "a")], (1, 30_000))
    assert tiou(spans(one)[0], spans(other)[0]) == 1.0
    assert all(Segments().agreement(*pair) == 1.0 for pair in combinations((one, other, one), 2))
