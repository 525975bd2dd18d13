"""Texts with planted near-copies, and which pairs of them are near: exact Jaccard similarity of their runs of words.

The texts are GSM8K's questions with their answers and MSR-VTT's captions, as they are. Every fifth is followed by a
copy: in capitals, with up to one word in ten from elsewhere, fewer more often than many. True pairs are those of 0.8
and more among all that share a run of words which few have, not the planted ones alone.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from functools import cache
from itertools import combinations

import numpy as np

from bench.photographs import DATA

RUN, NEAR, EVERY, QUESTIONS, CAPTIONS = 5, 0.8, 5, 4_000, 20_000
_WORD = re.compile(r"\w+")


@cache
def questions() -> tuple[str, ...]:
    """Return GSM8K's questions with their answers, some hundred words each."""
    with open(os.path.join(DATA, "instruct", "gsm8k", "train.jsonl"), encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return tuple(f"{row['question']} {row['answer']}" for row in rows[:QUESTIONS])


@cache
def captions() -> tuple[str, ...]:
    """Return captions of clips, some ten words each, none twice."""
    with open(os.path.join(DATA, "video", "annotations", "msrvtt_caption_test.json"), encoding="utf-8") as file:
        found = dict.fromkeys(one for clip in json.load(file) for one in clip["caption"])
    return tuple(found)[:CAPTIONS]


def planted(texts: tuple[str, ...], seed: int = 0) -> list[str]:
    """Return texts, every fifth followed by a copy in which some words are those of another."""
    random, found = np.random.default_rng(seed), list[str]()
    for number, text in enumerate(texts):
        found.append(text)
        if number % EVERY == 0:
            words, strange = text.split(), texts[int(random.integers(len(texts)))].split()
            for _ in range(int(0.1 * (len(words) + 1) * random.random() ** 2)):
                words[int(random.integers(len(words)))] = strange[int(random.integers(len(strange)))]
            found.append(" ".join(words).upper())
    return found


def plain(text: str) -> list[str]:
    """Return the words of a text, case folded."""
    return _WORD.findall(text.casefold())


def runs(text: str) -> list[str]:
    """Return the runs of words of a text; fewer words are one run."""
    words = plain(text)
    return [" ".join(words[at : at + RUN]) for at in range(max(1, len(words) - RUN + 1))]


def pairs(texts: list[str], few: int) -> dict[tuple[int, int], float]:
    """Return the similarity of all pairs that share a run which at most so many texts have."""
    sets, having = [set(runs(text)) for text in texts], defaultdict[str, list[int]](list)
    for number, found in enumerate(sets):
        for run in found:
            having[run].append(number)
    shared = {pair for some in having.values() if len(some) <= few for pair in combinations(some, 2)}
    return {(a, b): len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in shared}
