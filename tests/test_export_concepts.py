"""What an export tells of balance, against counts taken anew from the texts of the samples."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections import Counter
from hashlib import sha256
from math import log2
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from annotators.concepts import Concepts, spaced
from filters.balance import Balance
from filters.text import CaptionLength
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, dry_run, export
from pipelines.export.mix import Part, export_mix
from pipelines.export.reshard import reshard
from pipelines.export.verify import verify
from pipelines.ingest.ingest import ingest
from pipelines.query.choose import load_recipe
from pipelines.query.whatif import what_if
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, BadTar

VOCABULARY = ["cat", "red cat", "dog", "a | b", "unicorn", "of"]
CAPTIONS = ["a red cat", "the cat of a dog", "a | b", "nothing here", "dog", "of dogs", "Cat", "red, cat"]
PER_ENTRY = 4
"""As many as match "a | b", which so is no head."""


def make(root: Path, picture, steps=lambda words: (Annotate(Concepts(words)), Keep(Balance(PER_ENTRY)))):
    """Forty captioned pictures under a recipe of these steps, the shelf and the recipe."""
    (root / "source").mkdir(parents=True)
    (root / "words.txt").write_text("\n".join(VOCABULARY) + "\n")
    for n in range(40):
        (root / "source" / f"{n:02d}.jpg").write_bytes(picture(n))
        (root / "source" / f"{n:02d}.txt").write_text(CAPTIONS[n % len(CAPTIONS) if n % 3 else 1])
    shelf = Shelf(str(root / "shelf"))
    ingest(shelf, str(root / "source"), Local(1))
    recipe = Recipe("even", *steps(str(root / "words.txt")), Keep(CaptionLength(least=4, most=999)))
    run(shelf, recipe, Local(1))
    return shelf, recipe


@pytest.fixture
def shelf(tmp_path, picture) -> Shelf:
    return make(tmp_path, picture)[0]


@pytest.fixture(scope="session")
def made(tmp_path_factory, picture) -> tuple[Shelf, Path]:
    root = tmp_path_factory.mktemp("concepts")
    shelf, _ = make(root, picture)
    export(shelf, "even", str(root / "out"), Local(1), ExportOptions(splits={"val": 0.3}))
    return shelf, root / "out"


@pytest.fixture
def out(made, tmp_path) -> Path:
    """A copy of the export that a test may change."""
    shutil.copytree(made[1], tmp_path / "out")
    return tmp_path / "out"


def counted(shelf: Shelf) -> tuple[Counter[str], Counter[str]]:
    """The entries in the texts of all samples, and of those that balance let go on."""
    before, after = Counter[str](), Counter[str]()
    for shard in shelf.shards():
        [recipe_id] = shelf.folders("verdicts")
        deciders = pq.read_table(shelf.path("verdicts", recipe_id, f"{shard}.parquet"))["decided_by"].to_pylist()
        for parts, decider in zip(shelf.catalog(shard)["parts"].to_pylist(), deciders, strict=True):
            texts = [f" {spaced(part['text'])} " for part in json.loads(parts) if part["kind"] == "text"]
            found = [entry for entry in VOCABULARY if any(f" {entry} " in text for text in texts)]
            before.update(found)
            after.update(found if decider != "balance" else [])
    return before, after


def entropy_bits(counts: Counter[str]) -> float:
    return -sum(n / counts.total() * log2(n / counts.total()) for n in counts.values() if n)


def told(out: Path) -> dict:
    [concepts] = json.loads((out / "manifest.json").read_text())["concepts"]
    return concepts


def test_the_manifest_tells_what_balance_did(made):
    shelf, out = made
    (before, after), concepts = counted(shelf), told(out)
    assert after.total() < before.total()
    assert concepts["entries"] == len(VOCABULARY)
    assert concepts["matched"] == len(before) == 5
    assert concepts["head"] == sum(n > PER_ENTRY for n in before.values()) > 0
    assert concepts["entropy_before_bits"] == pytest.approx(entropy_bits(before), abs=1e-6)
    assert concepts["entropy_after_bits"] == pytest.approx(entropy_bits(after), abs=1e-6)
    commonest = sorted(before, key=lambda entry: (-before[entry], VOCABULARY.index(entry)))
    assert concepts["commonest"] == [
        {"entry": e, "before": before[e], "after": after[e], "chance": min(1, PER_ENTRY / before[e])} for e in commonest
    ]


def test_the_table_holds_every_entry_that_matches_in_the_vocabularys_order(made):
    shelf, out = made
    before, after = counted(shelf)
    rows = [entry for entry in VOCABULARY if before[entry]]
    assert pq.read_table(out / "concepts.parquet").to_pylist() == [
        {"step": 1, "entry": entry, "before": before[entry], "after": after[entry]} for entry in rows
    ]


def test_the_table_is_listed_with_its_digest_in_the_manifest_and_in_croissant(made):
    _, out = made
    digest = sha256((out / "concepts.parquet").read_bytes()).hexdigest()
    files = {file["path"]: file["sha256"] for file in json.loads((out / "manifest.json").read_text())["files"]}
    described = json.loads((out / "croissant.json").read_text())["distribution"]
    assert files["concepts.parquet"] == digest
    assert {one["@id"]: one.get("sha256") for one in described}["concepts.parquet"] == digest


def test_the_card_shows_the_commonest_entries_and_how_many_samples_stayed(made):
    shelf, out = made
    before, after = counted(shelf)
    card = (out / "README.md").read_text()
    for entry in before:
        shown = entry.replace("|", "\\|")
        p = f"{min(1, PER_ENTRY / before[entry]):.4g}"
        assert f"| {shown} | {before[entry]} | {after[entry]} | {p} |" in card
    stage = json.loads((out / "manifest.json").read_text())["funnel"][2]
    assert stage["name"] == "balance" and 0 < stage["went_on"] < stage["reached"] == 40
    assert f"{stage['went_on']} of 40 samples stayed ({stage['went_on'] / 40:.1%})" in card


def test_an_entry_that_is_no_head_is_drawn_for_certain(tmp_path, picture):
    shelf, _ = make(tmp_path, picture, lambda words: (Annotate(Concepts(words)), Keep(Balance(1000))))
    export(shelf, "even", str(tmp_path / "out"), Local(1), ExportOptions())
    concepts = told(tmp_path / "out")
    assert concepts["head"] == 0 and {one["chance"] for one in concepts["commonest"]} == {1}


def test_two_steps_that_balance_are_told_apart(tmp_path, picture):
    balances = Keep(Balance(PER_ENTRY)), Keep(Balance(2, "again"))
    shelf, _ = make(tmp_path, picture, lambda words: (Annotate(Concepts(words)), *balances))
    export(shelf, "even", str(tmp_path / "out"), Local(1), ExportOptions())
    first, second = json.loads((tmp_path / "out" / "manifest.json").read_text())["concepts"]
    assert (first["step"], first["per_entry"], second["step"], second["per_entry"]) == (1, PER_ENTRY, 2, 2)
    left = {one["entry"]: one["after"] for one in first["commonest"] if one["after"]}
    assert {one["entry"]: one["before"] for one in second["commonest"]} == left
    assert verify(str(tmp_path / "out")).samples


def test_an_export_that_is_resharded_keeps_the_counts_of_its_origin(out, tmp_path):
    keys = [row["key"] for path in sorted(out.glob("*/*/*.parquet")) for row in pq.read_table(path).to_pylist()]
    (tmp_path / "keep").write_text("\n".join(keys[:3]) + "\n")
    reshard(str(out), str(tmp_path / "keep"), str(tmp_path / "few"))
    assert verify(str(tmp_path / "few")).samples == 3
    assert told(tmp_path / "few") == told(out)
    assert (tmp_path / "few" / "concepts.parquet").read_bytes() == (out / "concepts.parquet").read_bytes()
    (out / "concepts.parquet").write_bytes(b"other")
    with pytest.raises(BadTar, match="not what was exported"):
        reshard(str(out), str(tmp_path / "keep"), str(tmp_path / "none"))


def edit(out: Path, change) -> None:
    manifest = json.loads((out / "manifest.json").read_text())
    change(manifest)
    (out / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", ["matched", "head", "per_entry", "entropy_after_bits"])
def test_a_number_that_the_table_does_not_give_is_found(out, name):
    assert verify(str(out)).samples
    edit(out, lambda manifest: manifest["concepts"][0].update({name: manifest["concepts"][0][name] + 1}))
    with pytest.raises(BadTar, match=r"the concepts of step 1 \(balance\) are not what concepts.parquet says"):
        verify(str(out))


def test_counts_that_are_gone_damaged_or_not_listed_are_found(out):
    whole = (out / "concepts.parquet").read_bytes()
    (out / "concepts.parquet").write_bytes(whole[:-1] + b"x")
    with pytest.raises(BadTar, match=r"concepts.parquet: its SHA-256"):
        verify(str(out))
    (out / "concepts.parquet").unlink()
    with pytest.raises(BadTar, match=r"concepts.parquet: is listed and not there"):
        verify(str(out))
    edit(out, lambda manifest: manifest.update(files=[f for f in manifest["files"] if f["path"] != "concepts.parquet"]))
    with pytest.raises(BadTar, match=r"concepts.parquet: is not listed, though concepts are told of"):
        verify(str(out))


@pytest.mark.parametrize("ask", [export, dry_run])
@pytest.mark.parametrize("words", [None, "dog\ncat\n"])
def test_a_vocabulary_that_is_gone_or_another_stops_the_export_before_any_work(
    shelf, tmp_path, ask, words, tree_digest
):
    export(shelf, "even", str(tmp_path / "out"), Local(1), ExportOptions())
    before = tree_digest(tmp_path, ())
    (tmp_path / "words.txt").unlink()
    if words:
        (tmp_path / "words.txt").write_text(words)
    with pytest.raises(BadInput, match=r"put the vocabulary that even ran with back there"):
        ask(shelf, "even", str(tmp_path / "out"), Local(1), ExportOptions(rows=5, replace=True))
    left = {path: digest for path, digest in tree_digest(tmp_path, ()).items() if path != "words.txt"}
    assert left == {path: digest for path, digest in before.items() if path != "words.txt"}


def test_counts_that_are_gone_are_asked_for_and_a_run_counts_again(tmp_path, picture):
    shelf, recipe = make(tmp_path, picture)
    export(shelf, "even", str(tmp_path / "one"), Local(1), ExportOptions())
    shutil.rmtree(shelf.path("decisions", recipe.id, shelf.snapshot(), "counts"))
    with pytest.raises(BadInput, match=r"counts of its concepts are gone; run `ostraka run even`"):
        export(shelf, "even", str(tmp_path / "two"), Local(1), ExportOptions())
    run(shelf, recipe, Local(1))
    export(shelf, "even", str(tmp_path / "two"), Local(1), ExportOptions())
    assert (tmp_path / "two" / "manifest.json").read_bytes() == (tmp_path / "one" / "manifest.json").read_bytes()


def test_a_replaced_export_without_balance_has_no_counts_left(shelf, tmp_path):
    export(shelf, "even", str(tmp_path / "out"), Local(1), ExportOptions())
    assert (tmp_path / "out" / "concepts.parquet").exists()
    run(shelf, Recipe("all", Keep(CaptionLength(least=4, most=999))), Local(1))
    export(shelf, "even", str(tmp_path / "out"), Local(1), ExportOptions(recipe="all", replace=True))
    assert not (tmp_path / "out" / "concepts.parquet").exists()
    assert verify(str(tmp_path / "out")).samples and "## Concepts" not in (tmp_path / "out" / "README.md").read_text()


OWN = """
from typing import ClassVar

from annotators.annotator import Annotator, Subject
from schemas.note import Noted
from schemas.vocabulary.compared import CONCEPTS


class Lengths(Annotator, frozen=True):
    writes: ClassVar = (CONCEPTS,)

    def look(self, subject: Subject) -> Noted:
        return Noted({"concepts": [len(subject.sample.texts[0].text)]})
"""


def test_an_annotator_without_entries_to_tell_leaves_the_card_without_them(tmp_path, picture, monkeypatch):
    (tmp_path / "own_lengths.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    lengths = importlib.import_module("own_lengths").Lengths
    shelf, _ = make(tmp_path, picture, lambda _: (Annotate(lengths()), Keep(Balance(PER_ENTRY))))
    export(shelf, "even", str(tmp_path / "out"), Local(1), ExportOptions())
    monkeypatch.delitem(sys.modules, "own_lengths")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["concepts"] == []
    assert verify(str(tmp_path / "out")).samples


def test_a_mix_tells_of_the_parts_that_balance_and_a_what_if_still_answers(tmp_path, picture, four_kinds):
    shelf, recipe = make(tmp_path, picture)
    parts = [Part("even", shelf.url, weight=1), Part("chat", four_kinds[2].shelf, weight=1)]
    export_mix(parts, "mixed", str(tmp_path / "out"), Local(1), ExportOptions())
    export(shelf, "even", str(tmp_path / "alone"), Local(1), ExportOptions())
    alone = pq.read_table(tmp_path / "alone" / "concepts.parquet").to_pylist()
    rows = pq.read_table(tmp_path / "out" / "concepts.parquet").to_pylist()
    assert rows == [{"part": "even", **row} for row in alone] and rows
    assert told(tmp_path / "out") == {**told(tmp_path / "alone"), "part": "even"}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "## Concepts: `balance` of even" in card and "`concepts.parquet`: the counts of every concept" in card
    assert verify(str(tmp_path / "out")).samples == verify(str(tmp_path / "alone")).samples + 8
    found = what_if(shelf, load_recipe(shelf, recipe.id), "balance.per_entry = 1000")
    stay = [CAPTIONS[n % len(CAPTIONS) if n % 3 else 1] not in ("nothing here", "Cat", "dog") for n in range(40)]
    assert found.kept_now < found.would_be_kept == sum(stay)


def test_a_mix_whose_counts_are_another_parts_is_told_by_verify(tmp_path, picture, four_kinds):
    shelf, _ = make(tmp_path, picture)
    export_mix(
        [Part("a", shelf.url), Part("b", four_kinds[2].shelf)], "m", str(tmp_path / "out"), Local(1), ExportOptions()
    )
    manifest = tmp_path / "out" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"part": "a"', '"part": "b"').replace('"part":"a"', '"part":"b"'))
    with pytest.raises(BadTar, match=r"balance.*of part b"):
        verify(str(tmp_path / "out"))
