"""OCR on receipts and street scenes: what recipe scene-text finds, beside bare PaddleOCR with the same models.

python -m bench.ocr [--data FOLDER] [--sheet FILE]

Word recall: of the words of the ground truth (runs of letters and digits, case aside), how many are among the words
found in that picture, each counted once. Character error rate: each line of the ground truth against the line found
that covers it best (intersection over union of the quads at least 0.5, else nothing), case and spaces aside; edits over
characters, by jiwer. Detection recall: lines of the ground truth that some line found covers so. ICDAR's scenes have
polygons without texts. Both sides run the same models on one thread; a recall that is not bare PaddleOCR's comes from
lines that were read again turned by half.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from glob import glob
from typing import Any

import jiwer
import msgspec
import pyarrow.parquet as pq
from PIL import Image
from shapely.geometry import Polygon

from annotators.ocr_models import Models
from bench.machine import machine
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.query.drawn import drawn
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.note import Note

HOME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
COVERS = 0.5


@dataclass(frozen=True)
class Line:
    """A line of text, None where only its place is known, and its corners, none where only its text is."""

    text: str | None
    corners: tuple[tuple[float, float], ...] = ()


Lines = dict[str, list[Line]]


def sroie(folder: str) -> Lines:
    found: Lines = {}
    for path in sorted(glob(os.path.join(folder, "sroie/box/*.csv"))):
        picture = os.path.join(folder, "sroie/img", os.path.basename(path).replace(".csv", ".jpg"))
        with open(path, encoding="utf-8", errors="replace") as file:
            rows = [line.rstrip("\r\n").split(",", 8) for line in file if line.count(",") >= 8]
        found[picture] = [Line(row[8], _corners([float(value) for value in row[:8]])) for row in rows]
    return {picture: lines for picture, lines in found.items() if os.path.exists(picture)}


def icdar(folder: str) -> Lines:
    home = os.path.join(folder, "icdar2015_mmocr")
    with open(os.path.join(home, "textdet_test.json"), encoding="utf-8") as file:
        told = json.load(file)["data_list"]
    found: Lines = {}
    for one in told:
        [path] = glob(os.path.join(home, "imgs", "**", os.path.basename(one["img_path"])), recursive=True) or [""]
        if path:
            shown = [instance for instance in one["instances"] if not instance["ignore"]]
            found[path] = [Line(None, _corners(instance["polygon"])) for instance in shown]
    return found


def wildreceipt(folder: str) -> Lines:
    home = os.path.join(folder, "wildreceipt_mmocr")
    with open(os.path.join(home, "data.txt"), encoding="utf-8") as file:
        told = [json.loads(line) for line in file if line.strip()]
    return {
        os.path.join(home, os.path.basename(one["file_name"])): [
            Line(each["text"], _corners(each["box"])) for each in one["annotations"] if each["text"]
        ]
        for one in told
    }


SETS: dict[str, Callable[[str], Lines]] = {
    "SROIE": sroie,
    "WildReceipt": wildreceipt,
    "ICDAR 2015 scenes": icdar,
}


def _corners(numbers: Sequence[float]) -> tuple[tuple[float, float], ...]:
    return tuple((numbers[at], numbers[at + 1]) for at in range(0, len(numbers), 2))


def ours(pictures: Sequence[str], root: str, home: str) -> tuple[Lines, dict[str, list[Note]]]:
    """Return what the recipe finds, read from the shelf, and the notes themselves."""
    shelf = Shelf(os.path.join(home, "shelf"))
    listing = os.path.join(home, "pictures.jsonl")
    with open(listing, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": path, "image": os.path.relpath(path, root)}) + "\n" for path in pictures)
    ingest(shelf, listing, Local(1), Options(root=root))
    run(shelf, find_recipe("scene-text"), Local(2))
    notes: dict[str, list[Note]] = {}
    for shard in shelf.shards():
        names = shelf.catalog(shard, ["name"])["name"].to_pylist()
        for path in sorted(glob(os.path.join(shelf.root, "notes", "ocr@*", f"{shard}*.parquet"))):
            rows = pq.read_table(path, columns=["row", "places"]).to_pylist()
            notes |= {names[row["row"]]: msgspec.json.decode(row["places"] or "[]", type=list[Note]) for row in rows}
    lines = {
        path: [Line(str(note.value), note.at.corners_px) for note in found if note.name == "scene_text"]
        for path, found in notes.items()
    }
    return lines, notes


def bare(pictures: Sequence[str]) -> Lines:
    found: Lines = {}
    with Models().opened() as models:
        engine = paddle_ocr(models, 960)
        for path in pictures:
            [said] = engine.predict(path)
            pairs = zip(said["rec_texts"], said["rec_polys"], strict=True)
            found[path] = [Line(text, tuple((float(x), float(y)) for x, y in corners)) for text, corners in pairs]
    return found


def paddle_ocr(models: dict[str, str], side_px: int) -> Any:
    """Return PaddleOCR with these models on one thread, without its helpers for scanned documents."""
    os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
    from paddleocr import PaddleOCR

    return PaddleOCR(
        **models,
        text_det_limit_side_len=side_px,
        text_det_limit_type="max",
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
        device="cpu",
        engine="onnxruntime",
        engine_config={"intra_op_num_threads": 1, "inter_op_num_threads": 1},
    )


def words(lines: Sequence[Line]) -> Counter[str]:
    return Counter(word for line in lines for word in re.findall(r"[^\W_]+", (line.text or "").casefold()))


def covering(line: Line, found: Sequence[Line]) -> Line | None:
    place = Polygon(line.corners).buffer(0)
    scored = [
        (place.intersection(other).area / max(1e-9, place.union(other).area), one)
        for one in found
        for other in [Polygon(one.corners).buffer(0)]
    ]
    share, best = max(scored, key=lambda pair: pair[0], default=(0.0, None))
    return best if share >= COVERS else None


def row(name: str, truth: Lines, found: Lines) -> str:
    wanted, there = sum((words(lines) for lines in truth.values()), Counter[str]()), 0
    placed, covered, said, read = 0, 0, list[str](), list[str]()
    for picture, lines in truth.items():
        there += (words(lines) & words(found[picture])).total()
        for line in lines:
            if line.corners:
                best = covering(line, found[picture])
                placed, covered = placed + 1, covered + (best is not None)
                if line.text and (plain := _plain(line.text)):
                    said.append(plain)
                    read.append(_plain(best.text or "") if best else "")
    recall = f"{there / wanted.total():.3f} ({there} of {wanted.total()})" if wanted else ""
    detected = f"{covered / placed:.3f} ({covered} of {placed})" if placed else ""
    errors = f"{jiwer.cer(said, read):.3f}" if said else ""
    return f"| {name} | {len(truth)} | {recall} | {detected} | {errors} |"


def _plain(text: str) -> str:
    return "".join(text.casefold().split())


def sheet(notes: dict[str, list[Note]], pictures: Sequence[str], to: str) -> None:
    """Draw some pictures with what was found, side by side."""
    cells = []
    for path in pictures:
        with open(path, "rb") as file:
            cell = drawn(file.read(), notes[path])
        cell.thumbnail((640, 640))
        cells.append(cell)
    across, side = 3, 656
    page = Image.new("RGB", (across * side, -(-len(cells) // across) * side), "white")
    for at, cell in enumerate(cells):
        page.paste(cell, (at % across * side + 8, at // across * side + 8))
    page.save(to)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ocr")
    at_home = os.path.join(HOME, "..", "shared", "data")
    parser.add_argument("--data", default=os.environ.get("OSTRAKA_DATA", at_home), help="the folder of samples")
    parser.add_argument("--sheet", default="", help="a PNG to write: pictures with what was found drawn on them")
    told = parser.parse_args()
    truths = {name: read(os.path.join(os.path.abspath(told.data), "ocr")) for name, read in SETS.items()}
    pictures = [picture for truth in truths.values() for picture in truth]
    with tempfile.TemporaryDirectory(prefix="ostraka-ocr-bench-") as home:
        found, notes = ours(pictures, os.path.abspath(told.data), home)
    plainly = bare(pictures)
    print(machine(["paddleocr", "onnxruntime", "rapidocr", "jiwer"]))
    print("\n| samples | pictures | word recall | detection recall | character error rate |")
    print("| --- | --: | --: | --: | --: |")
    for name, truth in truths.items():
        print(row(f"{name}, scene-text", truth, found))
        print(row(f"{name}, bare PaddleOCR", truth, plainly))
    if told.sheet:
        scenes = list(truths["ICDAR 2015 scenes"])[:4]
        receipts = [*list(truths["WildReceipt"])[:1], *list(truths["SROIE"])[:4]]
        sheet(notes, [*scenes, *receipts], told.sheet)


if __name__ == "__main__":
    main()
