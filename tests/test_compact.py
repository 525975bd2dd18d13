"""Compaction: few files, the same answers, whatever kills it and whoever writes meanwhile."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq
import pytest

from annotators.annotator import Annotator, Subject
from annotators.header import Header
from annotators.pixels import Pixels
from filters.exact import ExactDedup
from filters.image import MinSide
from filters.scores import Above
from pipelines.cli import main
from pipelines.compact import compact
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.notes import Notes
from pipelines.shelf.shelf import Shelf
from schemas import publish
from schemas.errors import BadSample, Unavailable
from schemas.note import Failed, Noted
from schemas.vocabulary import Name

ROWS, SHARD, BLOCK = 20, 8, 3


class Moody(Annotator, frozen=True):
    """Fails on what its file names, until the file is gone; notes a list, a text and a place too."""

    bad: str = ""
    writes: ClassVar = (
        Name("mood", "float64", "", "how it looks"),
        Name("words", "list<string>", "", "what it says"),
        Name("whole", "bool", "", "whether it is whole"),
    )

    def look(self, subject: Subject) -> Noted:
        bad = Path(self.bad)
        if bad.exists() and subject.sample.source.row in bad.read_text().split():
            raise BadSample("moody")
        number = int(subject.sample.source.row.split(".")[0])
        return Noted({"mood": number / 7, "words": ["a"] * (number % 3), "whole": number % 2 == 0})


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    moody = Moody(str(tmp_path_factory.mktemp("moody") / "bad"))
    return Recipe(
        "pieces",
        Annotate(Header()),
        Keep(MinSide(px=28)),
        Annotate(Pixels()),
        Annotate(moody),
        Keep(Above("mood", 0.5)),
        Keep(ExactDedup()),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes], recipe: Recipe) -> Shelf:
    """Three shards in pieces of three rows; four samples failed, were looked at again, and two of them failed again."""
    folder = tmp_path_factory.mktemp("compact")
    (folder / "in").mkdir()
    for n in range(ROWS):
        (folder / "in" / f"{n:02d}.jpg").write_bytes(picture(n % 17, (20, 20) if n == 5 else (96, 64)))
    shelf = Shelf(str(folder / "shelf"))
    ingest(shelf, str(folder / "in"), Local(1), cut=Cut(rows=SHARD))
    bad = Path(recipe.steps[3].annotator.bad)
    bad.write_text("04.jpg 06.jpg 12.jpg 15.jpg")
    run(shelf, recipe, Local(1), RunOptions(max_failed=1.0, block=BLOCK))
    bad.write_text("06.jpg 15.jpg")
    run(shelf, recipe, Local(1), RunOptions(max_failed=1.0, block=BLOCK, retry=True))
    return shelf


@pytest.fixture
def shelf(made: Shelf, tmp_path: Path) -> Shelf:
    shutil.copytree(made.root, tmp_path / "shelf")
    return Shelf(str(tmp_path / "shelf"))


def pieces(shelf: Shelf) -> dict[str, list[str]]:
    return {one: shelf.names(f"notes/{one}", ".parquet") for one in shelf.folders("notes")}


QUESTIONS = [
    ("funnel",),
    ("why", "made/06.jpg"),
    ("why", "04.jpg"),
    ("why", "05.jpg"),
    ("why", "12.jpg"),
    ("what-if", "mood > 1"),
    ("what-if", "mood > 0.2", "--quick"),
    ("what-if", "sharpness > 1", "--quick"),
    ("sql", "select * from notes order by all"),
    ("sql", "select * from notes_moody order by all"),
    (
        "sql",
        "select name, count(*), round(sum(number), 6) from notes where name = 'mood' group by all",
    ),
    ("show", "07.jpg"),
]


OF_NOTES = [question for question in QUESTIONS if question[0] in ("funnel", "sql") or "12.jpg" in question]
"""Those in which a note that is there twice, or not at all, shows."""


@pytest.fixture
def answers(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    def ask(shelf: Shelf, questions: list[tuple[str, ...]] = QUESTIONS) -> list[str]:
        said = []
        for question in questions:
            try:
                main([*(word.replace("made/", "in/") for word in question), "--shelf", shelf.url])
            except SystemExit as stop:
                assert not stop.code, capsys.readouterr().err
            said.append(capsys.readouterr().out.replace(shelf.url, "SHELF"))
        return said

    return ask


def test_the_shelf_has_what_these_tests_are_about(made: Shelf, recipe: Recipe) -> None:
    moody = [
        pq.read_table(made.path("notes", recipe.ids[3], f"{name}.parquet")) for name in pieces(made)[recipe.ids[3]]
    ]
    words = [(row, failed) for piece in moody for row, failed in zip(*piece.select([0, 1]).to_pydict().values())]
    assert sum(failed == "moody" for _, failed in words) == 6 and len(words) == ROWS - 1 + 4
    assert all(len(names) > 3 for names in pieces(made).values())


def test_no_answer_changes(made: Shelf, shelf: Shelf, answers: Callable[..., list[str]], recipe: Recipe) -> None:
    before = answers(shelf)
    done = compact(shelf, Local(1))
    assert answers(shelf) == before
    assert pieces(shelf) == {one: [f"{shard}-0000" for shard in shelf.shards()] for one in recipe.ids.values()}
    assert done.after == {**{f"notes/{one}": 3 for one in recipe.ids.values()}, "keys": 1}
    assert done.before == {f"notes/{one}": len(names) for one, names in pieces(made).items()} | {"keys": 1}


def test_the_last_word_on_every_row_stays_in_order(shelf: Shelf, recipe: Recipe) -> None:
    compact(shelf, Local(1))
    for one in recipe.ids.values():
        for shard in shelf.shards():
            rows = pq.read_table(shelf.path("notes", one, f"{shard}-0000.parquet"))["row"].to_pylist()
            assert rows == sorted(set(rows))
    failed = pq.read_table(shelf.path("notes", recipe.ids[3], "000000-0000.parquet"))["failed"].to_pylist()
    assert [reason for reason in failed if reason] == ["moody"]


def test_a_run_after_it_changes_no_file_and_looks_at_nothing(
    shelf: Shelf, recipe: Recipe, tree_digest: Callable[..., dict[str, str]]
) -> None:
    compact(shelf, Local(1))
    before = tree_digest(Path(shelf.root))
    run(shelf, recipe, Local(1), RunOptions(max_failed=1.0, block=BLOCK))
    assert tree_digest(Path(shelf.root)) == before


def test_engines_of_one_and_of_two_workers_give_the_same_bytes(
    shelf: Shelf, made: Shelf, tmp_path: Path, tree_digest: Callable[..., dict[str, str]]
) -> None:
    shutil.copytree(made.root, tmp_path / "other")
    compact(shelf, Local(1))
    compact(Shelf(str(tmp_path / "other")), Local(2))
    assert tree_digest(tmp_path / "other") == tree_digest(Path(shelf.root))
    before = tree_digest(Path(shelf.root))
    compact(shelf, Local(1))
    assert tree_digest(Path(shelf.root)) == before


class Killed(BaseException):
    """What a kill is made of here."""


def crossings_of(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, at: int = 0) -> int:
    """Compact with a kill at a crossing outside runs/, and return how many were crossed."""
    crossed = [0]

    def crossing(point: str, path: str) -> None:
        if "/runs/" not in path:
            crossed[0] += 1
            if crossed[0] == at:
                raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(publish, "crossing", crossing)
        try:
            compact(shelf, Local(1))
        except Killed:
            assert at
    return crossed[0]


def test_killed_at_any_write_it_answers_the_same_and_ends_with_the_same_files(
    made: Shelf,
    shelf: Shelf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: Callable[..., list[str]],
    tree_digest: Callable[..., dict[str, str]],
) -> None:
    before = answers(made, OF_NOTES)
    crossings = crossings_of(shelf, monkeypatch)
    whole = tree_digest(Path(shelf.root))
    assert crossings == 3 * (3 + 3 * 3)
    for at in range(1, crossings + 1):
        killed = Shelf(str(tmp_path / f"killed{at}"))
        shutil.copytree(made.root, killed.root)
        assert crossings_of(killed, monkeypatch, at) == at
        if at % 5 == 2 or at > crossings - 2:
            assert answers(killed, OF_NOTES) == before, f"killed at crossing {at}"
        compact(killed, Local(1))
        assert tree_digest(Path(killed.root)) == whole, f"killed at crossing {at}"


@pytest.mark.parametrize("left", [(1,), (2,), (1, 2)])
def test_killed_between_two_removals_it_answers_the_same(
    made: Shelf, shelf: Shelf, answers: Callable[..., list[str]], recipe: Recipe, left: tuple[int, ...]
) -> None:
    before = answers(made, OF_NOTES)
    compact(shelf, Local(1))
    for one in recipe.ids.values():
        Path(shelf.path("notes", one, ".compacting")).touch()
        for number in left:
            name = f"000001-{number:04d}.parquet"
            if Path(made.path("notes", one, name)).exists():
                shutil.copy(made.path("notes", one, name), shelf.path("notes", one, name))
    assert answers(shelf, OF_NOTES) == before
    compact(shelf, Local(1))
    assert all(len(names) == 3 for names in pieces(shelf).values())
    assert answers(shelf, OF_NOTES) == before


def test_a_piece_written_meanwhile_is_kept(shelf: Shelf, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who has read all pieces writes the next one while they are being compacted."""
    moody, shard = recipe.steps[3].annotator, "000001"
    writer = Notes(shelf, moody, recipe.ids[3], shard, SHARD)
    [row] = [row for row in range(SHARD) if writer.failed[row]]
    found = {row: Noted({"mood": 9.0, "words": ["late"], "whole": True})}

    def crossing(point: str, path: str) -> None:
        if point == "before" and path.endswith(f"/{recipe.ids[3]}/{shard}-0000.parquet"):
            monkeypatch.undo()
            writer.add(found, retried=True)

    monkeypatch.setattr(publish, "crossing", crossing)
    compact(shelf, Local(1))
    assert Notes(shelf, moody, recipe.ids[3], shard, SHARD).values(row)["mood"] == 9.0
    compact(shelf, Local(1))
    assert pieces(shelf)[recipe.ids[3]] == ["000000-0000", "000001-0000", "000002-0000"]
    assert Notes(shelf, moody, recipe.ids[3], shard, SHARD).values(row)["mood"] == 9.0
    again = Notes(shelf, moody, recipe.ids[3], shard, SHARD)
    again.add({row: Failed("late", "")}, retried=True)
    assert pieces(shelf)[recipe.ids[3]] == ["000000-0000", "000001-0000", "000002-0000"]


def test_two_compactions_at_once_are_one_too_many(shelf: Shelf) -> None:
    hold = "import fcntl, sys; f = open(sys.argv[1], 'a+b'); fcntl.lockf(f, fcntl.LOCK_SH); print(); sys.stdin.read()"
    command = [sys.executable, "-c", hold, shelf.path("runs", "compact.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline()
        before = pieces(shelf)
        with pytest.raises(Unavailable, match="another compaction"):
            compact(shelf, Local(1))
        assert pieces(shelf) == before
        assert holder.stdin
        holder.stdin.close()
    compact(shelf, Local(1))
    assert pieces(shelf) != before


def test_notes_of_every_kind_come_through(shelf: Shelf, made: Shelf, recipe: Recipe) -> None:
    compact(shelf, Local(1))
    for place, annotator in recipe.annotators():
        for shard in shelf.shards():
            old, new = (Notes(one, annotator, recipe.ids[place], shard, SHARD) for one in (made, shelf))
            for row in range(SHARD):
                assert old.noted[row] == new.noted[row] and old.failed[row] == new.failed[row]
                if old.noted[row]:
                    assert old.values(row) == new.values(row)


def test_a_piece_of_one_who_was_overtaken_is_kept(shelf: Shelf, recipe: Recipe) -> None:
    """One has read all pieces, another writes the next one, that is compacted, and then the first one writes."""
    moody, shard = recipe.steps[3].annotator, "000001"
    slow, fast = (Notes(shelf, moody, recipe.ids[3], shard, SHARD) for _ in range(2))
    [row] = [row for row in range(SHARD) if slow.failed[row]]
    fast.add({row: Failed("moody", "")}, retried=True)
    compact(shelf, Local(1))
    slow.add({row: Noted({"mood": 9.0, "words": ["late"], "whole": True})}, retried=True)
    assert Notes(shelf, moody, recipe.ids[3], shard, SHARD).values(row)["mood"] == 9.0
