"""A recipe of one's own: an annotator and a filter of fifteen lines each, from a module outside the rooms."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parent.parent

MINE = """
from collections.abc import Mapping
from io import BytesIO
from typing import Any, ClassVar

from PIL import Image, ImageStat

from annotators.annotator import Annotator, Subject
from filters.filter import Filter
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.verdict import Verdict
from schemas.vocabulary import Name


class Brightness(Annotator, frozen=True):
    writes: ClassVar = (Name("brightness", "float64", "", "mean luma", 0, 1),)

    def look(self, subject: Subject) -> Noted:
        if subject.sample.source.row == "7.jpg":
            raise BadSample("unlucky")
        with Image.open(BytesIO(subject.content())) as picture:
            return Noted({"brightness": ImageStat.Stat(picture.convert("L")).mean[0] / 255})


class Bright(Filter, frozen=True):
    low: float = 0.5
    reads: ClassVar = ("brightness",)
    reasons: ClassVar = ("too_dark",)

    def judge(self, notes: Mapping[str, Any]) -> Verdict:
        return Verdict(notes["brightness"] > self.low, "too_dark", notes["brightness"])


def bright() -> Recipe:
    return Recipe("bright", Annotate(Brightness()), Keep(Bright(low=0.5)))
"""

RUN = """
import sys
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.engines.local import Local
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf

if __name__ == "__main__":
    ingest(Shelf(sys.argv[1]), sys.argv[2], Local(1), cut=Cut(rows=4))
    print(run(Shelf(sys.argv[1]), find_recipe("mine.recipes:bright"), Local(int(sys.argv[3]))))
"""


def job(folder: Path, shelf: Path, workers: int) -> str:
    done = subprocess.run(
        [sys.executable, str(folder / "job.py"), str(shelf), str(folder / "pictures"), str(workers)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    for made in ("mine", "pictures"):
        (tmp_path / made).mkdir()
    (tmp_path / "mine" / "recipes.py").write_text(MINE)
    (tmp_path / "job.py").write_text(RUN)
    for n in range(10):
        (tmp_path / "pictures" / f"{n}.jpg").write_bytes(picture(n))
    return tmp_path


def test_a_recipe_of_ones_own_runs_the_same_with_one_worker_and_with_two(
    folder: Path, tree_digest: Callable[..., dict[str, str]]
) -> None:
    said = {workers: job(folder, folder / f"s{workers}", workers) for workers in (1, 2)}
    assert said[1] == said[2] and "'failed': 1" in said[1]
    assert tree_digest(folder / "s1") == tree_digest(folder / "s2")
    verdicts = [row for path in folder.glob("s1/verdicts/*/*") for row in pq.read_table(path).to_pylist()]
    dark = [row for row in verdicts if row["outcome"] == "dropped"]
    assert dark and all(row["reason"] == "too_dark" and 0 < row["measured"] <= 0.5 for row in dark)
    assert [row["reason"] for row in verdicts if row["outcome"] == "failed"] == ["unlucky"]


def test_a_change_of_ones_own_annotator_is_looked_at_anew(folder: Path) -> None:
    job(folder, folder / "s", 1)
    (folder / "mine" / "recipes.py").write_text(MINE.replace("/ 255", "/ 510"))
    assert job(folder, folder / "s", 1) == "{'kept': 0, 'dropped': 9, 'failed': 1}"
    assert len(list((folder / "s" / "notes").iterdir())) == 2
