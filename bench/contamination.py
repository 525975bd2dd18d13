"""What the contamination check catches and what it loses, on the given benchmarks, texts and pictures.

python -m bench.contamination            prints all tables, some minutes
python -m bench.contamination texts      one of texts, clean, pictures, speed
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import string
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from glob import glob
from typing import Any

import numpy as np
from PIL import Image

from annotators.benchmark_texts import BenchmarkTexts
from annotators.picturehashes import HASHED_SIDE_PX
from annotators.pictureoverlap import small_copy
from annotators.pixels import perceptual_hash
from annotators.small_rgb import small_rgb
from annotators.textoverlap import overlap
from bench.photographs import DATA
from filters.columns import Columns, one_row
from filters.contamination import NoBenchmarkText
from pipelines.benchmark.fields import Fields
from pipelines.benchmark.items import Reading
from schemas.benchmark import Benchmark, Head
from schemas.errors import BadSample
from schemas.sample import Text

EVAL = ("gsm8k_test.jsonl", "math500_test.jsonl", "mathvista_testmini.json", "sat_math_test.jsonl", "svamp_test.jsonl")
RADII, LEVELS = (4, 6, 8, 10, 12, 14, 16), (10, 15, 20, 25, 30)
PICTURES = {
    "charts": "instruct/chartqa_split/*/png/*.png",
    "geometry": "instruct/geometry3k/*/*.png",
    "tables": "instruct/tabmwp/tables/*.png",
    "photographs": "image_caption/coco_mini/**/*.jpg",
    "book figures": "interleaved/openstax_*/media/*.jpg",
    "screens": "grounding_gui/rico/**/*.jpg",
}
LEAST_SIDE_PX = 128
Change = Callable[[str], str]


@cache
def benchmarks() -> tuple[Benchmark, ...]:
    """Return the given evaluation sets and the chart and geometry questions."""
    paths = [f"{DATA}/eval_sets/{name}" for name in EVAL]
    paths += [f"{DATA}/instruct/chartqa_split", f"{DATA}/instruct/geometry3k"]
    found = []
    for path in paths:
        items = tuple(Reading(path, Fields()).items())
        found.append(Benchmark(Head(os.path.basename(path).rsplit(".", 1)[0], len(items)), items))
    return tuple(found)


def changes() -> dict[str, Change]:
    """Return ways to change a text in case and punctuation alone, the same every time."""
    marks = re.compile(rf"[{re.escape(string.punctuation)}]")
    chance = random.Random(7)
    return {
        "as it is": lambda text: text,
        "upper case": str.upper,
        "without marks": lambda text: marks.sub("", text),
        "marks become spaces": lambda text: marks.sub(" ", text),
        "other marks": lambda text: marks.sub(lambda _: chance.choice(";!?-*"), text),
        "a mark after each word": lambda text: "! ".join(text.title().split()),
    }


def dropped(texts: BenchmarkTexts, said: Iterable[str]) -> tuple[str, dict[str, Any]]:
    """Return why a sample of these texts goes, empty where it stays, and what was noted."""
    noted = overlap(texts, [Text(one, "user") for one in said])
    columns: Columns = one_row({name: noted.values[name] for name in NoBenchmarkText.reads})
    found = NoBenchmarkText().judge_columns(columns)
    reason = int(found.reason[0])
    return ("" if reason < 0 else NoBenchmarkText.reasons[reason]), dict(noted.values)


def texts() -> Iterator[str]:
    """Tell how many items are caught after each change, alone and inside a longer text."""
    looked_up = BenchmarkTexts(benchmarks())
    before = "The following was found in a notebook of exercises that nobody had opened for years, between two bills."
    after = "Whoever solved it wrote the answer on the back of the last page, and we never learned the name."
    yield "| benchmark | items | " + " | ".join(changes()) + " | inside another text |"
    yield "| --- |" + " ---: |" * (len(changes()) + 2)
    for benchmark in benchmarks():
        asked = [item.asked[0] for item in benchmark.items if item.asked]
        counts = [sum(bool(dropped(looked_up, [change(one)])[0]) for one in asked) for change in changes().values()]
        inside = sum(bool(dropped(looked_up, [f"{before} {one} {after}"])[0]) for one in asked)
        yield f"| {benchmark.name} | {len(asked)} | " + " | ".join(map(str, counts)) + f" | {inside} |"
    yield ""
    with open(f"{DATA}/instruct/mathvista_rollouts/output_llava_llama_2_13b.json", encoding="utf-8") as file:
        rollouts = json.load(file)
    found = Counter(dropped(looked_up, [one["query"], one["response"]])[0] or "kept" for one in rollouts.values())
    yield f"MathVista's {len(rollouts)} items as they were asked of a model, with hint and choices: {dict(found)}"


def clean() -> Iterator[str]:
    """Tell which of the GSM8K training questions would go, each with its evidence."""
    looked_up = BenchmarkTexts(benchmarks())
    with open(f"{DATA}/instruct/gsm8k/train.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for what, said in (
        ("the first 1,000 questions", [[row["question"]] for row in rows[:1000]]),
        (f"all {len(rows):,} questions with their answers", [[row["question"], row["answer"]] for row in rows]),
    ):
        hits = [(one, *dropped(looked_up, one)) for one in said]
        gone = [hit for hit in hits if hit[1]]
        yield f"{what}: {len(gone)} go"
        for one, reason, noted in gone:
            where = noted["benchmark_run"] or noted["benchmark_whole"]
            yield f"- {reason}, {where}, {noted['benchmark_run_words']} words: {' '.join(one)!r}"
        longest = sorted((hit[2]["benchmark_run_words"] for hit in hits if not hit[1]), reverse=True)[:5]
        yield f"longest runs of those that stay: {longest} words"


def resized(picture: Image.Image) -> dict[str, bytes]:
    """Return a picture resized and saved again in several ways."""
    width, height = picture.size
    half = max(1, width // 2), max(1, height // 2)
    return {
        "JPEG at 50": saved(picture, quality=50),
        "half, JPEG at 75": saved(picture.resize(half, Image.Resampling.BICUBIC), quality=75),
        "336 px wide, JPEG at 80": saved(
            picture.resize((336, max(1, 336 * height // width)), Image.Resampling.LANCZOS), quality=80
        ),
        "224 x 224, JPEG at 85": saved(picture.resize((224, 224), Image.Resampling.BICUBIC), quality=85),
        "double, WebP at 80": saved(
            picture.resize((width * 2, height * 2), Image.Resampling.BICUBIC), "WEBP", quality=80
        ),
        "a quarter, JPEG at 75": saved(
            picture.resize((max(1, width // 4), max(1, height // 4)), Image.Resampling.BICUBIC), quality=75
        ),
        "1 % cut off each side": saved(
            picture.crop((width // 100, height // 100, width - width // 100, height - height // 100)), quality=90
        ),
    }


def saved(picture: Image.Image, kind: str = "JPEG", **how: Any) -> bytes:
    """Return a picture's bytes."""
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def looks(data: bytes) -> tuple[int, bytes]:
    """Return what is kept of a picture: its hash and its small copy."""
    return perceptual_hash(small_rgb(data, HASHED_SIDE_PX, 200.0)), small_copy(data, 200.0)


def compared(ones: Sequence[tuple[int, bytes]], others: Sequence[tuple[int, bytes]]) -> tuple[Any, Any]:
    """Return the bits and the levels in which pictures differ from others, pair by pair."""
    bits = np.bitwise_count(np.array([a for a, _ in ones], np.uint64) ^ np.array([a for a, _ in others], np.uint64))
    small = [np.frombuffer(b"".join(s for _, s in each), np.uint8).reshape(len(each), -1) for each in (ones, others)]
    return bits, np.abs(small[0].astype(np.int16) - small[1]).max(axis=1)


def pictures() -> Iterator[str]:
    """Tell, for radii and levels, which changed pictures are missed and which pairs of others are called the same."""
    missed = dict[str, dict[str, tuple[Any, Any]]]()
    false = dict[str, tuple[Any, Any, int]]()
    for group, pattern in PICTURES.items():
        found = list(_pictures(sorted(glob(f"{DATA}/{pattern}", recursive=True))))
        own = [looks(data) for data, _ in found]
        copies = [{name: looks(one) for name, one in resized(picture).items()} for _, picture in found]
        missed[group] = {name: compared(own, [one[name] for one in copies]) for name in copies[0]}
        unlike = [(a, b) for n, a in enumerate(own) for b in own[:n] if a[1] != b[1]]
        false[group] = (*compared(*zip(*unlike, strict=True)), len(own))
    yield "Changed pictures whose hash lies farther than a radius, of all:"
    yield ""
    yield "| pictures | change | " + " | ".join(f"> {radius}" for radius in RADII) + " | farthest |"
    yield "| --- | --- |" + " ---: |" * (len(RADII) + 1)
    for group, by_change in missed.items():
        for name, (bits, _) in by_change.items():
            cells = [str(int((bits > radius).sum())) for radius in RADII]
            yield f"| {group} {len(bits)} | {name} | {' | '.join(cells)} | {int(bits.max())} |"
    yield ""
    yield "Of those within 12 bits, how many differ by more than so many levels:"
    yield ""
    yield "| pictures | change | " + " | ".join(f"> {level}" for level in LEVELS) + " | most |"
    yield "| --- | --- |" + " ---: |" * (len(LEVELS) + 1)
    for group, by_change in missed.items():
        for name, (bits, levels) in by_change.items():
            near = levels[bits <= 12]
            cells = [str(int((near > level).sum())) for level in LEVELS]
            yield f"| {group} {len(near)} | {name} | {' | '.join(cells)} | {int(near.max())} |"
    yield ""
    yield "Pairs of different pictures of a group that a radius calls the same, and of those within 12 bits by levels:"
    yield ""
    yield (
        "| pictures | pairs | "
        + " | ".join(f"<= {r}" for r in RADII)
        + " | "
        + " | ".join(f"<= {n} levels" for n in LEVELS)
    )
    yield "| --- |" + " ---: |" * (1 + len(RADII) + len(LEVELS))
    for group, (bits, levels, count) in false.items():
        cells = [str(int((bits <= radius).sum())) for radius in RADII]
        cells += [str(int(((bits <= 12) & (levels <= level)).sum())) for level in LEVELS]
        yield f"| {group} {count} | {len(bits)} | {' | '.join(cells)} |"


def _pictures(paths: Iterable[str]) -> Iterator[tuple[bytes, Image.Image]]:
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        try:
            picture = small_rgb(data, 1 << 30, 200.0)
        except BadSample:
            continue
        if min(picture.size) >= LEAST_SIDE_PX:
            yield data, picture


def speed() -> Iterator[str]:
    """Tell how long texts take."""
    looked_up = BenchmarkTexts(benchmarks())
    with open(f"{DATA}/instruct/gsm8k/train.jsonl", encoding="utf-8") as file:
        said = [json.loads(line)["question"] for line in file]
    begin = time.process_time()
    for one in said:
        overlap(looked_up, [Text(one)])
    short_s = time.process_time() - begin
    letters = " ".join(said * 3)
    begin = time.process_time()
    overlap(looked_up, [Text(letters)])
    long_s = time.process_time() - begin
    yield f"{1e6 * short_s / len(said):.0f} us a question of {len(letters) / len(said) / 3:.0f} characters"
    yield f"{long_s * 1e6 / len(letters):.2f} s a million characters of one text"


TABLES = {"texts": texts, "clean": clean, "pictures": pictures, "speed": speed}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or TABLES:
        print(f"## {wanted}", "", *TABLES[wanted](), "", sep="\n", flush=True)
