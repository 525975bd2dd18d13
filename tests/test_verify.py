"""Verify: every kind of damage is found and named, also where the manifest's digests were made to agree with it."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.engines.local import Local
from pipelines.export.verify import verify
from pipelines.shelf.table import parquet_bytes, table_of
from schemas.errors import BadInput, BadTar
from schemas.tables import SIDECAR
from schemas.tar import Writer, scan

TAR = "train/jpg/mixed-000000.tar"
TABLE = "train/jpg/mixed-000000.parquet"


@pytest.fixture(scope="session")
def whole(mixed_export) -> Path:
    return mixed_export(12, rows=4)


@pytest.fixture
def out(whole, tmp_path) -> Path:
    """A copy of the export that a test may damage."""
    shutil.copytree(whole, tmp_path / "out")
    return tmp_path / "out"


def agree(out: Path, *paths: str) -> None:
    """Make the manifest list these files as they now are."""
    manifest = json.loads((out / "manifest.json").read_text())
    for file in manifest["files"]:
        if file["path"] in paths:
            data = (out / file["path"]).read_bytes()
            file["size_bytes"], file["sha256"] = len(data), sha256(data).hexdigest()
    (out / "manifest.json").write_text(json.dumps(manifest))


def members(path: Path) -> list[tuple[str, bytes]]:
    data = path.read_bytes()
    return [(m.name, data[m.offset : m.offset + m.size_bytes]) for m in scan(data)]


def write(path: Path, found: list[tuple[str, bytes]]) -> None:
    with path.open("wb") as file:
        tar = Writer(file)
        for name, data in found:
            tar.add(name, data)
        tar.close()


def edit_rows(path: Path, edit) -> None:
    rows = pq.read_table(path).to_pylist()
    edit(rows)
    with path.open("wb") as file:
        parquet_bytes(table_of(SIDECAR, {c.name: [row[c.name] for row in rows] for c in SIDECAR}), SIDECAR, file)


def problems(out: Path) -> str:
    with pytest.raises(BadTar) as caught:
        verify(str(out))
    return str(caught.value)


def test_an_undamaged_export_is_whole_with_one_and_two_workers(out):
    found = verify(str(out))
    assert found.samples == 12 and sum(found.folders.values()) == 12
    assert verify(str(out), Local(2)) == found


def test_what_energon_leaves_is_allowed(out):
    (out / ".nv-meta").mkdir()
    for name in (".nv-meta/index.sqlite", ".nv-meta/.info.json", f"{TAR}.idx"):
        (out / name).write_bytes(b"x")
    verify(str(out))


def test_a_folder_without_a_manifest_is_no_export(out):
    (out / "manifest.json").unlink()
    with pytest.raises(BadInput, match=r"no manifest.json.*ostraka export"):
        verify(str(out))


@pytest.mark.parametrize("text", ["", "{", '{"format": 1}', '{"format": 1, "files": "all"}'])
def test_a_malformed_manifest_is_refused(out, text):
    (out / "manifest.json").write_text(text)
    with pytest.raises(BadInput, match="malformed"):
        verify(str(out))


@pytest.mark.parametrize("path", [TAR, TABLE, "README.md", "croissant.json"])
def test_a_missing_file_is_named(out, path):
    (out / path).unlink()
    assert f"{path}: is listed and not there" in problems(out)


@pytest.mark.parametrize("path", [TAR, TABLE, "README.md", "croissant.json"])
@pytest.mark.parametrize("place", [0, 300, -1])
def test_a_flipped_bit_anywhere_is_found(out, path, place):
    data = bytearray((out / path).read_bytes())
    data[place] ^= 4
    (out / path).write_bytes(data)
    assert f"{path}: its SHA-256 is" in problems(out)


def test_a_file_that_nobody_listed_is_named(out):
    (out / "train" / "jpg" / "mixed-000009.tar").write_bytes(b"x")
    assert "mixed-000009.tar: is there and not listed" in problems(out)


@pytest.mark.parametrize("end", [0, 300, 3000, -2000, -1024, -1])
def test_a_cut_tar_is_found(out, end):
    data = (out / TAR).read_bytes()
    (out / TAR).write_bytes(data[:end])
    agree(out, TAR)
    assert any(what in problems(out) for what in ("the tar is cut", "the tar does not end", "an empty file is no tar"))


def test_other_bytes_of_a_picture_are_found(out):
    found = members(out / TAR)
    found[0] = (found[0][0], found[0][1][:-1] + b"!")
    write(out / TAR, found)
    agree(out, TAR)
    assert "byte 512: sample" in problems(out) and "not those of its digest" in problems(out)


def test_a_key_that_stands_twice_is_found(out):
    found = members(out / TAR)
    write(out / TAR, [*found, *found[:3]])
    agree(out, TAR)
    assert "stands there again, first at 512" in problems(out)


def test_members_that_do_not_lie_side_by_side_are_found(out):
    found = members(out / TAR)
    write(out / TAR, [found[0], *found[3:], *found[1:3]])
    agree(out, TAR)
    assert "stands there again" in problems(out)


def test_another_member_set_is_found(out):
    found = members(out / TAR)
    write(out / TAR, found[:1] + found[2:])
    agree(out, TAR)
    assert "its members are jpg, json, not jpg, txt, json" in problems(out)


def test_another_image_type_is_found(out):
    """A png's sample, whole and consistent, in the folder of the jpgs."""
    png = next(path for path in sorted(out.glob("*/png/*.tar")))
    for suffix in (".tar", ".parquet"):
        shutil.copy(png.with_suffix(suffix), (out / TAR).with_suffix(suffix))
    agree(out, TAR, TABLE)
    assert "its form is png, the folder's jpg" in problems(out)


def test_a_dot_in_a_key_is_found(out):
    found = members(out / TAR)
    found[:3] = [(name.replace(".", ".a.", 1), data) for name, data in found[:3]]
    write(out / TAR, found)
    agree(out, TAR)
    assert "without its json member" in problems(out) and ".a.json" in problems(out)


@pytest.mark.parametrize("name", ["../../etc/passwd.jpg", "/abs.jpg"])
def test_a_member_that_leads_out_is_found(out, name):
    found = members(out / TAR)
    write(out / TAR, [(name, b"x"), *found])
    agree(out, TAR)
    assert "leads out of the archive" in problems(out)


def test_a_link_is_found(out):
    with tarfile.open(out / TAR, "a") as tar:
        info = tarfile.TarInfo("link.jpg")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    agree(out, TAR)
    assert "is no regular file" in problems(out)


def test_a_text_that_is_not_the_first_caption_is_found(out):
    found = members(out / TAR)
    found[1] = (found[1][0], b"another 1")
    write(out / TAR, found)
    agree(out, TAR)
    assert "its txt is not its caption" in problems(out)


@pytest.mark.parametrize("column", [column.name for column in SIDECAR])
def test_any_wrong_value_of_a_sidecar_is_found(out, column):
    def edit(rows: list[dict]) -> None:
        value = rows[1][column]
        rows[1][column] = value + 512 if isinstance(value, int) else value[:-1] if value else "x"

    edit_rows(out / TABLE, edit)
    agree(out, TABLE)
    assert f"{column} are not the tar's" in problems(out)


def test_a_sidecar_with_a_row_less_is_found(out):
    edit_rows(out / TABLE, lambda rows: rows.pop())
    agree(out, TABLE)
    assert "keys, the sidecar" in problems(out)


def test_a_sidecar_of_other_columns_is_found(out):
    pq.write_table(pq.read_table(out / TABLE).drop_columns(["licence"]), out / TABLE)
    agree(out, TABLE)
    assert "its columns are not a sidecar's" in problems(out)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda m: m["counts"].update(kept=13), "kept 13 is not exported 12"),
        (lambda m: m["counts"].update(exported=11), "exported are 11"),
        (lambda m: m["licences"].update({"CC0-1.0": 1}), "its licences count 13"),
        (lambda m: m["licences"].update({"CC-BY-4.0": 11, "CC0-1.0": 1}), "are not the sidecars'"),
        (lambda m: m["funnel"][0].update(dropped={"x": 1}), "is not kept"),
        (lambda m: m["funnel"][1].update(reached=11, went_on=11), "12 left step ingest and 11 came to the next"),
    ],
)
def test_counts_that_do_not_add_up_are_found(out, edit, said):
    manifest = json.loads((out / "manifest.json").read_text())
    edit(manifest)
    (out / "manifest.json").write_text(json.dumps(manifest))
    assert said in problems(out)


def test_a_sample_on_both_sides_of_a_split_is_found(out):
    """A val shard that is a whole and consistent copy of a train shard."""
    other = sorted(out.glob("val/*/*.tar"))[0]
    train = sorted(out.glob(f"train/{other.parent.name}/*.tar"))[0]
    for suffix in (".tar", ".parquet"):
        shutil.copy(train.with_suffix(suffix), other.with_suffix(suffix))
    manifest = json.loads((out / "manifest.json").read_text())
    counts = {file["path"]: file for file in manifest["files"]}
    name = str(other.relative_to(out))
    before, after = counts[name]["samples"], counts[str(train.relative_to(out))]["samples"]
    for path in (name, name.replace(".tar", ".parquet")):
        counts[path]["samples"] = after
    delta = after - before
    manifest["counts"]["exported"] += delta
    manifest["counts"]["kept"] += delta
    for part in ("licences", "datasets"):
        manifest[part] = {key: value + delta for key, value in manifest[part].items()}
    for step in manifest["funnel"]:
        step["reached"] += delta
        step["went_on"] += delta
    (out / "manifest.json").write_text(json.dumps(manifest))
    agree(out, name, name.replace(".tar", ".parquet"))
    said = problems(out)
    assert "is in the splits train, val" in said
    assert f"stands in train/{other.parent.name}/{train.stem}, val/" in said


def test_many_problems_are_counted_and_the_first_are_told(out):
    for path in [*out.glob("*/*/*.tar"), *out.glob("*/*/*.parquet")]:
        path.unlink()
    for n in range(30):
        (out / f"stray-{n:02d}").write_bytes(b"")
    said = problems(out)
    assert said.count("\n  ") == 21 and "more" in said


def test_a_tar_that_is_no_tar_is_one_problem_and_no_crash(out):
    (out / TAR).write_bytes(io.BytesIO(b"hello" * 999).getvalue())
    agree(out, TAR)
    assert TAR in problems(out)
