"""Answers to a sheet are compared and merged as the sheet says, whatever it asks."""

from __future__ import annotations

import pytest

from annotators.desk.label_studio.compared import measure_of_sheet
from annotators.desk.label_studio.find import SHEETS
from annotators.desk.label_studio.sheet import Choice, Grade, Line, Sheet, Spans
from annotators.desk.measure import Measure
from schemas.note import Note, TimeSpan, Track, Value

BASE = (1, 1000)
Said = tuple[Note, ...]


def spoken(start: int, end: int, by: str, label: str = "speak", **more: Value) -> Said:
    at = TimeSpan(0, start, end, BASE)
    return (
        Note("action", label, at),
        *(Note(f"action_{name}", value, at) for name, value in {"actor": by, **more}.items()),
    )


ACTIONS = measure_of_sheet(SHEETS["actions"])
TEXT = measure_of_sheet(SHEETS["scene_text"])
PLAIN = measure_of_sheet(SHEETS["plain_clip"])


def test_fields_are_kept_with_the_mean_of_their_spans_and_free_words_are_the_first() -> None:
    one = spoken(0, 1000, "a man", phase="execution", description="A man speaks.")
    other = spoken(100, 1100, "man", phase="execution")
    assert ACTIONS.agreement(one, other) == 1.0
    merged = ACTIONS.merged([one, other])
    wanted = spoken(50, 1050, "a man", phase="execution", description="A man speaks.")
    assert merged is not None and sorted(map(repr, merged)) == sorted(map(repr, wanted))


def test_a_field_on_which_people_differ_lowers_agreement_and_cannot_be_merged() -> None:
    one, other = spoken(0, 1000, "m", phase="execution"), spoken(0, 1000, "m", phase="completion")
    assert ACTIONS.agreement(one, other) == 0.0 and ACTIONS.merged([one, other]) is None


def test_who_says_nothing_contradicts_nobody() -> None:
    one, other = spoken(0, 1000, "m", phase="execution"), spoken(0, 1000, "m")
    assert ACTIONS.agreement(one, other) == ACTIONS.agreement(other, one) == 1.0
    assert ACTIONS.merged([other, one]) == one


def test_two_who_speak_at_once_are_two_and_one_who_speaks_twice_at_once_is_none() -> None:
    assert ACTIONS.problem(spoken(0, 1000, "she") + spoken(500, 1500, "he")) == ""
    assert ACTIONS.problem(spoken(0, 1000, "he") + spoken(500, 1500, "he")) == "overlaps_its_like"


def test_what_is_said_of_no_place_cannot_stand() -> None:
    assert ACTIONS.problem((*spoken(0, 1000, "he"), Note("action_actor", "she", TimeSpan(0, 5, 9, BASE)))) == (
        "nothing_marked_there"
    )
    assert ACTIONS.problem((Note("mood", "good"),)) == "unknown_question"


def written(text: str, shift: float = 0.0, kind: str = "scene") -> Said:
    boxes = tuple((pts, 10.0 + shift, 10.0, 60.0 + shift, 40.0) for pts in range(0, 1000, 100))
    at = Track(0, BASE, boxes)
    return Note("scene_text_kind", kind, at), Note("scene_text", text, at)


def test_copied_words_are_compared_letter_by_letter_and_merged_only_where_they_are_the_same() -> None:
    assert TEXT.agreement(written("OPEN"), written("OPEN", 2.0)) == 1.0
    assert TEXT.agreement(written("OPEN"), written("OPFN")) == 0.75
    merged = TEXT.merged([written("OPEN"), written(" OPEN", 2.0)])
    assert merged and merged[1].value == "OPEN" and merged[0].at == merged[1].at
    assert isinstance(merged[0].at, Track) and merged[0].at.boxes[0][1] == 11.0
    assert TEXT.merged([written("OPEN"), written("OPFN")]) is None


def test_two_texts_at_one_place_keep_their_own_words() -> None:
    both = written("A") + written("B", kind="title")
    assert TEXT.agreement(both, both) == 1.0 and TEXT.problem(both) == ""
    assert TEXT.agreement(both, written("B") + written("A", kind="title")) == 0.0


def graded(choice: str, grade: int, comment: str = "") -> Said:
    said = (Note("person_choice", choice), Note("person_difficulty", grade))
    return (*said, Note("person_comment", comment)) if comment else said


def test_grades_lie_near_one_another_and_are_merged_at_their_mean() -> None:
    assert PLAIN.agreement(graded("good", 2), graded("good", 4)) == 0.75
    assert PLAIN.merged([graded("good", 2), graded("good", 4, "hm")]) == graded("good", 3, "hm")
    assert PLAIN.agreement(graded("good", 1), graded("bad", 5)) == 0.0
    assert PLAIN.merged([graded("good", 1), graded("bad", 1)]) is None
    assert PLAIN.problem((*graded("good", 1), Note("person_choice", "bad"))) == "answered_twice"


OWN = Sheet(
    "own",
    (
        Choice("seen", ("a", "b", "c"), several=True),
        Spans("does", ("x",), fields=(Choice("hows", ("p", "q"), several=True), Grade("sure", 3), Line("told"))),
    ),
)


@pytest.mark.parametrize("sheet", [*SHEETS.values(), OWN], ids=lambda sheet: sheet.name)
def test_every_sheet_can_be_compared(sheet: Sheet) -> None:
    measure: Measure = measure_of_sheet(sheet)
    assert measure.agreement((), ()) == 1.0 and measure.merged([(), ()]) == () and measure.problem(()) == ""


def test_the_order_of_several_options_does_not_count() -> None:
    at = TimeSpan(0, 0, 500, BASE)
    one = (Note("seen", ["a", "b"]), Note("does", "x", at), Note("hows", ["p", "q"], at))
    other = (Note("seen", ["b", "a"]), Note("does", "x", at), Note("hows", ["q", "p"], at))
    measure = measure_of_sheet(OWN)
    assert measure.agreement(one, other) == 1.0 and measure.merged([one, other]) == one
