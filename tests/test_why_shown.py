"""What `why` prints: a person reads it, so that of a long vector its beginning stands there and how long it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from annotators.minhash import MinHash
from pipelines.commands.why import why
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table


def test_a_vector_is_told_by_its_beginning_and_its_length(tmp_path: Path, picture: Callable[[int], bytes]) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.jpg").write_bytes(picture(1))
    (source / "a.txt").write_text("A lighthouse on a rock above the grey sea, and a boat that comes home late")
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(source), Local(1))
    run(shelf, Recipe("runs-of-words", Annotate(MinHash())), Local(1))
    told = CliRunner().invoke(why, ["a.jpg", "--shelf", shelf.url]).output
    noted = shelf.fs.glob(shelf.path("notes", "minhash@*", "*.parquet"))
    [minhash] = read_table(shelf.fs, noted[0], ["minhash"]).column("minhash").to_pylist()
    assert len(minhash) == 112
    begins = ", ".join(map(str, minhash[:6]))
    assert f"minhash [{begins}, ... 112 in all]" in " ".join(told.split())
