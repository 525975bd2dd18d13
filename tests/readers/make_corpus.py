"""Make the exports that the readers read: pictures made on the spot, and real photographs where they are."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.verify import verify
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf

FORMS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def write_pictures(folder: Path) -> None:
    """Write 90 pictures in three formats; the first of each format have no caption, the others one or several."""
    folder.mkdir(parents=True)
    rows = []
    for n in range(90):
        extension = list(FORMS)[n % 3]
        random = np.random.default_rng(n)
        out = io.BytesIO()
        coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize((64 + n, 48), Image.Resampling.BICUBIC).save(out, FORMS[extension])
        (folder / f"{n:03d}.{extension}").write_bytes(out.getvalue())
        captions = [] if n < 30 else [f"caption {k} of picture {n} \u00e9\u4e2d" for k in range(1 + n % 3)]
        rows.append({"image": f"{n:03d}.{extension}", "captions": captions, "licence": ["CC-BY-4.0", ""][n % 2]})
    (folder / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def make(folder: Path, source: Path, recipe: str, forms: tuple[str, ...]) -> None:
    """Ingest, curate, export and verify one corpus."""
    shelf = Shelf(str(folder / "shelf"))
    ingest(shelf, str(source), Local(1), cut=Cut(rows=40))
    run(shelf, find_recipe(recipe), Local(1))
    options = ExportOptions(splits={"val": 0.2}, rows=25, energon=True)
    export(shelf, folder.name, str(folder / "export"), Local(2), options)
    verify(str(folder / "export"))
    (folder / "field_map.json").write_text(json.dumps({"image": ",".join(forms), "caption": "txt"}))


def main(folder: Path) -> None:
    """Make every corpus below a folder."""
    write_pictures(folder / "made" / "source")
    make(folder / "made", folder / "made" / "source" / "list.jsonl", "headers-only", tuple(FORMS))
    photographs = Path(os.environ.get("OSTRAKA_DATA", DATA)) / "image_caption" / "coco_mini"
    if photographs.is_dir():
        make(folder / "coco", photographs, "caption-light", ("jpg",))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
