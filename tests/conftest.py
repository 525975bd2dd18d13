"""What several tests stand on: the real sample data, pictures made on the spot, and the digest of a tree."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import settings
from PIL import Image

from annotators.header import Header
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.mix import Part
from pipelines.ingest.drawn_clips import Drawing, Drawn, draw
from pipelines.ingest.ingest import ingest
from pipelines.ingest.photographs import photographs_folder
from pipelines.ingest.source import Options
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf

# A shell starts its background jobs deaf to Ctrl-C, and so would be every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real samples: OSTRAKA_DATA, else ../shared/data beside the checkout."""
    folder = Path(os.environ.get("OSTRAKA_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no sample data at {folder}: set OSTRAKA_DATA")
    return folder.resolve()


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Make a picture's bytes: smooth noise of its own for every seed, so that no two are near-duplicates."""

    def make(seed: int, size: tuple[int, int] = (96, 64), kind: str = "JPEG") -> bytes:
        random = np.random.default_rng(seed)
        coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        out = io.BytesIO()
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(out, kind)
        return out.getvalue()

    return make


@pytest.fixture(scope="session")
def drawn() -> Callable[[Drawing], Drawn]:
    """Draw a clip over photographs, each clip once."""
    folder = Path(photographs_folder())
    names = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "gravel.png")
    photos = [np.asarray(Image.open(folder / name).convert("RGB")) for name in names]
    return cache(lambda drawing: draw(drawing, photos))


@pytest.fixture(scope="session")
def little_clip(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> Path:
    """A folder with a small model in open_clip's form that has learnt nothing to speak of."""
    import torch

    from annotators.small_clip import train_small_clip

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("weights") / "little"
    train_small_clip([(picture(seed, (64, 64)), [f"picture {seed}"]) for seed in range(4)], str(folder), 2)
    return folder


@pytest.fixture(scope="session")
def tree_digest() -> Callable[..., dict[str, str]]:
    """Return the SHA-256 of every file below a folder but those below `runs/`, by its path."""

    def digest(folder: Path, leaving: tuple[str, ...] = ("runs/", "shelf.duckdb")) -> dict[str, str]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if not (name := str(path.relative_to(folder))).startswith(leaving)
        }

    return digest


@pytest.fixture(scope="session")
def story() -> Callable[..., dict[str, tuple[str, str, str]]]:
    """Return outcome, deciding step and reason of every row of a shelf under a recipe, by its name."""

    def tell(shelf: Shelf, recipe: str) -> dict[str, tuple[str, str, str]]:
        told: dict[str, tuple[str, str, str]] = {}
        for shard in shelf.shards():
            verdicts = pq.read_table(shelf.path("verdicts", find_recipe(recipe).id, f"{shard}.parquet")).to_pydict()
            columns = zip(verdicts["outcome"], verdicts["decided_by"], verdicts["reason"], strict=True)
            told.update(zip(shelf.catalog(shard)["name"].to_pylist(), columns, strict=True))
        return told

    return tell


@pytest.fixture(scope="session")
def curate(story: Callable[..., dict[str, tuple[str, str, str]]]) -> Callable[..., dict[str, tuple[str, str, str]]]:
    """Ingest whatever share of a source may fail, run a recipe, and return the story of every row."""

    def ingest_and_run(
        shelf: Shelf, source: Path, options: Options = Options(), recipe: str = "headers-only"
    ) -> dict[str, tuple[str, str, str]]:
        ingest(shelf, str(source), Local(1), options, max_failed=1.0)
        run(shelf, find_recipe(recipe), Local(1))
        return story(shelf, recipe)

    return ingest_and_run


@pytest.fixture(scope="session")
def mixed_export(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> Callable[..., Path]:
    """Make an export of `count` captioned pictures, JPEG and PNG by turns, and return its folder."""

    def make(count: int, **options: Any) -> Path:
        root = tmp_path_factory.mktemp("mixed")
        (root / "source").mkdir()
        for n in range(count):
            kind, extension = (("JPEG", "jpg"), ("PNG", "png"))[n % 2]
            (root / "source" / f"{n:02d}.{extension}").write_bytes(picture(n, (64, 48), kind))
            (root / "source" / f"{n:02d}.txt").write_text(f"caption {n}")
        shelf = Shelf(str(root / "shelf"))
        ingest(shelf, str(root / "source"), Local(1), licence="CC-BY-4.0")
        run(shelf, Recipe("all", Annotate(Header())), Local(1))
        export(shelf, "mixed", str(root / "out"), Local(1), ExportOptions(splits={"val": 0.3}, **options))
        return root / "out"

    return make


@pytest.fixture(scope="session")
def four_kinds(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> tuple[Part, ...]:
    """Curate 16 captions, 8 documents, 8 dialogues and 6 texts, a shelf each through its own door.

    Six pictures stand with captions and in dialogues.
    """
    root = tmp_path_factory.mktemp("kinds")
    for name in ("captions", "pages", "texts"):
        (root / name).mkdir()
    for n in range(16):
        (root / "captions" / f"{n:02d}.jpg").write_bytes(picture(n, (112, 84)))
        (root / "captions" / f"{n:02d}.txt").write_text(f"a made picture with the number {n}")
    for n in range(8):
        seeds = (100 + n, 200 + n)
        for seed in seeds:
            (root / "pages" / f"{n}-{seed}.jpg").write_bytes(picture(seed, (112, 84)))
        between = (f"<p>Words of page {n} before a picture.</p><img src={n}-{seed}.jpg>" for seed in seeds)
        (root / "pages" / f"{n}.html").write_text(f"<article>{''.join(between)}<p>The end of it.</p></article>")
    for n in range(6):
        (root / "texts" / f"t{n}.txt").write_text(f"A text of some length, number {n}. " * 5)
    with (root / "chat.jsonl").open("w") as file:
        for n in range(8):
            images, mark = ([f"captions/{n:02d}.jpg"], "<image>") if n < 6 else ([], "")
            turns = ("user", f"{mark}Question {n}?"), ("assistant", f"Answer {n}.")
            messages = [{"role": role, "content": content} for role, content in turns]
            file.write(json.dumps({"id": f"c{n}", "messages": messages, "images": images}) + "\n")
    made = list[Part]()
    for name, source, door in (
        ("captions", "captions", "folder"),
        ("documents", "pages", "pages"),
        ("chat", "chat.jsonl", "dialogues"),
        ("texts", "texts", "texts"),
    ):
        shelf = Shelf(str(root / f"shelf-{name}"))
        ingest(shelf, str(root / source), Local(1), kind=door)
        run(shelf, find_recipe("headers-only" if name == "captions" else "whole"), Local(1))
        made.append(Part(name, shelf.url))
    return tuple(made)
