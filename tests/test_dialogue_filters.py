"""Filters over whole dialogues and texts: language by characters or by texts, answers, control characters, loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from annotators.annotator import Subject
from annotators.turns import Turns
from filters.columns import Columns, Lists
from filters.dialogue import FewControlCharacters, HasAnswers, NoMedia, NotRepeating, PicturesReadable
from filters.filter import ColumnFilter
from filters.language import MostlyInLanguage
from schemas.sample import Sample, Source, Text
from schemas.vocabulary.prose import REPEATED_PLACES


def said(judging: ColumnFilter, **values: Any) -> tuple[str, float]:
    verdict = judging.judge(values)
    return verdict.reason, verdict.measured


TALK = {"text_language": ["en", "de", "la"], "text_language_share": [0.99, 0.95, 0.5], "text_chars": [10, 30, 60]}


@pytest.mark.parametrize(
    ("judging", "reason", "measured"),
    [
        (MostlyInLanguage(), "other_language", 0.7),
        (MostlyInLanguage(share=0.7), "", 0.7),
        (MostlyInLanguage(sure=0.4), "other_language", 0.1),
        (MostlyInLanguage(("en", "de")), "", 1.0),
        (MostlyInLanguage(share=0.66, each_text=True), "", 2 / 3),
        (MostlyInLanguage(("fr",), 0.5, each_text=True), "other_language", 1 / 3),
    ],
)
def test_a_text_stands_where_it_is_of_the_language_or_hard_to_place(
    judging: MostlyInLanguage, reason: str, measured: float
) -> None:
    found = said(judging, **TALK)
    assert found[0] == reason and found[1] == pytest.approx(measured)


def test_rows_of_several_samples_are_judged_apart_and_one_without_text_stays() -> None:
    columns = Columns(
        3,
        {
            "text_language": Lists.of([["en"], [], ["de", "en"]]),
            "text_language_share": Lists.of([[0.9], [], [0.99, 0.99]], np.float64),
            "text_chars": Lists.of([[5], [], [9, 1]], np.uint32),
        },
    )
    assert MostlyInLanguage().judge_columns(columns).reason.tolist() == [-1, -1, 0]


def test_what_is_no_dialogue_and_what_is_none_to_train_on_goes() -> None:
    assert said(HasAnswers(), turns=0, answer_chars=0)[0] == "no_answer"
    assert said(HasAnswers(most=2), turns=3, answer_chars=9) == ("too_many_answers", 3.0)
    assert said(HasAnswers(most_chars=8), turns=2, answer_chars=9) == ("answers_too_long", 9.0)
    assert said(HasAnswers(most=3, most_chars=9), turns=3, answer_chars=9)[0] == ""
    assert said(NoMedia(), images=0, videos=1) == ("has_media", 1.0) and said(NoMedia(), images=0, videos=0)[0] == ""
    assert said(FewControlCharacters(), control_chars=2, text_chars=[1000, 500])[0] == "control_characters"
    assert said(FewControlCharacters(), control_chars=1, text_chars=[1000])[0] == ""


def test_a_dialogue_goes_where_one_of_its_pictures_cannot_be_read() -> None:
    rows = Lists.of([[9], [640, 0], [], [0, 0], [640, 480]], np.uint32).take(np.array([1, 2, 3, 4]))
    found = PicturesReadable().judge_columns(Columns(4, {"picture_width_px": rows}))
    assert found.reason.tolist() == [0, -1, 0, -1] and found.measured[[0, 2]].tolist() == [1, 2]


def test_a_long_answer_that_goes_in_circles_goes_and_a_short_one_stays() -> None:
    repeated = [0.0] * REPEATED_PLACES
    repeated[7] = 0.6
    assert said(NotRepeating(), prose_repeated=repeated, prose_words=50) == ("repeats_itself", 0.6)
    assert said(NotRepeating(), prose_repeated=repeated, prose_words=49)[0] == ""
    nobody = Columns(0, {"prose_repeated": Lists.of([], np.float64), "prose_words": np.zeros(0, np.uint32)})
    assert len(NotRepeating().judge_columns(nobody).reason) == 0


def test_turns_count_answers_characters_and_what_no_text_should_hold() -> None:
    told = [
        ("system", "s\x00"),
        ("user", "ab\n"),
        ("think", "t"),
        ("assistant", "cde"),
        ("user", "\x07f"),
        ("assistant", "g"),
    ]
    parts = tuple(Text(text, role) for role, text in told)
    found = Turns().look(Subject(Sample("0" * 32, parts, Source("d", "r")), "", (), {}, lambda *_: b""))
    assert found.values == {"turns": 2, "question_chars": 5, "answer_chars": 4, "control_chars": 2}
