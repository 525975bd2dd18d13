"""A shelf where every sample ended before the first annotator looked: what reads notes finds none, and says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.query.sql import run_query
from pipelines.recipes.built_in import find_recipe
from pipelines.shelf.in_duckdb import connected, notes_of
from pipelines.shelf.notes import piece_path
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import KINDS, put_table
from schemas.tables import SEEN, Column

PICTURES = 3
WRITER = find_recipe("caption-light").ids[find_recipe("caption-light").writer["width_px"]]


@pytest.fixture(params=["no folder of notes", "a folder that a killed run left"])
def shelf(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    picture: Callable[..., bytes],
    capsys: pytest.CaptureFixture[str],
) -> Shelf:
    """Pictures without captions, all of them dropped for that."""
    (tmp_path / "plain").mkdir()
    for n in range(PICTURES):
        (tmp_path / "plain" / f"{n}.jpg").write_bytes(picture(n))
    made = Shelf(str(tmp_path / "shelf"))
    main(["ingest", str(tmp_path / "plain"), "--shelf", made.url])
    main(["run", "caption-light", "--shelf", made.url])
    assert not Path(made.path("notes")).exists()
    if request.param != "no folder of notes":
        Path(made.path("notes", WRITER)).mkdir(parents=True)
    capsys.readouterr()
    return made


def test_the_page_is_there_without_histograms(shelf: Shelf, tmp_path: Path) -> None:
    main(["browse", "--shelf", shelf.url, "--to", str(tmp_path / "page.html")])
    told = json.loads((tmp_path / "page.html").read_text().split('id="data">')[1].split("</script>")[0])
    assert told["totals"] == {"in": PICTURES, "kept": 0, "dropped": PICTURES, "failed": 0}
    assert not {*find_recipe("caption-light").writer} & {chart["name"] for chart in told["charts"]}
    assert len(told["cards"]) == PICTURES
    assert [share["name"] for share in told["shares"]] == ["dataset", "licence"]


@pytest.mark.parametrize("how", ["--quick", "--notes-alone"])
def test_what_if_from_tables_counts_nobody(shelf: Shelf, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["what-if", "width_px >= 300", how, "--shelf", shelf.url])
    said = capsys.readouterr().out
    assert re.search(rf"seen by {WRITER} +0\b", said) and re.search(r"would pass +0 +-", said)
    if how == "--quick":
        assert f"kept would be 0 (0.0 %) of {PICTURES}" in said


def test_every_view_is_there_and_empty(shelf: Shelf) -> None:
    _, names = run_query(shelf, "SELECT view_name FROM duckdb_views() WHERE NOT internal")
    of_notes = [name for (name,) in names if name == "spans" or name.startswith("notes")]
    assert {"notes", "spans"} <= {*of_notes}
    assert [run_query(shelf, f"SELECT count(*) FROM {name}")[1] for name in of_notes] == [[(0,)]] * len(of_notes)


def test_a_report_on_grades_says_that_nothing_was_graded(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "cot", "--shelf", shelf.url, "--max-failed", "1"])
    graded = next(name for name in find_recipe("cot").ids.values() if name.startswith("graded@"))
    with pytest.raises(SystemExit):
        main(["difficulty", "--shelf", shelf.url])
    assert f"no sample came as far as {graded}" in capsys.readouterr().err


def test_no_notes_have_the_columns_that_notes_have(tmp_path: Path) -> None:
    """An annotator without a piece is read as one whose piece has no rows, in every kind of column."""
    shelf = Shelf(str(tmp_path))
    kinds = [*KINDS, *(f"list<{kind}>" for kind in KINDS if kind != "uuid")]
    values = tuple(Column(f"of {kind}", kind) for kind in kinds)
    columns = (*SEEN, *values)
    put_table(shelf.fs, piece_path(shelf, "some@1", "000000", 0), columns, {column.name: [] for column in columns})
    with connected(shelf) as db:
        written, none = (
            [row[:2] for row in db.execute(f"DESCRIBE FROM {notes_of(shelf, one, *values)}").fetchall()]
            for one in ("some@1", "none@1")
        )
        assert none == written
        assert db.execute(f"SELECT count(*) FROM {notes_of(shelf, 'none@1', *values)}").fetchall() == [(0,)]
