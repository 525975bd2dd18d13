"""A run: what is looked at, decided anew, and tried again."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from annotators.header import Header
from annotators.pixels import Pixels
from filters.exact import ExactDedup
from filters.image import HasPicture, MinSide
from filters.neardup import NearDedup
from filters.scores import AtLeast
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf

ROOT = Path(__file__).resolve().parent.parent
Picture = Callable[..., bytes]


def sides(px: int) -> Recipe:
    return Recipe("sides", Annotate(Header()), Keep(MinSide(px=px)), Annotate(Pixels()))


def dedup() -> Recipe:
    return Recipe("dedup", Annotate(Header()), Annotate(Pixels()), Keep(ExactDedup()), Keep(NearDedup(radius=4)))


def verdicts(shelf: Shelf, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Return the verdict of each row by its name, keys as hex."""
    found = {}
    for shard in shelf.shards():
        rows = pq.read_table(shelf.path("verdicts", recipe.id, f"{shard}.parquet")).to_pylist()
        found.update(zip(shelf.catalog(shard)["name"].to_pylist(), rows, strict=True))
    return found


def keys(shelf: Shelf) -> dict[str, bytes]:
    found = {}
    for shard in shelf.shards():
        catalog = shelf.catalog(shard)
        found.update(zip(catalog["name"].to_pylist(), catalog["key"].combine_chunks().storage.to_pylist(), strict=True))
    return found


def last_counts(shelf: Shelf) -> dict[str, int]:
    """Return the counts of the newest run's record."""
    newest = max(path for path in Path(shelf.path("runs")).iterdir() if path.is_dir())
    return dict(json.loads((newest / "record.json").read_text())["counts"])


def rows_seen(shelf: Shelf, annotator: str) -> list[int]:
    """Return how many rows each piece of an annotator holds, in order of shards and pieces."""
    [folder] = [path for path in Path(shelf.path("notes")).iterdir() if path.name.startswith(f"{annotator}@")]
    return [pq.read_metadata(piece).num_rows for piece in sorted(folder.iterdir())]


def test_a_loosened_threshold_looks_only_at_samples_that_were_not_seen(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "in").mkdir()
    for n in range(20):
        (tmp_path / "in" / f"{n:02d}.jpg").write_bytes(picture(n, size=(40 + 4 * n, 120)))
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path / "in"), Local(1))
    assert run(shelf, sides(80), Local(1))["kept"] == 10
    assert last_counts(shelf) | {"looked_at.header": 20, "looked_at.pixels": 10} == last_counts(shelf)
    assert run(shelf, sides(60), Local(1))["kept"] == 15
    assert last_counts(shelf) == {"looked_at.pixels": 5, "kept": 15, "dropped": 5, "failed": 0}
    assert rows_seen(shelf, "header") == [20] and rows_seen(shelf, "pixels") == [10, 5]
    assert run(shelf, sides(100), Local(1))["kept"] == 5
    assert last_counts(shelf) == {"kept": 5, "dropped": 15, "failed": 0}


def test_the_same_run_again_looks_at_nothing_and_changes_nothing(
    tmp_path: Path, picture: Picture, tree_digest: Callable[..., dict[str, str]]
) -> None:
    (tmp_path / "in").mkdir()
    for n in range(6):
        (tmp_path / "in" / f"{n}.jpg").write_bytes(picture(n % 4))
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path / "in"), Local(1))
    run(shelf, dedup(), Local(1))
    before = tree_digest(tmp_path / "s")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "s" / "verdicts").rglob("*.parquet")}
    run(shelf, dedup(), Local(1))
    assert tree_digest(tmp_path / "s") == before
    assert last_counts(shelf) == {"kept": 4, "dropped": 2, "failed": 0}
    assert all(path.stat().st_mtime_ns == then for path, then in times.items()), "equal verdicts are not written again"


def test_duplicates_drop_with_the_key_of_the_one_that_stays(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "in").mkdir()
    big = picture(1, size=(192, 128))
    small = io.BytesIO()
    Image.open(io.BytesIO(big)).resize((96, 64)).save(small, "JPEG", quality=70)
    files = {"big.jpg": big, "copy.jpg": big, "small.jpg": small.getvalue(), "other.jpg": picture(2)}
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    shelf, recipe = Shelf(str(tmp_path / "s")), dedup()
    ingest(shelf, str(tmp_path / "in"), Local(1), cut=Cut(rows=1))
    run(shelf, recipe, Local(1))
    found, key = verdicts(shelf, recipe), keys(shelf)
    stays, goes = sorted(("big.jpg", "copy.jpg"), key=lambda name: key[name])
    assert (found[goes]["decided_by"], found[goes]["reason"], found[goes]["measured"]) == (
        "exact_dedup",
        "exact_duplicate",
        0.0,
    )
    assert (found["small.jpg"]["decided_by"], found["small.jpg"]["reason"]) == ("near_dedup", "near_duplicate")
    assert 0 <= found["small.jpg"]["measured"] <= 4
    assert {found[name]["witness"].bytes for name in (goes, "small.jpg")} == {key[stays]}
    assert [found[name]["outcome"] for name in (stays, "other.jpg")] == ["kept", "kept"]


def test_a_grown_shelf_is_decided_anew_and_the_old_decision_stays(tmp_path: Path, picture: Picture) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.jpg").write_bytes(picture(1))
    (source / "b.jpg").write_bytes(picture(2))
    shelf, recipe = Shelf(str(tmp_path / "s")), dedup()
    ingest(shelf, str(source), Local(1))
    assert run(shelf, recipe, Local(1)) == {"kept": 2, "dropped": 0, "failed": 0}
    decisions = Path(shelf.path("decisions", recipe.id))
    first = {path: path.read_bytes() for path in decisions.rglob("*.parquet")}
    pieces = {path: path.read_bytes() for path in Path(shelf.path("notes")).rglob("*.parquet")}
    (source / "c.jpg").write_bytes(picture(1))
    (source / "d.jpg").write_bytes(picture(3))
    assert ingest(shelf, str(source), Local(1)).new == 2
    assert run(shelf, recipe, Local(1)) == {"kept": 3, "dropped": 1, "failed": 0}
    [lost] = [name for name, row in verdicts(shelf, recipe).items() if row["outcome"] == "dropped"]
    assert lost == max(("a.jpg", "c.jpg"), key=lambda name: keys(shelf)[name]), "the old shard is decided anew, too"
    assert len(list(decisions.iterdir())) == 2
    assert all(path.read_bytes() == data for path, data in (first | pieces).items())


def test_a_step_after_a_corpus_filter_looks_at_those_that_stay(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "in").mkdir()
    for n in range(12):
        (tmp_path / "in" / f"{n:02d}.jpg").write_bytes(picture(n // 3))
    shelf = Shelf(str(tmp_path / "s"))
    recipe = Recipe("late", Annotate(Header()), Keep(ExactDedup()), Annotate(Pixels()), Keep(AtLeast("sharpness", 0.0)))
    ingest(shelf, str(tmp_path / "in"), Local(1), cut=Cut(rows=4))
    assert run(shelf, recipe, Local(1)) == {"kept": 4, "dropped": 8, "failed": 0}
    assert sum(rows_seen(shelf, "header")) == 12 and sum(rows_seen(shelf, "pixels")) == 4


def test_retry_looks_again_at_failed_samples_alone_and_its_word_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: Picture
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "moody.py").write_text(MOODY)
    monkeypatch.syspath_prepend(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for n in range(6):
        (tmp_path / "in" / f"{n}.jpg").write_bytes(picture(n))
    shelf, recipe = Shelf(str(tmp_path / "s")), find_recipe("moody:recipe")
    ingest(shelf, str(tmp_path / "in"), Local(1))
    (tmp_path / "bad").write_text("1.jpg 4.jpg")
    assert run(shelf, recipe, Local(1))["failed"] == 2
    (tmp_path / "bad").write_text("4.jpg 5.jpg")
    assert run(shelf, recipe, Local(1))["failed"] == 2, "without --retry a failed row stays"
    assert last_counts(shelf) == {"kept": 4, "dropped": 0, "failed": 2}
    assert run(shelf, recipe, Local(1), RunOptions(retry=True))["failed"] == 1, "5.jpg is not looked at again"
    assert last_counts(shelf) == {"looked_at.moody": 2, "looked_at.last": 1, "kept": 5, "dropped": 0, "failed": 1}
    assert [name for name, row in verdicts(shelf, recipe).items() if row["outcome"] == "failed"] == ["4.jpg"]
    assert rows_seen(shelf, "moody") == [6, 2]
    (tmp_path / "bad").write_text("")
    assert run(shelf, recipe, Local(1), RunOptions(retry=True))["kept"] == 6
    assert last_counts(shelf)["looked_at.moody"] == 1, "a later round does not try again what this run has tried"


MOODY = """
from typing import ClassVar

from annotators.annotator import Annotator, Subject
from annotators.header import Header
from filters.exact import ExactDedup
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.vocabulary import Name


class Moody(Annotator, frozen=True):
    writes: ClassVar = (Name("mood", "float64", "", "none"),)

    def look(self, subject: Subject) -> Noted:
        with open("bad") as file:
            if subject.sample.source.row in file.read().split():
                raise BadSample("moody")
        return Noted({"mood": 1.0})


class Last(Annotator, frozen=True):
    writes: ClassVar = (Name("last", "float64", "", "none"),)

    def look(self, subject: Subject) -> Noted:
        return Noted({"last": 1.0})


def recipe() -> Recipe:
    return Recipe("moody", Annotate(Header()), Annotate(Moody()), Keep(ExactDedup()), Annotate(Last()))
"""


def test_a_run_record_says_what_failed_and_why(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(picture(1)[:-700])
    (tmp_path / "in" / "b.jpg").write_bytes(b"words")
    (tmp_path / "in" / "c.jpg").write_bytes(picture(2))
    shelf, recipe = Shelf(str(tmp_path / "s")), dedup()
    ingest(shelf, str(tmp_path / "in"), Local(1))
    run(shelf, recipe, Local(1))
    told = [
        json.loads(line)
        for folder in sorted(path for path in Path(shelf.path("runs")).iterdir() if path.is_dir())
        for line in (folder / "failures.jsonl").read_text().splitlines()
    ]
    key = {name: value.hex() for name, value in keys(shelf).items()}
    assert [(one["annotator"], one["reason"], one["key"]) for one in told] == [
        ("ingest", "unknown_format", key["b.jpg"]),
        ("pixels", "undecodable", key["a.jpg"]),
    ]
    assert "b.jpg begins with b'words'" in told[0]["detail"] and "truncated" in told[1]["detail"]


def test_a_shelf_without_pictures_that_live_has_an_empty_decision(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "m.jsonl").write_text('{"images": [], "text": "only words"}\n' * 3)
    shelf = Shelf(str(tmp_path / "s"))
    recipe = Recipe("none", Keep(HasPicture()), Annotate(Header()), Annotate(Pixels()), Keep(ExactDedup()))
    ingest(shelf, str(tmp_path / "in" / "m.jsonl"), Local(1))
    assert run(shelf, recipe, Local(1)) == {"kept": 0, "dropped": 3, "failed": 0}
    assert Counter(row["reason"] for row in verdicts(shelf, recipe).values()) == {"no_picture": 3}
