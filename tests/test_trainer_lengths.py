"""Lengths: every sample is counted or left out with a reason, once for an export, and a changed export is refused."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from annotators.header import Header
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, BadSample, Unavailable
from schemas.form import read
from schemas.kind import KINDS
from schemas.sample import Sample, Source
from schemas.shard import samples
from trainer.data.count_shard import length_of
from trainer.data.export_index import open_export
from trainer.data.length_table import NONE
from trainer.data.lengths import LengthsFolder, count_lengths
from trainer.documents.encoding import Contents, Encoding
from trainer.documents.length import Length

sys.path.insert(0, str(Path(__file__).parent))
plain: Any = import_module("plain_encoding")
PLAIN: Encoding = plain.PLAIN


@pytest.fixture(scope="module")
def folder(mixed_export: Callable[..., Path]) -> Path:
    return mixed_export(24, rows=4)


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "out"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> Path:
    """An export with a picture too long and one without a caption beside two good samples."""
    root = tmp_path_factory.mktemp("odd")
    (root / "source").mkdir()
    for name, size, caption in (
        ("a", (64, 48), "a good one"),
        ("b", (2010, 10), "too long a picture"),
        ("d", (40, 50), None),
        ("e", (64, 64), "another good one"),
    ):
        (root / "source" / f"{name}.png").write_bytes(picture(ord(name), size, "PNG"))
        if caption is not None:
            (root / "source" / f"{name}.txt").write_text(caption)
    shelf = Shelf(str(root / "shelf"))
    ingest(shelf, str(root / "source"), Local(1), max_failed=1.0)
    run(shelf, Recipe("all", Annotate(Header())), Local(1))
    export(shelf, "odd", str(root / "out"), Local(1), ExportOptions())
    return root / "out"


def test_a_row_says_where_its_sample_lies_and_what_it_counts(own: Path) -> None:
    lengths, seen = count_lengths(open_export(str(own)), PLAIN), 0
    for row, (key, start, end, kind, *counts) in enumerate(lengths.rows):
        span = Path(lengths.path_of(row)).read_bytes()[start:end]
        [(spanned, members)] = samples(span)
        sample, contents = read({name: bytes(content) for name, content in members.items()})
        document = PLAIN.encode(sample, contents)
        assert key.tobytes().hex() == spanned and KINDS[kind] == document.kind == "caption"
        assert counts == [
            len(document.tokens_T),
            int(document.is_target_T.sum()),
            len(document.patches_PD),
            int((document.grids_N3.prod(axis=1) ** 2).sum()),
        ]
        seen += 1
    assert seen == sum(shard.samples for shard in lengths.export.shards) > 10


@pytest.mark.parametrize("workers", [0, 2])
def test_any_number_of_workers_counts_the_same(
    folder: Path, tmp_path: Path, tree_digest: Callable[..., dict[str, str]], workers: int
) -> None:
    here = count_lengths(open_export(str(folder)), PLAIN, workers, str(tmp_path / "a"))
    there = count_lengths(open_export(str(folder)), PLAIN, 1, str(tmp_path / "b"))
    assert here.digest == there.digest
    assert tree_digest(tmp_path / "a") == tree_digest(tmp_path / "b")


def test_an_export_on_another_file_system_is_counted_beside_it(folder: Path) -> None:
    fsspec.filesystem("memory").put(f"{folder}/", "/lengths/out/", recursive=True)
    lengths = count_lengths(open_export("memory://lengths/out"), PLAIN)
    assert lengths.digest == count_lengths(open_export(str(folder)), PLAIN).digest
    assert fsspec.filesystem("memory").exists(f"{lengths.folder}/about.json")


def test_counting_goes_on_where_it_stopped_and_is_not_done_twice(own: Path) -> None:
    exported, counted = open_export(str(own)), list[str]()

    def seen(what: str, shards: Sequence[str], answers: Any) -> Any:
        for number, answer in enumerate(answers):
            counted.append(str(answer[0]))
            yield answer
            if number == 1 and len(counted) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_lengths(exported, PLAIN, progress=seen)
    first = list(counted)
    count_lengths(exported, PLAIN, progress=seen)
    assert len(first) == 2 and sorted(counted) == sorted(shard.path for shard in exported.shards)
    count_lengths(exported, PLAIN, progress=lambda *_: pytest.fail("counted again"))


def test_an_export_that_has_changed_is_refused_until_it_is_counted_again(own: Path) -> None:
    lengths = count_lengths(open_export(str(own)), PLAIN)
    (own / "manifest.json").write_bytes((own / "manifest.json").read_bytes() + b" ")
    with pytest.raises(BadInput, match=r"the export has changed since its lengths were counted; .* --recount"):
        count_lengths(open_export(str(own)), PLAIN)
    assert count_lengths(open_export(str(own)), PLAIN, recount=True).digest != lengths.digest
    count_lengths(open_export(str(own)), PLAIN)


def test_another_tokenizer_has_lengths_of_its_own(own: Path) -> None:
    exported = open_export(str(own))
    here, there = count_lengths(exported, PLAIN), count_lengths(exported, PLAIN._replace(rule="other"))
    assert here.folder != there.folder and here.digest != there.digest


def test_rows_that_were_tampered_with_make_another_digest_or_are_refused(own: Path) -> None:
    lengths = count_lengths(open_export(str(own)), PLAIN)
    piece = sorted(Path(lengths.folder).glob("*/*.npy"))[0]
    rows = np.load(piece)
    rows["tokens"][0] += 1
    np.save(piece, rows)
    assert count_lengths(open_export(str(own)), PLAIN).digest != lengths.digest
    np.save(piece, rows[1:])
    with pytest.raises(BadInput, match=r"npy: the table of lengths holds \d rows, the shard \d samples; remove it"):
        count_lengths(open_export(str(own)), PLAIN)
    piece.write_bytes(b"\x93NUMPY")
    with pytest.raises(BadInput, match=r"npy: the table of lengths cannot be read"):
        count_lengths(open_export(str(own)), PLAIN)


def test_what_can_be_no_document_is_left_out_with_a_reason(odd: Path) -> None:
    exported = open_export(str(odd))
    lengths = count_lengths(exported, PLAIN)
    assert lengths.left_out == {"aspect_over_200": 1, "no_target_tokens": 1}
    told = {one.key: (one.reason, one.detail) for one in LengthsFolder(exported, PLAIN.rule).left_out()}
    assert {row["key"].tobytes().hex() for row in lengths.rows if row["kind"] == NONE} == set(told)
    assert sorted(told.values()) == [
        ("aspect_over_200", "2010 x 10"),
        ("no_target_tokens", "2 tokens, none to be predicted"),
    ]


def test_an_encoding_that_fails_in_its_own_way_leaves_the_sample_out() -> None:
    def fails(sample: Sample, contents: Contents) -> Length:
        raise ZeroDivisionError("by nothing")

    sample = Sample("0" * 32, (), Source("d", "r"))
    with pytest.raises(BadSample, match=r"zero_division_error: by nothing"):
        length_of(PLAIN._replace(length=fails), sample, list)
    with pytest.raises(Unavailable, match="gone"):
        length_of(PLAIN._replace(length=gone), sample, list)


def gone(sample: Sample, contents: Contents) -> Length:
    raise Unavailable("gone")


def test_a_length_may_look_at_the_bytes(own: Path) -> None:
    def by_bytes(sample: Sample, contents: Contents) -> Length:
        [content] = contents()
        return Length("ocr", len(content), 1, 0, 0)

    lengths = count_lengths(open_export(str(own)), PLAIN._replace(rule="bytes", length=by_bytes))
    sizes = [
        len(next(content for name, content in members.items() if name in ("jpg", "png")))
        for shard in lengths.export.shards
        for _, members in samples(own / f"{shard.path}.tar")
    ]
    assert lengths.rows["tokens"].tolist() == sizes


def test_a_tar_that_is_not_what_its_sidecar_tells_stops_the_count(own: Path) -> None:
    exported = open_export(str(own))
    tar = own / f"{exported.shards[0].path}.tar"
    data = tar.read_bytes()
    spoilt = data.replace(b'{"key":"', b'{"kez":"', 1)
    tar.write_bytes(spoilt)
    with pytest.raises(Unavailable, match=r"the json of sample \w{32} cannot be read .*; the export was changed"):
        count_lengths(exported, PLAIN)
    at = data.index(b'{"key":"') + 8
    tar.write_bytes(data[:at] + bytes(reversed(data[at : at + 32])) + data[at + 32 :])
    with pytest.raises(
        Unavailable, match=r"where sample \w{32} should lie, sample \w{32} does; the export was changed"
    ):
        count_lengths(exported, PLAIN)
