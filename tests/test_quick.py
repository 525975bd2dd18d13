"""What-if from tables alone: its counts are those of judging again, as far as tables can tell."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from annotators.annotator import Annotator, Subject
from filters.exact import ExactDedup
from filters.scores import Above, AtLeast, AtMost, Between
from filters.text import CaptionLength
from pipelines.cli import main
from pipelines.compact import compact
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.query.quick import Moved, Question, Seen
from pipelines.query.whatif import what_if
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.in_duckdb import connected
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.vocabulary import Name

ROWS, SHARD, BLOCK = 60, 25, 10
UNSEEN, FAILING = 5, (11, 37)


def score(n: int) -> float:
    return math.nan if n % 10 == 3 else math.inf if n == 29 else n / ROWS


def steps(n: int) -> int:
    return n * 7 % 13


def phase(n: int) -> int:
    return n * 5 % 11


class Measured(Annotator, frozen=True):
    """Notes numbers of every type that a condition may be on."""

    writes: ClassVar = (
        Name("score", "float64", "", "a share, infinite or no number"),
        Name("steps", "uint32", "", "a count"),
        Name("phase", "uint32", "", "another count"),
        Name("large", "uint64", "", "a number that float64 rounds"),
        Name("even", "bool", "", "whether the row is"),
        Name("width_px", "uint32", "px", "what a deduplication ranks by"),
        Name("height_px", "uint32", "px", "what a deduplication ranks by"),
    )

    def look(self, subject: Subject) -> Noted:
        n = int(subject.sample.source.row)
        if n in FAILING:
            raise BadSample("moody")
        return Noted(
            {
                "score": score(n),
                "steps": steps(n),
                "phase": phase(n),
                "large": 2**63 + n,
                "even": n % 2 == 0,
                **dict.fromkeys(("width_px", "height_px"), n),
            }
        )


def recipe(*behind: Keep) -> Recipe:
    return Recipe(
        "numbers",
        Keep(CaptionLength(least=2, most=200)),
        Annotate(Measured()),
        Keep(Above("score", 0.25)),
        Keep(Between("phase", 1, 9)),
        *behind,
        Keep(AtMost("steps", 9)),
    )


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Texts in three shards and pieces of ten rows; some too short to be looked at, two that fail and fail again."""
    folder = tmp_path_factory.mktemp("quick")
    lines = [{"id": str(n), "images": [], "text": "x" if n < UNSEEN else f"number {n // 2}"} for n in range(ROWS)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = Shelf(str(folder / "shelf"))
    ingest(made, str(folder / "rows.jsonl"), Local(1), cut=Cut(rows=SHARD))
    for retry in (False, True):
        run(made, recipe(), Local(1), RunOptions(max_failed=1.0, block=BLOCK, retry=retry))
    run(made, recipe(Keep(ExactDedup())), Local(1), RunOptions(max_failed=1.0, block=BLOCK))
    return made


def ask(shelf: Shelf, asked: Recipe, said: str) -> tuple[Seen, Moved]:
    question = Question(shelf, asked, said)
    with connected(shelf) as db:
        seen, moved = question.of_judged(db)
        assert seen == question.of_notes(db)
        return seen, moved


SEEN = [n for n in range(UNSEEN, ROWS) if n not in FAILING]
CONDITIONS = [
    "score > 0.5",
    "score >= 0.5",
    "score > 0.1",
    "score > -1",
    "score >= 0.25",
    "score < 0.75",
    "score <= 1e300",
    "steps <= 4",
    "steps < 12",
    "steps <= 12",
    "steps > 5",
    "even >= 1",
    "between(phase).low = 6",
    "between(phase).high = 10",
    "texts >= 1",
    "texts > 1",
    "size_bytes > 0",
    "large > 9223372036854775817",
]


@pytest.mark.parametrize("said", CONDITIONS)
def test_the_bounds_hold_what_judging_again_says(shelf: Shelf, said: str) -> None:
    _, moved = ask(shelf, recipe(), said)
    again = what_if(shelf, recipe(), said)
    assert again.not_known == 0
    assert moved.judged == ROWS
    assert moved.kept == again.kept_now
    assert moved.would_go == again.lost
    assert moved.least <= again.would_be_kept <= moved.most


@pytest.mark.parametrize("said", ["steps <= 4", "steps < 12", "steps <= 12", "steps <= 0"])
def test_the_last_steps_bounds_are_what_judging_again_says(shelf: Shelf, said: str) -> None:
    _, moved = ask(shelf, recipe(), said)
    assert moved.least + moved.would_go_on == what_if(shelf, recipe(), said).would_be_kept == moved.most


@pytest.mark.parametrize(
    ("said", "now", "would"),
    [
        ("score > 0.5", lambda n: score(n) > 0.25, lambda n: score(n) > 0.5),
        ("score < 0.75", None, lambda n: score(n) < 0.75),
        ("score >= 0.5", lambda n: score(n) > 0.25, lambda n: score(n) >= 0.5),
        ("steps <= 4", lambda n: steps(n) <= 9, lambda n: steps(n) <= 4),
        ("between(phase).low = 6", lambda n: 1 <= phase(n) <= 9, lambda n: 6 <= phase(n) <= 9),
        ("even >= 1", None, lambda n: n % 2 == 0),
        ("large > 9223372036854775817", None, lambda n: float(2**63 + n) > 9223372036854775817.0),
    ],
)
def test_those_seen_are_counted_as_the_filter_judges_them(
    shelf: Shelf, said: str, now: Callable[[int], bool] | None, would: Callable[[int], bool]
) -> None:
    seen, _ = ask(shelf, recipe(), said)
    assert seen == Seen(recipe().ids[1], len(SEEN), None if now is None else sum(map(now, SEEN)), sum(map(would, SEEN)))


def test_a_condition_on_a_fact_is_asked_of_the_catalogue(shelf: Shelf) -> None:
    assert ask(shelf, recipe(), "texts >= 1")[0] == Seen("the door", ROWS, None, ROWS)
    seen, moved = ask(shelf, recipe(), "texts > 1")
    assert seen.would_pass == 0 and moved.would_go == moved.kept and moved.most == 0


def test_numbers_of_those_that_come_and_go_are_counted_by_hand(shelf: Shelf) -> None:
    def kept(n: int) -> bool:
        return score(n) > 0.25 and 1 <= phase(n) <= 9 and steps(n) <= 9

    _, moved = ask(shelf, recipe(), "score > 0.5")
    assert moved == Moved(
        judged=ROWS,
        kept=sum(kept(n) for n in SEEN),
        dropped_here=sum(not score(n) > 0.25 for n in SEEN),
        compared_by=(),
        would_go=sum(kept(n) and not score(n) > 0.5 for n in SEEN),
        would_go_on=0,
    )
    _, moved = ask(shelf, recipe(), "score > 0.1")
    assert (moved.would_go, moved.would_go_on) == (0, sum(0.1 < score(n) <= 0.25 for n in SEEN))


def test_rows_that_failed_at_the_door_are_not_dropped_by_the_first_step(tmp_path: Path) -> None:
    lines = [(["one", "two"], []), (["one"], []), (["one"], ["gone.jpg"])]
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"captions": said, "images": shown}) + "\n" for said, shown in lines)
    )
    own, first = Shelf(str(tmp_path / "shelf")), Recipe("first", Keep(AtLeast("texts", 2)))
    ingest(own, str(tmp_path / "rows.jsonl"), Local(1), max_failed=1.0)
    run(own, first, Local(1))
    assert ask(own, first, "texts >= 1") == (Seen("the door", 2, 1, 2), Moved(3, 1, 1, (), would_go_on=1))


def test_steps_that_compare_samples_are_named_only_where_they_come_later(shelf: Shelf) -> None:
    dedup = recipe(Keep(ExactDedup()))
    assert ask(shelf, dedup, "score > 0.5")[1].compared_by == ("exact_dedup",)
    assert ask(shelf, dedup, "steps <= 4")[1].compared_by == ()


def test_compacted_notes_give_the_same_counts(shelf: Shelf, tmp_path: Path) -> None:
    shutil.copytree(shelf.root, tmp_path / "shelf")
    own = Shelf(str(tmp_path / "shelf"))
    compact(own, Local(1))
    for said in CONDITIONS:
        assert ask(own, recipe(), said) == ask(shelf, recipe(), said)


def test_shards_that_came_later_are_in_no_count_of_those_judged(shelf: Shelf, tmp_path: Path) -> None:
    shutil.copytree(shelf.root, tmp_path / "shelf")
    own = Shelf(str(tmp_path / "shelf"))
    for number in (0, 2):
        Path(own.path("verdicts", recipe().id, f"{number:06d}.parquet")).unlink()
    seen, moved = ask(own, recipe(), "score > 0.5")
    judged = [n for n in SEEN if SHARD <= n < 2 * SHARD]
    assert seen.samples == len(SEEN) and moved.judged == SHARD
    assert moved.would_go == sum(0.25 < score(n) <= 0.5 and 1 <= phase(n) <= 9 and steps(n) <= 9 for n in judged)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("score > 0.25", "is what the recipe asks now"),
        ("caption_length.least = 3", "caption_length reads text_chars"),
        ("blur > 1", "has no note 'blur'"),
        ("score > much", "neither a condition nor a field"),
    ],
)
def test_a_question_that_tables_cannot_answer_is_explained(shelf: Shelf, said: str, expected: str) -> None:
    with pytest.raises(BadInput, match=expected):
        Question(shelf, recipe(), said)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("score > 0.5", ["would pass 26 49.1 %", "kept now 20 5 of them would go", "kept would be 15 (25.0 %) of 60"]),
        ("score > 0.1", ["dropped here now 14 7 of them would go on", "between 20 (33.3 %) and 27 (45.0 %) of 60"]),
        ("score > 0.1", ["as long as exact_dedup decides of all others as now"]),
    ],
)
def test_the_command_says_the_counts_in_words(shelf: Shelf, capsys: Any, said: str, words: list[str]) -> None:
    main(["what-if", said, "--quick", "--shelf", shelf.url, "--recipe", recipe(Keep(ExactDedup())).id])
    told = " ".join(capsys.readouterr().out.split())
    assert [one for one in words if one not in told] == [], told
