"""Documents on their way: one shelf on three engines, pictures that leave while the document stays, an export that is
read back by ostraka, by webdataset and by the trainer."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow

from pipelines.engines.engine import Engine
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.verify import verify
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas import form
from schemas.kind import kind_of
from schemas.sample import Image, Sample, Text
from schemas.shard import samples
from trainer.documents.clip_frames import ClipRule
from trainer.documents.codec import Codec
from trainer.documents.encode import encode
from trainer.documents.picture import PictureRule
from trainer.documents.tokens import train_tokens

Picture = Callable[..., bytes]
LONG = "Of the town's three harbours the oldest lies under the castle, and boats have been built there since then."
PAGES, KEPT = 9, 10


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> Path:
    """Pages with a logo in common, an icon, a picture of their own and one that is broken; one is there twice."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "logo.png").write_bytes(picture(1000, (200, 60), "PNG"))
    icon = io.BytesIO()
    Pillow.new("RGB", (8, 8), "red").save(icon, "GIF")
    (folder / "icon.gif").write_bytes(icon.getvalue())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    for number in range(PAGES):
        (folder / f"{number}.jpg").write_bytes(picture(number, (100 + number, 80)))
        (folder / f"{number}.html").write_text(page(number))
    (folder / "again.html").write_text(page(3))
    (folder / "other.html").write_text(page(6).replace("The end", "Another end"))
    (folder / "rule.png").write_bytes(picture(1001, (6000, 29), "PNG"))
    (folder / "rule.html").write_text(f"<body><p>{LONG}<img src=icon.gif></p><p>{LONG}</p><p>{LONG}<img src=rule.png>")
    (folder / "german.html").write_text(
        page(5).replace(LONG, "Der älteste der drei Häfen liegt unter dem Schloss. " * 3)
    )
    (folder / "frames.html").write_text("<frameset><frame src=1.html></frameset>")
    (folder / "words.html").write_text(f"<body><p>{LONG} {LONG}</p><p>{LONG}<img src=icon.gif></p></body>")
    return folder


def page(number: int) -> str:
    images = ["icon.gif", "logo.png", "broken.jpg", f"{number}.jpg", "http://elsewhere.example/x.jpg"]
    parts = (f"<p>Part {n} of page {number}. {LONG}</p><p>{LONG}<img src={one}></p>" for n, one in enumerate(images))
    return f"<html><body><article>{''.join(parts)}<p>The end of it. {LONG}</p></article></body></html>"


def curate(folder: Path, site: Path, engine: Engine) -> Shelf:
    shelf = Shelf(str(folder))
    ingest(shelf, str(site), engine, kind="pages", licence="CC-BY-4.0", cut=Cut(rows=8), max_failed=1)
    run(shelf, find_recipe("documents"), engine)
    export(shelf, "train", "", engine, ExportOptions(splits={"val": 0.3}))
    return shelf


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Shelf:
    return curate(tmp_path_factory.mktemp("documents") / "shelf", site, Local(1))


@pytest.fixture(scope="module")
def ray_engine() -> Iterator[Engine]:
    pytest.importorskip("ray")
    import ray
    from ray.cluster_utils import Cluster

    from pipelines.engines.on_ray import Ray

    head = {"num_cpus": 2, "object_store_memory": 80 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    yield Ray(2, cluster.address)
    ray.shutdown()
    cluster.shutdown()


def exported(folder: Path) -> list[tuple[Sample, list[bytes]]]:
    return [form.read(members) for tar in sorted(folder.rglob("*.tar")) for _, members in samples(tar)]


def test_every_engine_makes_the_same_documents(
    shelf: Shelf, site: Path, tmp_path: Path, ray_engine: Engine, tree_digest: Callable[..., dict[str, str]]
) -> None:
    pytest.importorskip("apache_beam")
    from pipelines.engines.on_beam import Beam

    wanted = tree_digest(Path(shelf.path("")))
    for name, engine in (("local", Local(2)), ("ray", ray_engine), ("beam", Beam())):
        made = curate(tmp_path / name, site, engine)
        assert tree_digest(Path(made.path(""))) == wanted, name


def test_a_bad_picture_leaves_and_its_document_stays_in_order(
    shelf: Shelf, site: Path, story: Callable[..., dict[str, tuple[str, str, str]]]
) -> None:
    told = story(shelf, "documents")
    copies = {told.pop("again.html"), told.pop("3.html")}
    assert copies == {("kept", "kept", ""), ("dropped", "exact_documents", "exact_duplicate")}
    assert told.pop("frames.html") == ("failed", "ingest", "frames_alone")
    assert told.pop("german.html") == ("dropped", "document_language", "other_language")
    assert told.pop("words.html") == ("dropped", "picture_min_side", "side_too_short")
    assert told.pop("rule.html") == ("dropped", "picture_max_aspect", "aspect_too_extreme")
    assert set(told.values()) == {("kept", "kept", "")} and len(told) == KEPT - 1
    for sample, contents in exported(Path(shelf.path("exports", "train"))):
        number = next(part.text for part in sample.texts if "page" in part.text).split("page ")[1][0]
        assert contents == [(site / "logo.png").read_bytes(), (site / f"{number}.jpg").read_bytes()]
        assert [part.role if isinstance(part, Text) else part.extension for part in sample.parts] == [
            *("paragraph",) * 4,
            "png",
            *("paragraph",) * 4,
            "jpg",
            *("paragraph",) * 3,
        ]
        assert [(part.width_px, part.height_px) for part in sample.parts if isinstance(part, Image)] == [
            (200, 60),
            (100 + int(number), 80),
        ]


def test_documents_of_any_pictures_lie_in_one_form_and_a_common_logo_ties_no_split(shelf: Shelf) -> None:
    folder = Path(shelf.path("exports", "train"))
    manifest = json.loads((folder / "manifest.json").read_text())
    tars = [tar.relative_to(folder).as_posix() for tar in sorted(folder.rglob("*.tar"))]
    assert tars == ["train/documents/train-000000.tar", "val/documents/train-000000.tar"]
    assert manifest["counts"]["exported"] == KEPT
    rows = pq.read_table(folder / "train" / "documents" / "train-000000.parquet").to_pylist()
    assert {tuple(row["members"]) for row in rows} == {("004.png", "009.jpg", "txt", "json")}
    assert verify(str(folder), Local(1)).samples == KEPT


def test_an_export_is_read_back_part_by_part(shelf: Shelf, tmp_path: Path) -> None:
    first = Path(shelf.path("exports", "train", "train"))
    again = Shelf(str(tmp_path / "again"))
    ingest(again, str(first), Local(1), kind="tars")
    run(again, find_recipe("documents"), Local(1))
    export(again, "again", str(tmp_path / "out"), Local(1), ExportOptions())
    before, after = exported(first), exported(tmp_path / "out")
    assert [(sample.parts, contents) for sample, contents in before] == [
        (sample.parts, contents) for sample, contents in after
    ]
    assert {sample.source.licence for sample, _ in after} == {"CC-BY-4.0"}
    assert {sample.key for sample, _ in before}.isdisjoint(sample.key for sample, _ in after)


def test_an_export_whose_bytes_are_not_those_of_its_json_is_not_believed(shelf: Shelf, tmp_path: Path) -> None:
    [tar] = sorted(Path(shelf.path("exports", "train", "val")).rglob("*.tar"))
    data = bytearray(tar.read_bytes())
    at = data.index(b"\xff\xd8\xff", data.index(b".jpg\0"))
    data[at + 500] ^= 1
    (tmp_path / "changed.tar").write_bytes(data)
    made = Shelf(str(tmp_path / "shelf"))
    ingest(made, str(tmp_path / "changed.tar"), Local(1), max_failed=1)
    failed = made.catalog("000000")["failed"].to_pylist()
    assert failed.count("not_as_stated") == 1 and set(failed) <= {"", "not_as_stated"}


def test_webdataset_reads_each_document_whole(shelf: Shelf) -> None:
    import webdataset

    [tar] = sorted(Path(shelf.path("exports", "train", "train")).rglob("*.tar"))
    read = {one["__key__"]: one for one in webdataset.WebDataset(str(tar), shardshuffle=False)}
    for sample, contents in exported(tar.parent):
        one = read[sample.key]
        assert [one["004.png"], one["009.jpg"]] == contents
        assert json.loads(one["json"])["parts"][0]["text"].startswith("Part 0 of page")


def test_the_trainer_takes_them_as_interleaved_documents(shelf: Shelf) -> None:
    tokens = train_tokens([LONG] * 9, 500)
    codec = Codec("4.1v", tokens, PictureRule(most_tokens=60), ClipRule(most_tokens=300))
    documents = [partial(encode, *one, codec)() for one in exported(Path(shelf.path("exports", "train", "train")))]
    assert {document.kind for document in documents} == {"interleaved"}
    assert {len(document.grids_N3) for document in documents} == {2}
    assert all(document.is_target_T.sum() > 100 for document in documents)


def test_one_picture_with_a_caption_is_no_document() -> None:
    from schemas.sample import Source

    picture = Image("0" * 64, 1, "jpg")
    captioned = Sample("", (picture, Text("A bus.")), Source("", ""))
    read = Sample("", (picture, Text("A bus.", "paragraph")), Source("", ""))
    assert (form.form_name(captioned), form.form_name(read)) == ("jpg", "documents")
    assert (kind_of(captioned), kind_of(read)) == ("caption", "interleaved")
    assert form.form_name(Sample("", (Text("A bus.", "paragraph"),), Source("", ""))) == "txt"
