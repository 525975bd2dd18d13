"""The door out, through its public verb: a corpus of several forms, with copies, licences and captions that go."""

from __future__ import annotations

import glob
import io
import json
import shutil
import tarfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from PIL import Image as Pillow

from annotators.header import Header
from filters.image import MinSide
from filters.text import CaptionLength
from pipelines.cli import main
from pipelines.engines.local import Local
from pipelines.export.choose import Rule
from pipelines.export.cut import Cutter, Planned, Span
from pipelines.export.export import Exported, ExportOptions, dry_run, export
from pipelines.export.groups import ties_of
from pipelines.export.manifest import Manifest, read_manifest
from pipelines.export.opt_outs import OptOuts
from pipelines.export.parts import Parts
from pipelines.export.plan import Request, plan
from pipelines.export.sidecar import sidecar_row
from pipelines.export.verify import verify
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.query.exported import Exported as ExportedTo
from pipelines.query.views import connect
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import parquet_bytes
from schemas.draw import fraction
from schemas.errors import BadInput, Unavailable
from schemas.form import media_extensions, write_exported
from schemas.sample import Image, Sample, Source, Text, from_json
from schemas.tables import CATALOG
from schemas.tar import Writer

FORMS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def write_source(folder: Path, picture, count: int = 60) -> None:
    """Samples in three forms in turn, every 10th a copy of the one before, some textless, some with two pictures."""
    folder.mkdir(parents=True)
    with tarfile.open(folder / "source.tar", "w") as tar:
        for n in range(count):
            kind = list(FORMS)[n % 3]
            seed = n - 3 if n % 10 == 9 else n
            add(tar, f"{n:04d}.{FORMS[kind]}", picture(seed, (64 + seed, 48), kind))
            if n % 20 == 5:
                add(tar, f"{n:04d}.1.png", picture(1000 + n, (40, 40), "PNG"))
            if n % 7:
                add(tar, f"{n:04d}.txt", f"caption number {n} \u00e9\u4e2d".encode())
            told = {"license": ["CC-BY-4.0", "cc-by-nc-2.0", ""][n % 4 % 3], "url": f"http://example.org/{n}"}
            if n % 5 == 0:
                told["captions"] = ["x", f"second caption {n}"]
            add(tar, f"{n:04d}.json", json.dumps({key: value for key, value in told.items() if value}).encode())


def recipe() -> Recipe:
    return Recipe("shapes", Annotate(Header()), Keep(MinSide(px=8)))


@pytest.fixture(scope="session")
def shelf(tmp_path_factory, picture) -> Shelf:
    root = tmp_path_factory.mktemp("export")
    write_source(root / "source", picture)
    shelf = Shelf(str(root / "shelf"))
    ingest(shelf, str(root / "source" / "source.tar"), Local(1), cut=Cut(rows=13))
    run(shelf, recipe(), Local(1))
    return shelf


@pytest.fixture
def own_shelf(shelf, tmp_path) -> Shelf:
    """A copy of the shelf that a test may change."""
    shutil.copytree(shelf.root, tmp_path / "shelf")
    return Shelf(str(tmp_path / "shelf"))


def export_to(shelf: Shelf, to: Path, workers: int = 1, **options) -> Exported:
    return export(shelf, "mixed", str(to), Local(workers), ExportOptions(**{"rows": 8, **options}))


def manifest_of(to: Path) -> Manifest:
    manifest = read_manifest(Shelf(str(to)).fs, str(to))
    assert manifest is not None
    return manifest


def members_of(to: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(glob.glob(f"{to}/*/*/*.tar")):
        with tarfile.open(path) as tar:
            found.update({info.name: tar.extractfile(info).read() for info in tar})
    return found


def rows_of(to: Path) -> list[dict]:
    return [
        {**row, "path": p} for p in sorted(glob.glob(f"{to}/*/*/*.parquet")) for row in pq.read_table(p).to_pylist()
    ]


def samples_of(shelf: Shelf) -> dict[str, dict]:
    rows = [row for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()]
    return {row["key"].hex: row for row in rows}


def test_one_and_two_workers_write_the_same_bytes(shelf, tmp_path, tree_digest):
    options = {"splits": {"val": 0.2}, "energon": True}
    export_to(shelf, tmp_path / "one", 1, **options)
    export_to(shelf, tmp_path / "two", 2, **options)
    assert tree_digest(tmp_path / "one") == tree_digest(tmp_path / "two")


def test_every_kept_sample_leaves_with_its_original_bytes(shelf, tmp_path):
    export_to(shelf, tmp_path / "out")
    members = members_of(tmp_path / "out").items()
    digests = Counter(sha256(data).hexdigest() for name, data in members if not name.endswith(("txt", "json")))
    parts = [part for row in samples_of(shelf).values() for part in json.loads(row["parts"])]
    assert digests == Counter(part["digest"] for part in parts if part["kind"] == "image")


def test_webdataset_reads_the_samples_that_the_sidecars_list(shelf, tmp_path):
    export_to(shelf, tmp_path / "out")
    tars = sorted(glob.glob(f"{tmp_path}/out/*/*/*.tar"))
    read = {s["__key__"]: s for s in webdataset.WebDataset(tars, shardshuffle=False)}
    rows = rows_of(tmp_path / "out")
    assert list(read) == [row["key"] for row in rows]
    for row in rows:
        assert {name for name in read[row["key"]] if not name.startswith("__")} == {*row["members"]}
        assert read[row["key"]]["txt"].decode() == row["caption"]


def test_a_sidecar_says_where_every_member_lies(shelf, tmp_path):
    export_to(shelf, tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert rows
    for row in rows:
        with tarfile.open(row["path"].replace(".parquet", ".tar")) as tar:
            infos = [tar.getmember(f"{row['key']}.{extension}") for extension in row["members"]]
        assert [info.offset_data for info in infos] == row["offsets"]
        assert [info.size for info in infos] == row["sizes"]


def test_a_folder_has_one_member_set_and_one_image_type(shelf, tmp_path):
    done = export_to(shelf, tmp_path / "out")
    forms = {folder.split("/")[1] for folder in done.folders}
    assert forms == {"jpg", "png", "webp", "000.jpg+001.png", "000.png+001.png", "000.webp+001.png"}
    members: dict[str, set] = {}
    for row in rows_of(tmp_path / "out"):
        members.setdefault(row["path"].split("/")[-2], set()).add(tuple(row["members"]))
    for form, sets in members.items():
        assert sets == {(*form.split("+"), "txt", "json")}


@pytest.mark.parametrize(
    ("texts", "caption"),
    [
        ([("label", "7"), ("caption", "a cat"), ("caption", "a dog")], "a cat"),
        ([("label", "7"), ("alt", "a cat")], "a cat"),
        ([("label", "7"), ("label", "8")], "7"),
        ([], ""),
    ],
)
def test_the_txt_is_the_first_caption_and_a_label_only_where_there_is_nothing_else(texts, caption):
    picture = Image(sha256(b"bytes").hexdigest(), 5, "jpg")
    one = Sample("0" * 32, (*(Text(text, role) for role, text in texts), picture), Source("d", "row"))
    file = io.BytesIO()
    members = write_exported(Writer(file), one, [b"bytes"])
    txt = next(member for member in members if member.name == "txt")
    assert file.getvalue()[txt.offset :][: txt.size_bytes].decode() == sidecar_row(one, members)["caption"] == caption


def test_every_json_has_the_same_fields_and_types(shelf, tmp_path):
    export_to(shelf, tmp_path / "out")
    samples = [json.loads(data) for name, data in members_of(tmp_path / "out").items() if name.endswith(".json")]
    shapes = [{key: type(value) for key, value in s["source"].items()} for s in samples]
    assert all(shape == shapes[0] for shape in shapes)
    shapes = [{key: type(value) for key, value in part.items()} for s in samples for part in s["parts"]]
    assert all(shape == shapes[0] for shape in shapes)
    assert {len([p for p in s["parts"] if p["kind"] == "text"]) for s in samples} == {0, 1, 2, 3}


def test_the_json_is_the_sample_with_its_size_from_the_header(shelf, tmp_path):
    export_to(shelf, tmp_path / "out")
    members, catalogue = members_of(tmp_path / "out"), samples_of(shelf)
    for name, data in members.items():
        if name.endswith(".json"):
            sample = from_json(data)
            _, first, extension = media_extensions(sample)[0]
            with Pillow.open(io.BytesIO(members[f"{sample.key}.{extension}"])) as seen:
                assert (first.width_px, first.height_px) == seen.size
            assert sample.source.row == catalogue[sample.key]["name"]


def test_captions_that_a_filter_left_out_are_not_exported(own_shelf, tmp_path):
    run(own_shelf, Recipe("captioned", Annotate(Header()), Keep(CaptionLength(least=5, most=100))), Local(1))
    export_to(own_shelf, tmp_path / "out", recipe="captioned")
    texts = [text for row in rows_of(tmp_path / "out") for text in row["texts"]]
    assert texts and "x" not in texts
    assert any(text.startswith("second caption") for text in texts)
    assert all(row["caption"] == row["texts"][0] for row in rows_of(tmp_path / "out"))
    verify(str(tmp_path / "out"))


def test_copies_of_a_picture_lie_on_one_side_of_a_split(shelf, tmp_path):
    done = export_to(shelf, tmp_path / "out", splits={"val": 0.3, "test": 0.3})
    sides: dict[str, set[str]] = {}
    for row in rows_of(tmp_path / "out"):
        sides.setdefault(row["sha256"], set()).add(row["path"].split("/")[-3])
    assert {len(side) for side in sides.values()} == {1}
    assert {folder.split("/")[0] for folder in done.folders} == {"train", "val", "test"}


def test_a_split_is_drawn_from_the_pictures_digest_alone(shelf, tmp_path):
    export_to(shelf, tmp_path / "out", splits={"val": 0.3, "test": 0.3})
    for row in rows_of(tmp_path / "out"):
        drawn = fraction(row["sha256"], "split")
        assert row["path"].split("/")[-3] == ("val" if drawn < 0.3 else "test" if drawn < 0.6 else "train")


def sample(key: str, parent: str, digests: list[str]) -> Sample:
    return Sample(key, tuple(Image(digest, 1, "jpg") for digest in digests), Source("d", key, parent=parent))


def links_of(samples: list[Sample]) -> list[tuple[bool, str, str]]:
    """Whether it can tie groups by itself, what could be shared, and the group, for each sample and each of those."""
    found = []
    for one in samples:
        digests = [part.digest for _, part in one.media()]
        labels = {one.key, one.source.parent, *digests} - {""}
        tying = bool(one.source.parent) or len(digests) > 1
        found += [(tying, label, one.source.parent or digests[0]) for label in sorted(labels)]
    return found


def table_of(links: list[tuple[bool, str, str]], tying: bool) -> list[pa.Table]:
    rows = [(label, name) for ties, label, name in links if ties == tying]
    return [pa.table({"label": [label for label, _ in rows], "name": [name for _, name in rows]})] if rows else []


def ties_in_plain_python(links: list[tuple[bool, str, str]]) -> dict[str, str]:
    groups = {name: {name} for _, _, name in links}
    for _, label, name in links:
        for _, other_label, other in links:
            if label == other_label and groups[name] is not groups[other]:
                joined = groups[name] | groups[other]
                groups.update(dict.fromkeys(joined, joined))
    return {name: min(group) for name, group in groups.items() if len(group) > 1}


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.lists(st.integers(0, 12), min_size=1, max_size=3)), min_size=1, max_size=14
    )
)
def test_samples_that_share_a_parent_or_a_picture_draw_by_one_name(rows):
    links = links_of(
        [
            sample(f"k{n}", f"k{parent}" if parent < 6 else "", [f"d{digest}" for digest in digests])
            for n, (parent, digests) in enumerate(rows)
        ]
    )
    assert ties_of(table_of(links, True), lambda: table_of(links, False)) == ties_in_plain_python(links)


def test_samples_with_one_picture_and_no_parent_are_not_looked_at_for_ties():
    assert ties_of([], lambda: pytest.fail("asked")) == {}


def test_a_sample_that_shares_nothing_draws_by_its_own_picture():
    links = links_of([sample("k0", "", ["d0", "d3"]), sample("k1", "", ["d1"]), sample("k2", "", ["d0"])])
    assert ties_of(table_of(links, True), lambda: table_of(links, False)) == {}


def with_parents(shelf: Shelf, parents: dict[int, int]) -> list[dict]:
    """Give rows of the shelf, by place, other rows as parents, and return them all."""
    keys = [row["key"].hex for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()]
    place = 0
    for shard in shelf.shards():
        table = shelf.catalog(shard)
        told = [keys[parents[n]] if n in parents else "" for n in range(place, place + len(table))]
        place += len(table)
        column = table.column_names.index("parent")
        with open(shelf.path("catalog", f"{shard}.parquet"), "wb") as file:
            parquet_bytes(table.set_column(column, "parent", pa.array(told, pa.string())), CATALOG, file)
    return [row for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()]


def test_a_parent_and_its_children_and_their_copies_lie_on_one_side(own_shelf, tmp_path):
    parents = dict.fromkeys(range(20, 40, 3), 7) | {7: 1, 50: 2}
    rows = with_parents(own_shelf, parents)
    export_to(own_shelf, tmp_path / "out", splits={"val": 0.3, "test": 0.3})
    samples = [
        sample(row["key"].hex, row["parent"], [p["digest"] for p in json.loads(row["parts"]) if p["kind"] == "image"])
        for row in rows
    ]
    ties = ties_in_plain_python(links_of(samples))
    assert ties
    sides = {row["key"]: row["path"].split("/")[-3] for row in rows_of(tmp_path / "out")}
    for one in samples:
        group = one.source.parent or next(part.digest for _, part in one.media())
        drawn = fraction(ties.get(group, group), "split")
        assert sides[one.key] == ("val" if drawn < 0.3 else "test" if drawn < 0.6 else "train")
    verify(str(tmp_path / "out"))


def test_children_tie_their_group_to_their_parents_own_where_every_sample_has_one_picture(tmp_path, picture):
    (tmp_path / "source").mkdir()
    for n in range(12):
        (tmp_path / "source" / f"{n:02d}.jpg").write_bytes(picture(n))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "source"), Local(1), cut=Cut(rows=5))
    run(shelf, recipe(), Local(1))
    rows = with_parents(shelf, {3: 7, 9: 7})
    keys = [row["key"].hex for row in rows]
    digest = json.loads(rows[7]["parts"])[0]["digest"]
    request = Request("x", recipe().id, shelf.snapshot(), "", {"exclude_entries": 0}, 7, 512)
    planned = plan(shelf, request, Rule(splits=(("val", 0.5),)))
    assert planned.tied == dict.fromkeys((keys[7], digest), min(keys[7], digest))


def test_licences_are_matched_by_pattern_and_what_stays_is_counted(shelf, tmp_path):
    done = export_to(shelf, tmp_path / "out", licences=("CC-BY-NC*",))
    licences = Counter(row["licence"] for row in samples_of(shelf).values())
    assert {row["licence"] for row in rows_of(tmp_path / "out")} == {"cc-by-nc-2.0"}
    assert done.exported == licences["cc-by-nc-2.0"]
    assert done.left_out == {"licence": done.kept - done.exported}
    assert manifest_of(tmp_path / "out").licences == {"cc-by-nc-2.0": done.exported}


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (("",), {""}),
        (("*",), {"", "CC-BY-4.0", "cc-by-nc-2.0"}),
        (("cc-by-4.0", ""), {"", "CC-BY-4.0"}),
    ],
)
def test_a_sample_without_a_licence_matches_only_nothing_and_everything(shelf, tmp_path, patterns, wanted):
    export_to(shelf, tmp_path / "out", licences=patterns)
    assert {row["licence"] for row in rows_of(tmp_path / "out")} == wanted


def test_an_opt_out_by_key_digest_or_address_leaves_and_is_counted(shelf, tmp_path):
    rows = list(samples_of(shelf).values())
    digest = json.loads(rows[2]["parts"])[0]["digest"]
    listed = tmp_path / "opt-outs.txt"
    listed.write_text(
        f"# asked to go\n{rows[0]['key']}\n\n{rows[1]['uri']}\n{digest.upper()}\nhttps://nobody.example\n"
    )
    done = export_to(shelf, tmp_path / "out", exclude=str(listed))
    gone = {row["key"].hex for row in rows if digest in row["parts"]} | {rows[0]["key"].hex, rows[1]["key"].hex}
    assert {row["key"] for row in rows_of(tmp_path / "out")} == {*samples_of(shelf)} - gone
    assert done.left_out == {"exclude": len(gone)}
    assert done.unmatched == 1 and manifest_of(tmp_path / "out").options["exclude_unmatched"] == 1
    assert export_to(shelf, tmp_path / "out", exclude=str(listed)).unmatched == 1, "a finished export tells it again"


def test_opt_outs_that_match_nothing_are_told(shelf, tmp_path, capsys):
    (tmp_path / "list").write_text("https://nobody.example\n" + "0" * 32 + "\n")
    main(["export", "mixed", "--shelf", shelf.url, "--to", str(tmp_path / "out"), "--exclude", str(tmp_path / "list")])
    assert "2 opt-outs matched no sample that was kept" in capsys.readouterr().out


def test_a_child_of_an_opted_out_parent_is_opted_out():
    catalog = pa.table({"key": pa.array([bytes(16)] * 3, pa.uuid()), "parent": ["", "k1", ""], "uri": ["", "", "k2"]})
    parts = Parts.of(pa.array(["[]"] * 3))
    named, entries = OptOuts(frozenset({"k1", "k3"})).naming(catalog, parts)
    assert (named.tolist(), entries) == ([1], {"k1"})
    assert OptOuts().naming(catalog, parts)[0].tolist() == []


def test_a_text_is_opted_out_by_its_digest_also_where_the_recipe_left_it_out(own_shelf, tmp_path):
    run(own_shelf, Recipe("captioned", Annotate(Header()), Keep(CaptionLength(least=5, most=100))), Local(1))
    (tmp_path / "list").write_text(sha256(b"x").hexdigest() + "\n")
    before = export_to(own_shelf, tmp_path / "all", recipe="captioned").exported
    done = export_to(own_shelf, tmp_path / "out", recipe="captioned", exclude=str(tmp_path / "list"))
    having = [row for row in samples_of(own_shelf).values() if '"x"' in row["parts"]]
    assert 0 < done.left_out["exclude"] == before - done.exported <= len(having)


def test_samples_of_which_no_part_is_left_are_counted(own_shelf, tmp_path):
    path = own_shelf.path("verdicts", own_shelf.folders("verdicts")[0], "000000.parquet")
    table = pq.read_table(path)
    gone = table["left_out"].to_pylist()
    gone[3] = list(range(9))
    pq.write_table(table.set_column(table.column_names.index("left_out"), "left_out", [gone]), path)
    assert export_to(own_shelf, tmp_path / "out").left_out == {"nothing_left": 1}


def test_the_same_command_again_writes_nothing(shelf, tmp_path):
    export_to(shelf, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    export_to(shelf, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


class Killed(BaseException):
    pass


def test_killed_at_any_write_the_same_command_ends_in_the_same_bytes(tmp_path, picture, tree_digest, monkeypatch):
    """At every point of every write: what a killed writer leaves is a torn temporary, which nobody may see after."""
    write_source(tmp_path / "source", picture, 2)
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "source" / "source.tar"), Local(1))
    run(shelf, recipe(), Local(1))
    options = {"splits": {"val": 0.3}, "energon": True}
    export_to(shelf, tmp_path / "undisturbed", **options)
    wanted = tree_digest(tmp_path / "undisturbed")
    crossed = 0

    def count_to(limit: int):
        passed = [0]

        def crossing(point: str, path: str) -> None:
            passed[0] += path.startswith(str(tmp_path / "out"))
            if passed[0] == limit and path.startswith(str(tmp_path / "out")):
                if point == "written":
                    torn = Path(path).with_name(".ostraka-tmp-torn")
                    torn.write_bytes(Path(path).read_bytes()[:700])
                raise Killed

        return crossing

    for limit in range(1, 1000):
        with monkeypatch.context() as patch:
            patch.setattr("schemas.publish.crossing", count_to(limit))
            try:
                export_to(shelf, tmp_path / "out", **options)
                break
            except Killed:
                crossed += 1
        export_to(shelf, tmp_path / "out", **options)
        assert tree_digest(tmp_path / "out") == wanted, limit
        shutil.rmtree(tmp_path / "out")
    assert crossed > 25


def test_another_export_in_the_folder_is_refused_and_replaced_on_demand(shelf, tmp_path, tree_digest):
    export_to(shelf, tmp_path / "fresh", rows=5)
    export_to(shelf, tmp_path / "out", rows=20, energon=True)
    with pytest.raises(BadInput, match=r"holds another export.*--replace"):
        export_to(shelf, tmp_path / "out", rows=5)
    verify(str(tmp_path / "out"))
    export_to(shelf, tmp_path / "out", rows=5, replace=True)
    assert tree_digest(tmp_path / "out") == tree_digest(tmp_path / "fresh")


def test_an_unfinished_export_of_other_options_is_refused(shelf, tmp_path, monkeypatch):
    def crossing(point: str, path: str) -> None:
        if path.endswith("000000.parquet") and str(tmp_path) in path:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("schemas.publish.crossing", crossing)
        export_to(shelf, tmp_path / "out", rows=20)
    with pytest.raises(BadInput, match="holds another export"):
        export_to(shelf, tmp_path / "out", rows=5)
    export_to(shelf, tmp_path / "out", rows=5, replace=True)
    verify(str(tmp_path / "out"))


def test_a_folder_with_other_files_is_refused_even_with_replace(shelf, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    for replace in (False, True):
        with pytest.raises(BadInput, match=r"other files \(thesis.tex\)"):
            export_to(shelf, tmp_path / "out", replace=replace)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"


def test_replace_removes_nothing_that_an_export_does_not_write(shelf, tmp_path):
    export_to(shelf, tmp_path / "out", rows=20)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    export_to(shelf, tmp_path / "out", rows=5, replace=True)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_changed_bytes_on_the_shelf_stop_the_export(own_shelf, tmp_path):
    media = Path(own_shelf.path("media", "000001.tar"))
    data = bytearray(media.read_bytes())
    data[600] ^= 1
    media.write_bytes(data)
    with pytest.raises(Unavailable, match="not those that were ingested"):
        export_to(own_shelf, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_several_recipes_are_named_and_one_is_asked_for(own_shelf, tmp_path):
    run(own_shelf, find_recipe("headers-only"), Local(1))
    with pytest.raises(BadInput, match=r"2 recipes.*--recipe headers-only@.* or shapes@"):
        export_to(own_shelf, tmp_path / "out")
    export_to(own_shelf, tmp_path / "out", recipe="shapes")
    assert manifest_of(tmp_path / "out").recipe == recipe().id


def test_a_grown_shelf_is_not_exported_before_it_is_curated(own_shelf, tmp_path, picture):
    write_source(tmp_path / "more", picture)
    ingest(own_shelf, str(tmp_path / "more" / "source.tar"), Local(1), dataset="more")
    with pytest.raises(BadInput, match=r"shard 000005 has no verdicts.*ostraka run shapes"):
        export_to(own_shelf, tmp_path / "out")


def test_a_run_that_was_stopped_is_not_exported(own_shelf, tmp_path):
    for path in glob.glob(own_shelf.path("runs", "*", "record.json")):
        record = json.loads(Path(path).read_text())
        if record["verb"] == "run":
            Path(path).write_text(json.dumps({**record, "status": "running"}))
    with pytest.raises(BadInput, match="is running, not done"):
        export_to(own_shelf, tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"splits": {"val": 1.5}}, "share of 1.5"),
        ({"splits": {"val": 0.5, "test": 0.5}}, "leave nothing for train"),
        ({"splits": {"train": 0.5}}, "no split's name"),
        ({"splits": {"a-b": 0.5}}, "no split's name"),
        ({"rows": 0}, "at least one sample"),
        ({"exclude": "/nowhere/list.txt"}, "opt-out list cannot be read"),
        ({"recipe": "nobody"}, "0 recipes are called 'nobody'"),
    ],
)
def test_options_that_will_not_do_are_refused(shelf, tmp_path, options, said):
    with pytest.raises(BadInput, match=said):
        export_to(shelf, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["", "../up", "a.b", "-x", "a b"])
def test_a_name_that_is_none_is_refused(shelf, tmp_path, name):
    with pytest.raises(BadInput, match="no export's name"):
        export(shelf, name, str(tmp_path / "out"), Local(1), ExportOptions())


def test_an_export_without_an_address_lies_on_the_shelf(own_shelf):
    done = export(own_shelf, "mixed", "", Local(1), ExportOptions())
    assert done.to == own_shelf.path("exports", "mixed")
    assert verify(done.to).samples == 60


def test_nothing_to_export_is_a_whole_export_of_nothing(shelf, tmp_path):
    done = export_to(shelf, tmp_path / "out", licences=("nobody-gives-this",))
    assert (done.exported, done.left_out) == (0, {"licence": 60})
    assert verify(str(tmp_path / "out")).samples == 0


def test_a_shard_ends_after_its_rows_or_its_mebibytes():
    cutter = Cutter(rows=3, mib=1)
    cutter.add("train/jpg/x", "000000", np.arange(6), np.array([10, 10, 10, 10, 1 << 20, 1 << 19]))
    cutter.add("train/jpg/x", "000001", np.arange(6, 9), np.array([1 << 19, 1, 2 << 20]))
    shards = cutter.shards()
    assert [shard.path for shard in shards] == [f"train/jpg/x-{n:06d}" for n in range(6)]
    assert [shard.samples for shard in shards] == [3, 1, 1, 2, 1, 1]
    assert shards[3].spans == (Span("000000", 5, 6), Span("000001", 6, 7))


def cut_one_by_one(pieces: list[list[tuple[int, int]]], rows: int, limit_bytes: int) -> list[list[tuple[int, int]]]:
    """The shards of a folder as lists of (piece, row), each sample put into the open shard or into the next one."""
    shards, held = [], 0
    for piece, samples in enumerate(pieces):
        for row, size_bytes in samples:
            if not shards or len(shards[-1]) >= rows or held + size_bytes > limit_bytes:
                shards.append([])
                held = 0
            shards[-1].append((piece, row))
            held += size_bytes
    return shards


@given(
    st.lists(st.dictionaries(st.integers(0, 30), st.sampled_from([0, 1, 1 << 18, 1 << 19, (1 << 20) + 1])), max_size=6),
    st.integers(1, 9),
)
def test_cutting_whole_columns_is_cutting_one_by_one(pieces, rows):
    samples, cutter = [sorted(piece.items()) for piece in pieces], Cutter(rows, 1)
    for piece, some in enumerate(samples):
        if some:
            cutter.add("f/x", str(piece), np.array([row for row, _ in some]), np.array([size for _, size in some]))
    expected = [
        Planned(
            f"f/x-{n:06d}",
            len(shard),
            tuple(
                Span(
                    str(piece), min(row for at, row in shard if at == piece), 1 + max(r for p, r in shard if p == piece)
                )
                for piece in sorted({piece for piece, _ in shard})
            ),
        )
        for n, shard in enumerate(cut_one_by_one(samples, rows, 1 << 20))
    ]
    assert list(cutter.shards()) == expected


class Backwards(Local, frozen=True):
    """An engine whose first shard is done last."""

    def map(self, work, shards):
        with work.open() as do:
            yield from [(shard, do(shard)) for shard in reversed(shards)]


def test_the_plan_is_the_same_in_whatever_order_shards_are_counted(shelf, monkeypatch):
    monkeypatch.setattr("pipelines.export.plan.FEW_SHARDS", 0)
    request = Request("x", recipe().id, shelf.snapshot(), "", {"exclude_entries": 0}, 7, 512)
    rule = Rule(splits=(("val", 0.3),))
    assert plan(shelf, request, rule, Backwards()) == plan(shelf, request, rule, Local(2)) == plan(shelf, request, rule)


@pytest.mark.parametrize("options", [{}, {"splits": {"val": 0.3}, "licences": ("CC-BY-4*",), "rows": 3}])
def test_a_dry_run_says_what_an_export_writes_and_writes_nothing(own_shelf, tmp_path, tree_digest, options):
    (tmp_path / "list").write_text(next(iter(samples_of(own_shelf))) + "\nhttps://nobody.example\n")
    options = ExportOptions(exclude=str(tmp_path / "list"), **options)
    before = tree_digest(Path(own_shelf.root), ())
    foreseen = dry_run(own_shelf, "mixed", str(tmp_path / "out"), Local(1), options)
    assert tree_digest(Path(own_shelf.root), ()) == before and not (tmp_path / "out").exists()
    done = export(own_shelf, "mixed", str(tmp_path / "out"), Local(1), options)
    assert structs.replace(done, size_bytes=0) == structs.replace(foreseen, size_bytes=0)
    members = members_of(tmp_path / "out").items()
    media = sum(len(data) for name, data in members if not name.endswith(("txt", "json")))
    texts = sum(len(text.encode()) for row in rows_of(tmp_path / "out") for text in row["texts"])
    assert foreseen.size_bytes == media + texts


def test_a_dry_run_is_told_as_one(shelf, tmp_path, capsys):
    words = ["export", "mixed", "--shelf", shelf.url, "--to", str(tmp_path / "out"), "--licence", "cc-by-nc*"]
    main([*words, "--split", "val=0.3", "--dry-run"])
    said = capsys.readouterr().out
    assert "would be written" in said and "val/jpg" in said and "left out: licence" in said
    assert "ostraka verify" not in said and not (tmp_path / "out").exists()


def test_the_manifest_lists_every_file_and_no_clock_or_path(shelf, tmp_path, tree_digest):
    export_to(shelf, tmp_path / "out", energon=True)
    files = {file.path: file.sha256 for file in manifest_of(tmp_path / "out").files}
    there = tree_digest(tmp_path / "out", (".nv-meta/", "manifest.json"))
    assert files == {path: digest for path, digest in there.items() if not path.endswith(".idx")}
    for path in ("manifest.json", "README.md", "croissant.json"):
        assert str(tmp_path) not in (tmp_path / "out" / path).read_text()


def test_real_photographs_leave_and_are_proved_whole(data, tmp_path):
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(data / "image_caption" / "coco_mini"), Local(1), cut=Cut(rows=50))
    kept = run(shelf, find_recipe("caption-light"), Local(1))["kept"]
    done = export(shelf, "coco", str(tmp_path / "out"), Local(1), ExportOptions(splits={"val": 0.1}, rows=50))
    assert done.exported == kept
    assert verify(str(tmp_path / "out")).samples == kept


def test_replace_writes_a_damaged_export_again(shelf, tmp_path, tree_digest):
    out = tmp_path / "out"
    export_to(shelf, out)
    before = tree_digest(out)
    tar = sorted(out.rglob("*.tar"))[0]
    tar.write_bytes(tar.read_bytes()[:-700] + b"x" * 700)
    export_to(shelf, out)
    assert tree_digest(out) != before, "the same command takes a finished export at its word"
    export_to(shelf, out, replace=True)
    assert tree_digest(out) == before


def test_a_folder_that_is_refused_keeps_its_temporaries(shelf, tmp_path):
    (tmp_path / "home" / "sub").mkdir(parents=True)
    theirs = [tmp_path / "home" / "letter.txt", tmp_path / "home" / "sub" / ".ostraka-tmp-draft"]
    for path in theirs:
        path.write_text("mine")
    with pytest.raises(BadInput, match="other files"):
        export_to(shelf, tmp_path / "home")
    assert all(path.exists() for path in theirs)


@pytest.mark.parametrize("line", ["0123456789abcdef", "sha256:12", "some words", "www.example.org/a.jpg"])
def test_an_opt_out_that_cannot_be_understood_is_refused_with_its_line(shelf, tmp_path, line):
    (tmp_path / "out.txt").write_text(f"# asked by mail\n\n{line}\n")
    with pytest.raises(BadInput, match="line 3 is no key"):
        export_to(shelf, tmp_path / "out", exclude=str(tmp_path / "out.txt"))


def test_an_opt_out_may_bear_a_remark_and_a_prefix(shelf, tmp_path):
    [first, second, *_] = [row for shard in shelf.shards() for row in shelf.catalog(shard).to_pylist()]
    digest = json.loads(second["parts"])[0]["digest"]
    (tmp_path / "out.txt").write_text(f"{first['key'].hex}  # asked by mail\nsha256:{digest}\t# a letter\n")
    done = export_to(shelf, tmp_path / "out", exclude=str(tmp_path / "out.txt"))
    assert done.left_out["exclude"] >= 2


def test_a_folder_of_temporaries_with_a_quote_in_its_name_will_do(shelf, tmp_path, monkeypatch):
    (tmp_path / "it's").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "it's"))
    export_to(shelf, tmp_path / "out", splits={"val": 0.3})
    assert verify(str(tmp_path / "out")).samples


def test_an_export_in_a_folder_with_brackets_is_where_its_samples_are(own_shelf, tmp_path):
    export_to(own_shelf, tmp_path / "out[1]")
    key = rows_of(tmp_path / "out[[]1]")[0]["key"]
    with connect(own_shelf) as db:
        assert str(tmp_path / "out[1]") in ExportedTo(db, own_shelf).folders(key)


def test_a_shard_of_which_nothing_is_kept_is_passed_over(tmp_path, picture):
    source = tmp_path / "source"
    source.mkdir()
    for n in range(4):
        (source / f"{n}.jpg").write_bytes(picture(n, (64, 48) if n < 2 else (20, 20)))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(source), Local(1), cut=Cut(rows=2))
    run(shelf, find_recipe("headers-only"), Local(1))
    assert export_to(shelf, tmp_path / "out").exported == 2
