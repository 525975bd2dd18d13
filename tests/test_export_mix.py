"""A mix: four kinds from four shelves in one export, whole, with weights, the same whatever stopped it."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from pipelines.commands.why import why
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions
from pipelines.export.mix import Part, dry_run_mix, export_mix, part_of
from pipelines.export.reshard import reshard
from pipelines.export.verify import verify
from schemas.errors import BadInput, BadTar
from schemas.kind import estimated_tokens, kind_of
from schemas.sample import Image, Sample, Source, Text, Video

OPTIONS = ExportOptions(splits={"val": 0.25})


@pytest.fixture(scope="module")
def parts(four_kinds) -> tuple[Part, ...]:
    return four_kinds


def weighted(parts, *weights):
    return [msgspec.structs.replace(part, weight=weight) for part, weight in zip(parts, weights, strict=True)]


def sidecars(folder: Path):
    tables = [
        pq.read_table(path, columns=["key", "kind", "estimated_tokens"])
        for path in sorted(folder.glob("*/*/*.parquet"))
    ]
    return [row for table in tables for row in table.to_pylist()]


def test_a_mix_of_four_kinds_is_whole_and_tells_its_weights_and_kinds(parts, tmp_path):
    mixed = weighted(parts, 4, 2, 1, 1)
    foreseen = dry_run_mix(mixed, "mixed", str(tmp_path / "out"), Local(1), OPTIONS)
    assert not (tmp_path / "out").exists()
    done = export_mix(mixed, "mixed", str(tmp_path / "out"), Local(1), OPTIONS)
    assert (done.exported, done.folders, done.shards) == (38, foreseen.folders, foreseen.shards)
    assert verify(str(tmp_path / "out")).samples == 38
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert [(one["name"], one["weight"], one["counts"]["exported"]) for one in manifest["mix"]] == [
        ("captions", 4, 16),
        ("documents", 2, 8),
        ("chat", 1, 8),
        ("texts", 1, 6),
    ]
    rows = sidecars(tmp_path / "out")
    assert Counter(row["kind"] for row in rows) == {"caption": 16, "interleaved": 8, "instruction": 8, "text": 6}
    told = {kind: (of["samples"], of["estimated_tokens"]) for kind, of in manifest["kinds"].items()}
    assert told == {
        kind: (count, sum(row["estimated_tokens"] for row in rows if row["kind"] == kind))
        for kind, count in Counter(row["kind"] for row in rows).items()
    }
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| captions | `headers-only@" in card and "| 4 | 50.0% |" in card and "### documents" in card


def test_a_picture_in_two_parts_lies_on_one_side_of_the_split(parts, tmp_path):
    export_mix(parts, "mixed", str(tmp_path / "out"), Local(1), ExportOptions(splits={"val": 0.5}))
    where: dict[bytes, list[str]] = {}
    for path in (tmp_path / "out").glob("*/*/*.tar"):
        split = path.relative_to(tmp_path / "out").parts[0]
        with tarfile.open(path) as tar:
            for member in tar:
                if member.name.endswith(".jpg"):
                    where.setdefault(tar.extractfile(member).read(), []).append(split)
    assert sorted(map(len, where.values())) == [1] * 26 + [2] * 6
    assert {split for splits in where.values() for split in splits} == {"train", "val"}
    assert all(len({*splits}) == 1 for splits in where.values())


def test_a_mix_that_was_stopped_goes_on_to_the_same_bytes_and_a_finished_one_stands(
    parts, tmp_path, tree_digest, monkeypatch
):
    export_mix(parts, "mixed", str(tmp_path / "whole"), Local(1), OPTIONS)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.export.mix.finish", stopped)
        with pytest.raises(KeyboardInterrupt):
            export_mix(parts, "mixed", str(tmp_path / "out"), Local(1), OPTIONS)
    tar = sorted((tmp_path / "out").glob("train/jpg/captions-*.tar"))[0]
    tar.unlink()
    tar.with_suffix(".parquet").unlink()
    export_mix(parts, "mixed", str(tmp_path / "out"), Local(2), OPTIONS)
    assert tree_digest(tmp_path / "out") == tree_digest(tmp_path / "whole")
    with pytest.raises(BadInput, match="holds another export"):
        export_mix(weighted(parts, 1, 1, 1, 2), "mixed", str(tmp_path / "out"), Local(1), OPTIONS)


def test_a_part_that_lost_samples_or_a_wrong_count_of_kinds_is_told_by_verify(parts, tmp_path):
    export_mix(parts, "mixed", str(tmp_path / "out"), Local(1), OPTIONS)
    path = tmp_path / "out" / "manifest.json"
    whole = json.loads(path.read_bytes())
    for change, says in (
        (lambda told: told["mix"][1]["counts"].update(exported=7, kept=7), "part documents has 8 samples, told are 7"),
        (lambda told: told["mix"][0]["kinds"]["caption"].update(samples=1), "kinds of part captions"),
        (lambda told: told["kinds"].pop("text"), "kinds"),
    ):
        told = json.loads(json.dumps(whole))
        change(told)
        path.write_text(json.dumps(told))
        with pytest.raises(BadTar, match=says):
            verify(str(tmp_path / "out"))


def test_a_list_of_keys_is_applied_to_a_mix_part_by_part(parts, tmp_path):
    export_mix(weighted(parts, 4, 2, 1, 1), "mixed", str(tmp_path / "out"), Local(1), OPTIONS)
    keep = [row["key"] for row in sidecars(tmp_path / "out")][::2]
    (tmp_path / "keep.txt").write_text("\n".join(keep))
    reshard(str(tmp_path / "out"), str(tmp_path / "keep.txt"), str(tmp_path / "small"))
    assert verify(str(tmp_path / "small")).samples == 19
    manifest = json.loads((tmp_path / "small" / "manifest.json").read_bytes())
    assert sum(one["counts"]["exported"] for one in manifest["mix"]) == 19
    assert [one["weight"] for one in manifest["mix"]] == [4, 2, 1, 1]
    assert all(
        sum(of["samples"] for of in one["kinds"].values()) == one["counts"]["exported"] for one in manifest["mix"]
    )


def test_each_shelf_knows_that_its_samples_left_in_the_mix(parts, tmp_path):
    export_mix(parts, "mixed", str(tmp_path / "out"), Local(1), OPTIONS)
    told = CliRunner().invoke(why, ["c3", "--shelf", parts[2].shelf]).output
    assert f"exported to {tmp_path / 'out'}" in told


def test_what_is_no_mix_is_refused(parts, tmp_path):
    def refused(mixed, **options):
        with pytest.raises(BadInput) as caught:
            export_mix(mixed, "mixed", str(tmp_path / "out"), Local(1), ExportOptions(**options))
        assert not (tmp_path / "out").exists()
        return str(caught.value)

    assert "samples stand in several parts" in refused([parts[0], Part("again", parts[0].shelf)])
    assert "two parts are called chat" in refused([parts[2], parts[2]])
    assert "texts has no weight and others have" in refused([*weighted(parts[:3], 1, 2, 3), parts[3]])
    assert "no export's name" in refused([Part("a/b", parts[0].shelf)])


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("a=shelf", Part("a", "shelf")),
        ("a=s3://b/c,weight=3,recipe=x", Part("a", "s3://b/c", "x", 3)),
        ("a=odd,name=1/shelf,weight=2", Part("a", "odd,name=1/shelf", "", 2)),
    ],
)
def test_a_part_is_read_as_it_is_said(said, part):
    assert part_of(said) == part


@pytest.mark.parametrize("said", ["a", "=shelf", "a=", "a=shelf,weight=0", "a=shelf,weight=much"])
def test_what_is_no_part_is_refused(said):
    with pytest.raises(BadInput, match="is no part of a mix"):
        part_of(said)


@pytest.mark.parametrize(
    ("parts", "kind", "tokens"),
    [
        ((Image("", 1, "jpg", 280, 56), Text("four")), "caption", 20 + 1),
        ((Image("", 1, "jpg"), Text("road", "ocr")), "ocr", 1024 + 1),
        (
            (Text("One", "text"), Image("", 1, "jpg", 28, 28), Image("", 1, "jpg", 9999, 9999)),
            "interleaved",
            1 + 1 + 6144,
        ),
        ((Text("é" * 4, "text"),), "text", 2),
        ((Text("Why?", "user"), Text("So.", "assistant")), "instruction", 2),
        ((Text("Why?", "user"), Text("<think>Hm.</think>So.", "assistant")), "cot", 7),
        ((Text("Why?", "user"), Text("<think></think>So.", "assistant")), "instruction", 6),
        ((Text("Why?", "user"), Text("Hm.", "think"), Text("So.", "assistant")), "cot", 3),
        ((Video("", 1, "mp4", 2.0), Text("bus")), "video", 513),
    ],
)
def test_kinds_and_estimates_follow_from_the_parts(parts, kind, tokens):
    sample = Sample("k", parts, Source("d", "r"))
    assert (kind_of(sample), estimated_tokens(sample)) == (kind, tokens)
