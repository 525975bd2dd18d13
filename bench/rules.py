"""Gopher's and C4's rules against datatrove's filters, the same rules and words: in memory, and from file to verdicts.

The texts are real: book chapters, articles, papers and pages with their tags, cut at blank lines into pieces of some
3,000 characters, and GSM8K's questions with their answers. Both sides part words at white space, where datatrove by
itself asks spaCy. In memory ours measures all 27 rules of every text and judges by the three filters; a filter of
datatrove stops at the first rule that a text breaks. From file to verdicts ours brings jsonl files to a shelf, notes
what the rules compare and writes each text's verdict; datatrove writes what is kept, and what goes with its reason. Two
processes each.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.duel import Row, row
from bench.peers import TEXTS, fought

GOAL = 3
BOUND = {
    "in memory": "words as Python's strings",
    "from jsonl to verdicts": "words as Python's strings, and the pipe to the guard; start-up is in it",
}


def rows(folder: str) -> Iterator[Row]:
    for name, (times_s, count) in fought(TEXTS, "bench.rules_peers", folder).items():
        yield row(f"rules of Gopher and C4, {name}", [tuple(pair) for pair in times_s], count, GOAL, BOUND[name])
