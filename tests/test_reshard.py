"""Reshard: a list of keys is applied to an export by copying spans, and the result is an export like any other."""

from __future__ import annotations

import glob
import io
import json
import random
import shutil
import tarfile
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest
import webdataset

from pipelines.cli import main
from pipelines.engines.local import Local
from pipelines.export.reshard import reshard
from pipelines.export.verify import verify
from schemas.errors import BadInput, BadTar


@pytest.fixture(scope="session")
def whole(mixed_export) -> Path:
    return mixed_export(40, rows=6, energon=True)


def rows_of(out: Path) -> list[dict]:
    paths = sorted(glob.glob(f"{out}/*/*/*.parquet"))
    return [{**row, "path": path} for path in paths for row in pq.read_table(path).to_pylist()]


def members_of(out: Path) -> dict[str, dict[str, bytes]]:
    tars = sorted(glob.glob(f"{out}/*/*/*.tar"))
    found = webdataset.WebDataset(tars, shardshuffle=False)
    return {s["__key__"]: {name: data for name, data in s.items() if not name.startswith("__")} for s in found}


def list_of(path: Path, keys) -> str:
    path.write_text("# keep\n" + "\n".join(keys) + "\n")
    return str(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_kept_samples_are_the_same_members_in_the_same_order(whole, tmp_path, share):
    keys = [row["key"] for row in rows_of(whole)]
    kept = {*random.Random(7).sample(keys, int(share * len(keys)))}
    done = reshard(str(whole), list_of(tmp_path / "keep", sorted(kept)), str(tmp_path / "out"))
    before, after = members_of(whole), members_of(tmp_path / "out")
    assert list(after) == [key for key in keys if key in kept]
    assert all(after[key] == before[key] for key in kept)
    assert (done.exported, done.left_out) == (len(kept), {"keep_list": len(keys) - len(kept)})
    assert verify(str(tmp_path / "out")).samples == len(kept)


def test_the_new_offsets_are_where_tarfile_finds_the_members(whole, tmp_path):
    keys = [row["key"] for row in rows_of(whole)][::2]
    reshard(str(whole), list_of(tmp_path / "keep", keys), str(tmp_path / "out"))
    for row in rows_of(tmp_path / "out"):
        with tarfile.open(row["path"].replace(".parquet", ".tar")) as tar:
            found = [tar.getmember(f"{row['key']}.{extension}").offset_data for extension in row["members"]]
        assert found == row["offsets"]


def test_small_remainders_are_put_together_into_full_shards(whole, tmp_path):
    keys = [row["key"] for row in rows_of(whole)][::3]
    reshard(str(whole), list_of(tmp_path / "keep", keys), str(tmp_path / "out"))
    shards: dict[str, list[int]] = {}
    for path in sorted(glob.glob(f"{tmp_path}/out/*/*/*.parquet")):
        shards.setdefault(str(Path(path).parent), []).append(pq.read_metadata(path).num_rows)
    assert all(count == 6 for counts in shards.values() for count in counts[:-1])


def test_one_and_two_workers_write_the_same_bytes(whole, tmp_path, tree_digest):
    keep = list_of(tmp_path / "keep", [row["key"] for row in rows_of(whole)][1::2])
    reshard(str(whole), keep, str(tmp_path / "one"), Local(1))
    reshard(str(whole), keep, str(tmp_path / "two"), Local(2))
    assert tree_digest(tmp_path / "one") == tree_digest(tmp_path / "two")


def test_all_keys_give_the_same_shards_again(whole, tmp_path, tree_digest):
    reshard(str(whole), list_of(tmp_path / "keep", [row["key"] for row in rows_of(whole)]), str(tmp_path / "out"))
    shards = {path: digest for path, digest in tree_digest(whole).items() if path.endswith((".tar", ".parquet"))}
    again = tree_digest(tmp_path / "out")
    assert {path: again.get(path) for path in shards} == shards


def test_a_resharded_export_can_be_resharded_and_counts_all_it_left_out(whole, tmp_path):
    keys = [row["key"] for row in rows_of(whole)]
    reshard(str(whole), list_of(tmp_path / "first", keys[:30]), str(tmp_path / "one"))
    done = reshard(str(tmp_path / "one"), list_of(tmp_path / "second", keys[10:]), str(tmp_path / "two"))
    assert (done.exported, done.kept, done.left_out) == (20, 40, {"keep_list": 20})
    verify(str(tmp_path / "two"))


def test_keys_may_be_written_as_uuids_and_unknown_ones_are_passed_over(whole, tmp_path):
    key = rows_of(whole)[0]["key"]
    uuid = f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}".upper()
    done = reshard(str(whole), list_of(tmp_path / "keep", [uuid, "0" * 32]), str(tmp_path / "out"))
    assert done.exported == 1


def test_a_line_that_is_no_key_is_named(whole, tmp_path):
    with pytest.raises(BadInput, match=r"line 3: 'cat.jpg' is no key"):
        reshard(str(whole), list_of(tmp_path / "keep", ["0" * 32, "cat.jpg"]), str(tmp_path / "out"))


def test_a_list_of_which_nothing_is_in_the_export_is_refused(whole, tmp_path):
    with pytest.raises(BadInput, match="none of these keys"):
        reshard(str(whole), list_of(tmp_path / "keep", ["0" * 32]), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_export_is_not_resharded_into_itself(whole, tmp_path):
    keep = list_of(tmp_path / "keep", [rows_of(whole)[0]["key"]])
    with pytest.raises(BadInput, match="into itself"):
        reshard(str(whole), keep, f"{whole}/")


def test_a_folder_that_holds_another_export_is_refused(whole, tmp_path):
    keys = [row["key"] for row in rows_of(whole)]
    reshard(str(whole), list_of(tmp_path / "keep", keys[:9]), str(tmp_path / "out"))
    other = list_of(tmp_path / "other", keys[:5])
    with pytest.raises(BadInput, match="holds another export"):
        reshard(str(whole), other, str(tmp_path / "out"))
    assert reshard(str(whole), other, str(tmp_path / "out"), replace=True).exported == 5
    verify(str(tmp_path / "out"))


def test_a_sidecar_whose_offsets_are_not_the_tars_stops_it(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "bad")
    path = sorted((tmp_path / "bad").glob("train/jpg/*.tar"))[0]
    data = path.read_bytes()
    path.write_bytes(data[512:] + bytes(512))
    with pytest.raises(BadTar, match=r"does not begin at byte 0.*ostraka verify"):
        reshard(
            str(tmp_path / "bad"),
            list_of(tmp_path / "keep", [row["key"] for row in rows_of(whole)]),
            str(tmp_path / "o"),
        )
    assert not (tmp_path / "o" / "manifest.json").exists()


class Killed(BaseException):
    pass


def test_killed_at_any_write_the_same_command_ends_in_the_same_bytes(whole, tmp_path, tree_digest, monkeypatch):
    keep = list_of(tmp_path / "keep", [row["key"] for row in rows_of(whole) if "/jpg/" in row["path"]][:7])
    reshard(str(whole), keep, str(tmp_path / "undisturbed"))
    wanted, limit, ended = tree_digest(tmp_path / "undisturbed"), 0, False
    while not ended:
        limit, left = limit + 1, [limit + 1]

        def crossing(point: str, path: str, left=left) -> None:
            left[0] -= 1
            if not left[0]:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr("schemas.publish.crossing", crossing)
            try:
                reshard(str(whole), keep, str(tmp_path / "out"))
                ended = True
            except Killed:
                pass
        reshard(str(whole), keep, str(tmp_path / "out"))
        assert tree_digest(tmp_path / "out") == wanted, limit
        shutil.rmtree(tmp_path / "out")
    assert limit > 30


def test_the_manifest_tells_of_the_list(whole, tmp_path):
    key = rows_of(whole)[0]["key"]
    reshard(str(whole), list_of(tmp_path / "keep", [key]), str(tmp_path / "out"))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["options"]["keep_entries"] == 1
    assert "left out because they do not stand on the list of keys" in (tmp_path / "out" / "README.md").read_text()
    assert io.BytesIO((tmp_path / "out" / ".nv-meta" / "index.sqlite").read_bytes()).read(6) == b"SQLite"


def test_an_export_elsewhere_is_resharded(whole, tmp_path, tree_digest):
    keep = list_of(tmp_path / "keep", [row["key"] for row in rows_of(whole)][:9])
    fs, url = fsspec.filesystem("memory"), f"memory://{tmp_path.name}/out"
    fs.put(f"{whole}/", f"{url}/", recursive=True)
    reshard(str(whole), keep, str(tmp_path / "from_here"))
    reshard(url, keep, str(tmp_path / "from_there"), Local(1))
    fs.rm(url, recursive=True)
    assert tree_digest(tmp_path / "from_there") == tree_digest(tmp_path / "from_here")


def test_replace_writes_a_damaged_one_again(whole, tmp_path, tree_digest):
    keep = list_of(tmp_path / "keep", [row["key"] for row in rows_of(whole)][:9])
    words = ["reshard", str(whole), "--keep", keep, "--to", str(tmp_path / "out")]
    main(words)
    before = tree_digest(tmp_path / "out")
    tar = sorted((tmp_path / "out").rglob("*.tar"))[0]
    tar.write_bytes(b"x" * tar.stat().st_size)
    main([*words, "--replace"])
    assert tree_digest(tmp_path / "out") == before
