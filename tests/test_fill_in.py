"""Fill-ins: a question asked without its choices, where one answer is left, and refused with a reason where not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.verify import verify
from pipelines.ingest.choices import Choices, split_choices
from pipelines.ingest.fill_in import fill_in, thinking_stands
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadSample

MADE = [
    ("Find x.", ["3", "4", "5"], "B", "Find x.", "4"),
    ("What is the area?", ["3 cm", "4 cm"], "4 cm", "What is the area?", "4 cm"),
    ("The length of AB is", ["3", "4"], "(A)", "The length of AB is ____", "3"),
    ("则∠BOC＝（）", ["135°", "145°"], "B. 145°", "则∠BOC＝（）", "145°"),
    ("On which day did it rain most?", ["Monday", "Friday"], "Friday", "On which day did it rain most?", "Friday"),
]
REFUSED = [
    ("Which of the following is prime?", ["4", "7"], "B", "asks_among_choices"),
    ("Choose the missing number.", ["4", "7"], "B", "asks_among_choices"),
    ("下列说法正确的是", ["4", "7"], "B", "asks_among_choices"),
    ("What is in the lake?", ["fish", "frogs", "all of the above"], "C", "choice_about_choices"),
    ("What is x?", ["4", "It cannot be determined"], "A", "choice_about_choices"),
    ("What comes next?", ["A", "B"], "A", "answer_is_a_choice"),
    ("What comes next?", ["Figure 1", "figure B"], "B", "answer_is_a_choice"),
    ("Is it raining?", ["yes", "no"], "yes", "still_a_choice"),
    ("Is it linear or nonlinear?", ["linear", "nonlinear"], "linear", "still_a_choice"),
    ("What could be the value of x?", ["4", "7"], "B", "many_answers"),
    ("What would happen if all hawks died?", ["mice thrive", "grass grows"], "A", "many_answers"),
    ("What is it?", ["0.5", "1/2", "3"], "C", "choices_not_unique"),
    ("What is it?", ["4", "7"], "D", "answer_not_a_choice"),
    ("Why?", ["since the rain of the last week fell on it", "no rain"], "A", "answer_too_open"),
    ("", ["4", "7"], "B", "empty_question"),
]


def lettered(stem: str, texts: list[str]) -> str:
    return "\n".join([stem, *(f"{letter}. {text}" for letter, text in zip("ABCDEFG", texts, strict=False))])


@pytest.mark.parametrize(("stem", "texts", "answer", "asked", "said"), MADE)
def test_where_one_answer_is_left_it_is_asked_without_choices(
    stem: str, texts: list[str], answer: str, asked: str, said: str
) -> None:
    found = split_choices(lettered(stem, texts))
    assert found == Choices(stem, tuple(texts))
    assert fill_in(found, answer, has_media=True) == (asked, said)


@pytest.mark.parametrize(("stem", "texts", "answer", "reason"), REFUSED)
def test_what_stays_open_is_refused(stem: str, texts: list[str], answer: str, reason: str) -> None:
    found = split_choices(lettered(stem, texts))
    assert found
    with pytest.raises(BadSample) as refused:
        fill_in(found, answer, has_media=True)
    assert refused.value.reason == reason


def test_without_a_picture_which_asks_among_choices() -> None:
    found = split_choices(lettered("Which day comes first?", ["Monday", "Friday"]))
    assert found and fill_in(found, "A", has_media=True)[1] == "Monday"
    with pytest.raises(BadSample, match="asks_among_choices"):
        fill_in(found, "A", has_media=False)


@given(
    stem=st.text("xyz ?", min_size=1).filter(str.strip).map(str.strip),
    texts=st.lists(st.text("0123456789√π", min_size=1, max_size=6), min_size=2, max_size=7),
    style=st.sampled_from(["{}. {}", "({}) {}", "{}) {}", "{}: {}"]),
    unit=st.sampled_from(["", "Unit: cm"]),
)
def test_whatever_letters_look_like_a_question_is_taken_apart(
    stem: str, texts: list[str], style: str, unit: str
) -> None:
    lines = [style.format(letter, text) for letter, text in zip("ABCDEFG", texts, strict=False)]
    assert split_choices("\n".join([stem, *lines, *([unit] if unit else [])])) == Choices(stem, tuple(texts), unit)
    if ")" in style:
        assert split_choices(stem + "\n" + " ".join(lines)) == Choices(stem, tuple(texts))
    assert split_choices(f"{stem}\nA. alone") is None and split_choices(stem) is None


def test_thinking_that_names_a_choice_by_its_letter_goes() -> None:
    assert thinking_stands("So the sum is 4. A triangle has three sides.")
    assert not thinking_stands("So option B is right.") and not thinking_stands("The answer is (C).")


def test_a_fill_in_has_its_parent_and_refers_to_its_bytes(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    records = {
        "one": {"question": "How long?", "choices": ["3", "4"], "answer": "4", "unit": "cm", "solution": "2 + 2 = 4."},
        "two": {"question": "How long?", "choices": ["3", "4"], "answer": "3", "solution": "Option A is right."},
        "three": {"question": "Which of these?", "choices": ["3", "4"], "answer": "3"},
        "four": {"question": "How long?", "answer": "3"},
    }
    (tmp_path / "quiz.json").write_text(json.dumps(records))
    for seed, name in enumerate(records):
        (tmp_path / f"{name}.jpg").write_bytes(picture(seed))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "quiz.json"), Local(1), Options(image_pattern="{id}.jpg"))
    made = ingest(shelf, shelf.url, Local(1), kind="fill-in")
    assert made.counts == {"samples": 2, "asks_among_choices": 1} and made.recipe == "instructions"
    assert ingest(shelf, shelf.url, Local(1), kind="fill-in").new == 0, "nothing is made of what was made"
    parents = {row["name"]: row for row in shelf.catalog("000000").to_pylist()}
    children = {row["name"]: row for row in shelf.catalog("000001").to_pylist()}
    assert {*children} == {"quiz/one#fill-in", "quiz/two#fill-in", "quiz/three#fill-in"}
    for name in ("one", "two", "three"):
        assert children[f"quiz/{name}#fill-in"]["parent"] == parents[name]["key"].hex
    told = [(part.get("role"), part.get("text")) for part in json.loads(children["quiz/one#fill-in"]["parts"])]
    assert told == [(None, None), ("user", "How long?\nUnit: cm"), ("think", "2 + 2 = 4."), ("assistant", "4")]
    assert [part.get("role") for part in json.loads(children["quiz/two#fill-in"]["parts"])] == [
        None,
        "user",
        "assistant",
    ]
    assert children["quiz/one#fill-in"]["media"] == "media/000000.tar"
    assert not (tmp_path / "shelf" / "media" / "000001.tar").exists()
    run(shelf, find_recipe("whole"), Local(1))
    export(shelf, "all", str(tmp_path / "out"), Local(1), ExportOptions())
    assert verify(str(tmp_path / "out")).samples == 6
    rows = pq.read_table(next((tmp_path / "out" / "train" / "jpg").glob("*.parquet"))).to_pylist()
    assert {row["parent"] for row in rows} == {"", *(parents[name]["key"].hex for name in ("one", "two"))}


def test_of_mathvistas_questions_none_that_asks_among_its_choices_is_made(data: Path) -> None:
    """What was made was drawn and read by eye, and what had two answers is refused."""
    reasons, made = Counter[str](), list[str]()
    for item in json.loads((data / "eval_sets" / "mathvista_testmini.json").read_text()).values():
        if not item["choices"]:
            continue
        found = split_choices(lettered(item["question"], item["choices"]))
        if not found:
            reasons["no_choices"] += 1
            continue
        try:
            made.append(fill_in(found, item["answer"], has_media=True)[0])
        except BadSample as bad:
            reasons[bad.reason] += 1
    assert 220 < len(made) < 260 and reasons["still_a_choice"] > 150
    assert not any("following" in asked or "Choose" in asked or asked.startswith("Is ") for asked in made)
