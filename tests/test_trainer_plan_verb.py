"""`ostraka plan`: what it shows of real exports, and one clear line for whatever is wrong with them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from annotators.header import Header
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, BadSample
from schemas.sample import Image, Sample, Source, Text
from trainer.commands.plan import plan
from trainer.data.count_shard import length_of
from trainer.data.look import letter, pictures, ruler
from trainer.documents.codec import Codec
from trainer.documents.document import Document
from trainer.documents.encoding import encoding_of
from trainer.documents.tokens import train_tokens


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> Path:
    """Twelve captioned pictures of some 16 tokens, one with a long caption, one far too long, one without words."""
    root = tmp_path_factory.mktemp("planned")
    (root / "source").mkdir()
    for n in range(12):
        (root / "source" / f"{n:02d}.jpg").write_bytes(picture(n, (120, 90)))
        (root / "source" / f"{n:02d}.txt").write_text(f"picture number {n}")
    (root / "source" / "03.txt").write_text(" ".join(map(str, range(100, 300))))
    (root / "source" / "04.jpg").write_bytes(picture(4, (4050, 20)))
    (root / "source" / "05.txt").write_text(" ")
    shelf = Shelf(str(root / "shelf"))
    ingest(shelf, str(root / "source"), Local(1), max_failed=1.0)
    run(shelf, Recipe("all", Annotate(Header())), Local(1))
    export(shelf, "planned", str(root / "out"), Local(1), ExportOptions(rows=5))
    return root / "out"


@pytest.fixture
def own(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "out"))


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def show(*arguments: str | Path) -> str:
        plan.main([*map(str, arguments)], standalone_mode=False)
        return capsys.readouterr().out

    return show


def test_it_shows_data_kinds_fill_steps_and_a_sequence(own: Path, shown: Callable[..., str], tmp_path: Path) -> None:
    said = shown("--data", own, "--sequence", "128", "--batch", "2", "--ranks", "2", "--left-out", tmp_path / "gone")
    assert re.search(r"^ planned +12 +9 +9 +\d+ +\d+ +[\d.]+ *$", said, re.M)
    tokens, predicted = map(int, re.search(r"^ planned +12 +9 +9 +(\d+) +(\d+)", said, re.M).groups())  # type: ignore[union-attr]
    assert re.search(r"^ caption +\d+ +\d+ +100.0 % +\d+ +\d+ *$", said, re.M)
    assert re.search(r"a step is 2 sequences of 128 tokens, \d\d\.\d\d% of it documents", said)
    assert "a window of 9 samples packs into" in said and "2 ranks wait for one another" in said
    documents = re.findall(r"^ \w   \w{8}   caption +(\d+) +(\d+)   112x84 +picture number \d+ *$", said, re.M)
    assert 1 <= len(documents) <= 9
    whole = re.search(r"sequence 0 of step 0: (\d+) documents, (\d+) of 128 tokens, (\d+) predicted", said)
    assert whole and [*map(int, whole.groups())] == [
        len(documents),
        sum(int(one) for one, _ in documents),
        sum(int(one) for _, one in documents),
    ]
    assert tokens > predicted > 9
    gone = [msgspec.json.decode(line) for line in (tmp_path / "gone").read_bytes().splitlines()]
    assert sorted((one["export"], one["reason"]) for one in gone) == [
        ("planned", "aspect_over_200"),
        ("planned", "empty_text"),
        ("planned", "longer_than_sequence"),
    ]
    for reason in ("aspect_over_200", "empty_text", "longer_than_sequence"):
        assert re.search(rf"^ planned   {reason} +1 *$", said, re.M)
    assert shown("--data", own, "--sequence", "128", "--batch", "2", "--ranks", "2") == said.partition("\n")[2]


def test_weights_mix_exports(own: Path, exported: Path, shown: Callable[..., str]) -> None:
    said = shown("--data", f"{own}=3", "--data", f"{exported}=1", "--sequence", "1024", "--batch", "2")
    rows = re.findall(r"^ planned +12 +10 +(\d) +[\d,]+ +[\d,]+ +([\d.]+) *$", said, re.M)
    assert [weight for weight, _ in rows] == ["3", "1"]
    assert float(rows[1][1]) == pytest.approx(3 * float(rows[0][1]), rel=0.01)


def shard_missing(folder: Path) -> str:
    sorted(folder.glob("train/*/*.tar"))[1].unlink()
    return r"train/jpg/planned-000001.tar is listed and not there; copy it again from where it was exported"


def changed(folder: Path) -> str:
    plan.main(["--data", str(folder), "--batch", "1"], standalone_mode=False)
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes() + b"\n")
    tokenizer = next(folder.with_name("out.lengths").glob("tokenizer-*.json"))
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    return r"the export has changed since its lengths were counted; count them again with --recount"


def tokenizer_of_nothing(folder: Path) -> str:
    (folder / "tokenizer.json").write_text("{}")
    return r"tokenizer.json: is no tokenizer: .*; give a tokenizer.json"


def tokenizer_without_special_tokens(folder: Path) -> str:
    from tokenizers import Tokenizer, models

    (folder / "tokenizer.json").write_text(Tokenizer(models.BPE()).to_str())
    return r"tokenizer.json: lacks <\|endoftext\|>, .*; give a tokenizer of GLM-4.1V or GLM-4.5V"


@pytest.mark.parametrize("spoil", [shard_missing, changed, tokenizer_of_nothing, tokenizer_without_special_tokens])
def test_what_is_wrong_is_one_clear_line(own: Path, shown: Callable[..., str], spoil: Callable[[Path], str]) -> None:
    says = spoil(own)
    given = ["--tokenizer", own / "tokenizer.json"] if (own / "tokenizer.json").exists() else []
    with pytest.raises(BadInput, match=says) as caught:
        shown("--data", own, "--batch", "1", *given)
    assert "\n" not in str(caught.value)


def test_a_changed_export_is_counted_again_on_demand(own: Path, shown: Callable[..., str]) -> None:
    changed(own)
    given = ("--data", own, "--batch", "1", "--tokenizer", own / "tokenizer.json")
    assert "sequence 0 of step 0" in shown(*given, "--recount")
    assert "sequence 0 of step 0" in shown(*given)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--data", "nowhere"], r"nowhere: no manifest.json: this is no export"),
        (["--data", "{}=0"], r"=0: a weight of 0; leave it out, or give a whole number"),
        (["--data", "{}=2", "--data", "{}"], r"some exports have a weight and some have none; give each a weight"),
        (["--data", "{}", "--split", "val"], r"it has no split val; its splits: train"),
        (["--data", "{}", "--sequence", "5"], r"planned: none of its samples can be trained on; leave it out"),
        (["--data", "{}", "--without", "film"], r"no document is film; the kinds are caption, "),
        (["--data", "{}", "--without", "caption"], r"planned: none of its samples can be trained on"),
        (["--data", "{}", "--preset", "huge"], r"there is no preset 'huge'"),
        (["--data", "{}", "--batch", "1", "--look", "1"], r"--look 1: step 0 has sequences 0 to 0"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    own: Path, shown: Callable[..., str], arguments: list[str], says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        shown(*(one.replace("{}", str(own)) for one in arguments))


def sample(width_px: int, height_px: int, text: str) -> Sample:
    parts = Image("0" * 64, 1, "jpg", width_px, height_px), Text(text)
    return Sample("0" * 32, parts, Source("d", "r"))


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (sample(20_001, 10_000, "words"), "too_many_pixels"),
        (sample(28 * 201, 28, "words"), "aspect_over_200"),
        (sample(280, 280, " \n"), "empty_text"),
    ],
)
def test_what_can_be_no_document_has_its_reason(one: Sample, reason: str) -> None:
    encoding = encoding_of(Codec("4.1v", train_tokens(["words and words"], 300)))
    assert length_of(encoding, sample(280, 280, "words"), list).targets > 1
    with pytest.raises(BadSample) as caught:
        length_of(encoding, one, list)
    assert caught.value.reason == reason


def document(tokens: int, *grids: tuple[int, int]) -> Document:
    found: Any = np.array([(1, *grid) for grid in grids]).reshape(-1, 3)
    return Document("", "caption", np.zeros(tokens, np.int32), np.zeros(tokens, bool), found, np.zeros((0, 1176)))


def test_a_sequence_is_drawn_to_scale() -> None:
    assert ruler([document(50), document(30), document(5)], 100) == "a" * 50 + "b" * 30 + "c" * 5 + "." * 15
    assert ruler([document(200), document(100)], 400) == "a" * 50 + "b" * 25 + "." * 25
    assert [letter(number) for number in (0, 25, 26, 52)] == ["a", "z", "A", "a"]


def test_pictures_are_told_as_the_model_sees_them() -> None:
    assert pictures(document(9, (20, 10), (20, 10), (4, 6), (20, 10))) == "2 of 140x280, 84x56, 140x280"
    assert pictures(document(9)) == ""
