"""Both sides of the rules of texts, for an environment that holds datatrove: python -m bench.rules_peers FOLDER."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from glob import glob
from typing import Any

import numpy as np

from annotators.prose import Prose, c4, count_sentences, quality, repetition
from bench.duel import interleave, require
from bench.near_texts import questions
from bench.photographs import DATA
from filters.columns import Columns, Lists
from filters.filter import KEEP
from filters.prose import C4Quality, GopherQuality, GopherRepetition
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table
from schemas.vocabulary.prose import REPEATED_PLACES

PATTERNS = ("interleaved/**/*.cnxml", "interleaved/readability_pages/**/*.html", "ocr/**/*.md", "ocr/**/*.tex")
PIECE_CHARS, QUESTIONS, WORKERS, FILES, APART = 3_000, 1_000, 2, 4, 0.01
RULES = (GopherQuality(), GopherRepetition(), C4Quality())
TIMES = 5
"""The texts are brought so often, each time under other names, so that start-up does not decide."""


def texts() -> list[str]:
    found = list(questions()[:QUESTIONS])
    for path in (one for pattern in PATTERNS for one in sorted(glob(os.path.join(DATA, pattern), recursive=True))):
        with open(path, encoding="utf-8", errors="replace") as file:
            piece = ""
            for part in re.split(r"(?<=\n)\s*\n", file.read()):
                piece = f"{piece}\n{part}" if piece else part
                if len(piece) >= PIECE_CHARS:
                    found.append(piece)
                    piece = ""
        found += [piece] if piece.strip() else []
    return found


def ours(said: Sequence[str]) -> list[str]:
    """Return the first broken rule of each text by each filter, with a comma between, after all were measured."""
    noted = list[dict[str, Any]]()
    for text in said:
        words = text.split()
        noted.append({**quality(text, words), "prose_repeated": repetition(text, words), **c4(text)})
    columns: dict[str, Any] = {name: np.array([one[name] for one in noted]) for name in noted[0]}
    places = np.array([one["prose_repeated"] for one in noted])
    columns["prose_repeated"] = Lists(np.arange(len(said) + 1) * REPEATED_PLACES, places.ravel())
    judged = [(rule, rule.judge_columns(Columns(len(said), columns)).reason.tolist()) for rule in RULES]
    every = zip(*([rule.reasons[at] if at != KEEP else "" for at in reasons] for rule, reasons in judged), strict=True)
    return [",".join(one) for one in every]


def peer_filters(**writers: Any) -> list[Any]:
    """Return datatrove's filters, each with a writer of what it drops where some are given."""
    from datatrove.pipeline.filters import C4QualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Spaces(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        def sent_tokenize(self, text: str) -> list[str]:
            return [text[a:b] for a, b in self.span_tokenize(text)]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(at, at + 1) for at in range(count_sentences(text))]

    kinds = (GopherQualityFilter, GopherRepetitionFilter, C4QualityFilter)
    tokens: Any = Spaces()
    return [kind(language=tokens, exclusion_writer=writers.get(kind.__name__)) for kind in kinds]


def peer(said: Sequence[str]) -> list[str]:
    from datatrove.data import Document

    filters = peer_filters()
    found = []
    for text in said:
        told = [one.filter(Document(text, "0")) for one in filters]
        found.append(",".join("" if one is True else one[1] for one in told))
    return found


def ours_from_file(folder: str) -> Counter[bool]:
    """Return how many texts are kept and how many go, by the verdicts on a shelf."""
    shutil.rmtree(f"{folder}/shelf", ignore_errors=True)
    shelf = Shelf(f"{folder}/shelf")
    ingest(shelf, f"{folder}/texts", Local(WORKERS), kind="texts", cut=Cut(rows=1_000))
    run(shelf, Recipe("rules", Annotate(Prose()), *map(Keep, RULES)), Local(WORKERS))
    [recipe] = os.listdir(f"{folder}/shelf/verdicts")
    tables = [read_table(shelf.fs, shelf.path("verdicts", recipe, f"{shard}.parquet")) for shard in shelf.shards()]
    return Counter(outcome == "kept" for table in tables for outcome in table["outcome"].to_pylist())


def peer_from_file(folder: str) -> Counter[bool]:
    """Return how many texts datatrove keeps and how many go, by what it wrote."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    out = f"{folder}/peer"
    shutil.rmtree(out, ignore_errors=True)
    named = ("GopherQualityFilter", "GopherRepetitionFilter", "C4QualityFilter")
    writers = {name: JsonlWriter(f"{out}/gone/{name}", compression=None) for name in named}
    steps = [JsonlReader(f"{folder}/texts"), *peer_filters(**writers), JsonlWriter(f"{out}/kept", compression=None)]
    LocalPipelineExecutor(steps, tasks=FILES, workers=WORKERS, logging_dir=f"{out}/logs", skip_completed=False).run()
    return Counter({True: _lines(f"{out}/kept"), False: _lines(f"{out}/gone")})


def _lines(folder: str) -> int:
    paths = glob(f"{folder}/**/*.jsonl", recursive=True)
    return sum(sum(1 for _ in open(path, "rb")) for path in paths)


def _write(folder: str, said: Sequence[str]) -> None:
    os.makedirs(f"{folder}/texts")
    for number in range(FILES):
        with open(f"{folder}/texts/{number}.jsonl", "w", encoding="utf-8") as file:
            some = said[number::FILES] * TIMES
            file.writelines(json.dumps({"id": f"{number}-{at}", "text": text}) + "\n" for at, text in enumerate(some))


def main(folder: str) -> None:
    said = texts()
    both = list(zip(ours(said), peer(said), strict=True))
    apart = sum([bool(one) for one in a.split(",")] != [bool(one) for one in b.split(",")] for a, b in both)
    require(apart <= APART * len(said), f"{apart} of {len(said)} verdicts")
    kept, millions = sum(a == ",," for a, _ in both), sum(map(len, said)) / 1e6
    print(f"- rules: {len(said):,} texts of {millions:.1f} million characters, {kept:,} kept; apart in {apart}")
    memory_s = interleave(lambda: ours(said), lambda: peer(said), pairs=3)
    _write(folder, said)
    one, other = ours_from_file(folder), peer_from_file(folder)
    require(abs(one[True] - other[True]) <= APART * one.total(), f"kept {one} and {other}")
    how: dict[str, Any] = {"cpus": WORKERS, "pairs": 3, "warm": False}
    files_s = interleave(lambda: ours_from_file(folder), lambda: peer_from_file(folder), **how)
    print(json.dumps({"in memory": (memory_s, len(said)), "from jsonl to verdicts": (files_s, len(said) * TIMES)}))


if __name__ == "__main__":
    main(sys.argv[1])
