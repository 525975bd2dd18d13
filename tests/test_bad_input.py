"""Bad input: every fault that a source can have gets its one outcome, through the public verbs."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, TooManyFailed

CAPTION = "A small wooden boat rests on the shore of a quiet lake."
Story = dict[str, tuple[str, str, str]]
Curate = Told = Callable[..., Story]
Picture = Callable[..., bytes]


def bomb(side_px: int = 30_000) -> bytes:
    """Make a PNG of one bit a pixel whose zeros are a few kilobytes."""
    packer = zlib.compressobj(9)
    line = b"\0" * (1 + side_px // 8)
    data = b"".join(packer.compress(line * 1000) for _ in range(side_px // 1000)) + packer.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack("!I", len(body)) + kind + body + struct.pack("!I", zlib.crc32(kind + body))

    size = struct.pack("!IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> Path:
    """A folder with a picture for each fault, captioned."""
    root = tmp_path_factory.mktemp("faults")

    def put(name: str, data: bytes, caption: bytes = CAPTION.encode()) -> None:
        (root / name).write_bytes(data)
        (root / name).with_suffix(".txt").write_bytes(caption)

    seed = iter(range(1000))

    def noise(kind: str = "JPEG", mode: str = "RGB", **options: object) -> bytes:
        opened = Image.open(io.BytesIO(picture(next(seed), kind="PNG")))
        return saved(opened.convert(mode), kind, **options)

    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [Image.open(io.BytesIO(picture(next(seed), kind="PNG"))) for _ in range(3)]
    deep = Image.fromarray(np.random.default_rng(5).integers(0, 65536, (64, 64), dtype=np.uint16))
    put("truncated.jpg", noise()[:-700])
    put("bomb.png", bomb())
    put("nothing.jpg", b"")
    put("words.jpg", b"these are words")
    put("cmyk.jpg", noise(mode="CMYK"))
    put("deep.png", saved(deep, "PNG"))
    put("animated.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    put("animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    put("turned.jpg", noise(exif=exif))
    put("UPPER.JPG", noise())
    put("dotted.name.v2.jpg", noise())
    put("latin1.jpg", noise(), "Un café au bord de la mer".encode("latin-1"))
    put("nul.jpg", noise(), b"A boat\0on the lake")
    put("long.jpg", noise(), b"a boat on a lake " * 620_000)
    put("good.jpg", noise())
    (root / ".hidden").mkdir()
    (root / ".hidden" / "real.jpg").write_bytes(noise())
    (root / "link.jpg").symlink_to(".hidden/real.jpg")
    (root / "link.txt").write_text(CAPTION)
    (root / "outside.jpg").symlink_to("/etc/hostname")
    (root / "broken.jpg").symlink_to("nowhere.jpg")
    (root / "linked").symlink_to(".hidden")
    os.mkfifo(root / "pipe.jpg")
    with open(os.fsencode(root) + b"/caf\xe9.jpg", "wb") as file:
        file.write(noise())
    return root


@pytest.fixture(scope="module")
def faults(curate: Curate, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shelf, Story]:
    shelf = Shelf(str(tmp_path_factory.mktemp("shelf")))
    return shelf, curate(shelf, folder, recipe="caption-light")


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("truncated.jpg", ("failed", "pixels", "undecodable")),
        ("bomb.png", ("dropped", "max_pixels", "too_many_pixels")),
        ("nothing.jpg", ("failed", "ingest", "empty_file")),
        ("words.jpg", ("failed", "ingest", "unknown_format")),
        ("cmyk.jpg", ("kept", "kept", "")),
        ("deep.png", ("kept", "kept", "")),
        ("animated.gif", ("dropped", "still", "animated")),
        ("animated.webp", ("dropped", "still", "animated")),
        ("turned.jpg", ("kept", "kept", "")),
        ("UPPER.JPG", ("kept", "kept", "")),
        ("dotted.name.v2.jpg", ("kept", "kept", "")),
        ("latin1.jpg", ("failed", "ingest", "text_not_utf8")),
        ("nul.jpg", ("dropped", "clean_text", "control_characters")),
        ("long.jpg", ("dropped", "caption_length", "caption_too_long")),
        ("good.jpg", ("kept", "kept", "")),
        ("link.jpg", ("kept", "kept", "")),
        ("outside.jpg", ("failed", "ingest", "link_leaves_source")),
        ("broken.jpg", ("failed", "ingest", "file_missing")),
        ("linked", ("failed", "ingest", "linked_folder")),
        ("pipe.jpg", ("failed", "ingest", "no_regular_file")),
        ("caf\\udce9.jpg", ("failed", "ingest", "name_not_utf8")),
    ],
)
def test_a_fault_in_a_folder_has_one_outcome(
    faults: tuple[Shelf, Story], name: str, outcome: tuple[str, str, str]
) -> None:
    assert faults[1][name] == outcome


def test_nothing_else_came_out_of_the_folder_of_faults(faults: tuple[Shelf, Story]) -> None:
    assert len(faults[1]) == 21


def test_a_turned_picture_keeps_its_stored_shape_and_says_how_it_is_turned(faults: tuple[Shelf, Story]) -> None:
    shelf, _ = faults
    names = shelf.catalog("000000")["name"].to_pylist()
    [folder] = [name for name in shelf.folders("notes") if name.startswith("header@")]
    noted = pq.read_table(shelf.path("notes", folder, "000000-0000.parquet")).to_pylist()
    [turned] = [row for row in noted if row["row"] == names.index("turned.jpg")]
    assert (turned["width_px"], turned["height_px"], turned["orientation"]) == (96, 64, 6)


def test_a_long_caption_is_kept_whole_in_the_catalogue(faults: tuple[Shelf, Story]) -> None:
    catalog = faults[0].catalog("000000").to_pydict()
    assert catalog["text_chars"][catalog["name"].index("long.jpg")] == [17 * 620_000]


def test_original_bytes_lie_on_the_shelf(faults: tuple[Shelf, Story], folder: Path) -> None:
    shelf, told = faults
    for row in shelf.catalog("000000").to_pylist():
        if told[row["name"]][1] != "ingest":
            with open(shelf.media_url(row["media"]), "rb") as file:
                file.seek(row["offsets"][0])
                assert file.read(row["size_bytes"]) == (folder / row["name"]).read_bytes()


def test_two_sources_under_one_name_are_refused(tmp_path: Path, picture: Picture) -> None:
    for folder in ("one/photos", "two/photos"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.jpg").write_bytes(picture(1))
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path / "one/photos"), Local(1))
    with pytest.raises(BadInput, match=r"'photos' on this shelf came from .*one/photos.*--dataset"):
        ingest(shelf, str(tmp_path / "two/photos"), Local(1))
    with pytest.raises(BadInput, match="came with other options"):
        ingest(shelf, str(tmp_path / "one/photos"), Local(1), licence="CC0-1.0")
    assert ingest(shelf, str(tmp_path / "two/photos"), Local(1), dataset="other").counts == {"samples": 1}


def test_an_empty_shelf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no samples on this shelf.*ostraka ingest"):
        run(Shelf(str(tmp_path / "s")), find_recipe("headers-only"), Local(1))


def spoilt(root: Path, picture: Picture, count: int = 40) -> Path:
    """Make a folder of which every third picture is cut."""
    root.mkdir()
    for n in range(count):
        data = picture(n)
        (root / f"{n:03d}.jpg").write_bytes(data[:-700] if n % 3 == 0 else data)
        (root / f"{n:03d}.txt").write_text(f"{CAPTION} {n}")
    return root


def test_too_many_failed_at_the_door_stops_and_writes_no_shard(tmp_path: Path, picture: Picture) -> None:
    for n in range(40):
        (tmp_path / f"{n:03d}.jpg").write_bytes(picture(n) if n % 3 else b"words")
    shelf = Shelf(str(tmp_path / "s"))
    for workers in (1, 2, 1):
        with pytest.raises(TooManyFailed, match="14 of 40 rows") as stopped:
            ingest(shelf, str(tmp_path), Local(workers), dataset="d", cut=Cut(rows=40))
        assert "unknown_format" in str(stopped.value) and "--max-failed" in str(stopped.value)
        assert shelf.shards() == [] and shelf.names("media", "") == []
    counts = ingest(shelf, str(tmp_path), Local(1), dataset="d", cut=Cut(rows=40), max_failed=0.5).counts
    assert counts == {"samples": 26, "unknown_format": 14}


def test_too_many_failed_in_a_run_stop_it_every_time_and_write_no_verdict(tmp_path: Path, picture: Picture) -> None:
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(spoilt(tmp_path / "in", picture)), Local(1))
    recipe = find_recipe("caption-light")
    for _ in range(3):
        with pytest.raises(TooManyFailed, match=r"of 40 samples failed in pixels.*undecodable"):
            run(shelf, recipe, Local(1), RunOptions(block=7))
        assert not shelf.fs.exists(shelf.path("verdicts"))
    assert run(shelf, recipe, Local(1), RunOptions(max_failed=0.5, block=7))["failed"] == 14


def test_in_is_kept_and_dropped_and_failed_at_every_step_of_every_shard(tmp_path: Path, folder: Path) -> None:
    shelf, recipe = Shelf(str(tmp_path / "s")), find_recipe("caption-light")
    ingest(shelf, str(folder), Local(1), cut=Cut(rows=7), max_failed=1.0)
    totals = run(shelf, recipe, Local(1))
    assert len(shelf.shards()) == 3 and sum(totals.values()) == 21
    for shard in shelf.shards():
        planned = pq.read_table(shelf.path("plan", f"{shard}.parquet"))["name"].to_pylist()
        assert shelf.catalog(shard)["name"].to_pylist() == planned
        verdicts = pq.read_table(shelf.path("verdicts", recipe.id, f"{shard}.parquet")).to_pylist()
        assert [row["row"] for row in verdicts] == list(range(len(planned)))
        living = {row["row"] for row in verdicts if row["decided_by"] != "ingest"}
        for place in range(len(recipe.steps)):
            if place in recipe.ids:
                pieces = [p for p in shelf.names(f"notes/{recipe.ids[place]}", ".parquet") if p.startswith(shard)]
                seen = [
                    row
                    for piece in pieces
                    for row in pq.read_table(shelf.path("notes", recipe.ids[place], f"{piece}.parquet"))[
                        "row"
                    ].to_pylist()
                ]
                assert sorted(seen) == sorted(living), f"step {place} looked at those that reached it, once each"
            living -= {row["row"] for row in verdicts if row["step"] == place and row["decided_by"] != "ingest"}
        assert living == {row["row"] for row in verdicts if row["outcome"] == "kept"}
