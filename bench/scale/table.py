"""docs/scale.md: what was asked, what it cost, beside what it should cost; written from the answers alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from math import log

from bench.machine import machine
from bench.scale.asked import Answer, Answers
from bench.scale.cluster import cluster
from bench.scale.measure import CAP_MIB, EVERY_S
from bench.scale.questions import CAPS_GIB, Question, questions
from bench.scale.real import ROOT, real
from bench.scale.shelves import SHELVES, SIZES
from bench.scale.tiny import COUNTS

PAGE = os.path.join(ROOT, "docs", "scale.md")
PACKAGES = ("duckdb", "msgspec", "numba", "numpy", "pyarrow")
DONE = "done"
WORDS = ("", "what bounds it")
GROWTH_GOALS = {"decide exact_dedup": 1.1, "decide near_dedup": 1.2, "decide balance": 1.1}


def page(found: Answers) -> str:
    """Return docs/scale.md."""
    parts = (_head(found), _sizes(found), _steps(found), _others(found), _disk(found), _tiny(found), cluster(found))
    return "\n\n".join(part for part in parts if part) + "\n"


def lines(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a Markdown table whose first columns stand to the left, and those that hold words."""
    align = ["---" if n < left or name in WORDS else "--:" for n, name in enumerate(headings)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, align, *rows))


def growth(small: float, large: float, times: float) -> float:
    """Return the exponent with which something grew."""
    return log(large / small) / log(times)


def cell(answer: Answer | None) -> str:
    """Return wall seconds, cpu seconds and the most memory of all processes."""
    if answer is None:
        return "not asked"
    cost = answer.cost
    measured = f"{cost.wall_s:.3g} s ({cost.cpu_s:.3g}), {cost.peak_tree_mib / 1024:.2f} GiB"
    return measured if cost.status == DONE else f"{cost.status} after {cost.wall_s:.0f} s"


def verdict(question: Question, answer: Answer | None) -> tuple[str, str]:
    """Return the goal of a question and whether it was met."""
    if not question.goal_s:
        return "", ""
    goal = f"{question.goal_s:g} s" + (f", {question.goal_mib / 1024:g} GiB" if question.goal_mib else "")
    if answer is None or answer.cost.status != DONE:
        return goal, "not known" if answer is None else "**missed**"
    misses = []
    if answer.cost.wall_s > question.goal_s:
        misses.append(f"{answer.cost.wall_s / question.goal_s:.1f}x the time")
    if question.goal_mib and answer.cost.peak_tree_mib > question.goal_mib:
        misses.append(f"{answer.cost.peak_tree_mib / question.goal_mib:.1f}x the memory")
    return goal, f"**missed**: {', '.join(misses)}" if misses else "met"


def _head(found: Answers) -> str:
    told = real()
    return f"""# Scale

What `make bench-scale` printed: shelves of made rows, 10,000 a shard, asked with the ordinary verbs, each in a process
of its own with 2 workers. A cell is wall seconds, in brackets the cpu seconds (user and system) of every process that
came of it, and the most memory that all of them held at once (resident, looked at every {EVERY_S:g} s; shared pages
count once for each process). A question is stopped where all its processes together hold more than
{CAP_MIB // 1024} GiB. "Decided in buckets" is with --memory-gib {", ".join(CAPS_GIB.values())}: columns are spread
on the disk, and each bucket is decided apart. Exponents are of cpu seconds from 5M to 50M rows; 1 is linear. One run
of each: nothing was repeated, the page cache was not dropped, and whatever else the machine did is in the wall seconds.

{machine(PACKAGES)} {_load(found)}

**Real**, measured once from {told.pictures:,} pictures and {told.samples:,} captioned samples: width, height, format
and bytes of pictures together; spread, share of the most common colour and sharpness, each alone; how many texts a
sample has, how many words a text, and which; how many concepts of the default vocabulary of {told.vocabulary:,} a
sample names, and how often each. **Assumed**: 8 % copies of pictures, the largest group 0.04 % of the rows; hashes 80 %
random, 8 % rows of bits repeated with 12 % flips, 9 % in clusters of some five within 6 bits of a centre, 2.5 % in 200
hot places with up to 8 bits flipped, 0.5 % blank; 5 % of concepts any of the vocabulary; 0.1 % failed at the door,
0.3 % not to be decoded; texts and embeddings 8 % near copies. Real hashes: {told.hashes["bits_mean"]} of 64 bits stand,
the top bit in {told.hashes["top_bit"]:.0%}; two are {told.hashes["apart_mean"]} +- {told.hashes["apart_std"]} bits
apart, which random ones are by 32 +- 4."""


def _load(found: Answers) -> str:
    loads = [answer.load for answer in found.values()]
    return f"Load before a question: {min(loads):.1f} to {max(loads):.1f} processes." if loads else ""


def _sizes(found: Answers) -> str:
    names = list(dict.fromkeys(question.name for size in SIZES for question in questions(size, "")))
    largest = {question.name: question for question in questions(SIZES[-1], "")}
    rows = []
    for name in names:
        of_sizes = [found.get((size, name)) for size in SIZES]
        question = largest.get(name)
        goal, said = verdict(question, of_sizes[-1]) if question else ("", "")
        cells = [cell(answer) if answer or question else "" for answer in of_sizes]
        rows.append((name, *cells, _exponent(of_sizes), goal, said, question.bound if question else ""))
    headings = ("question", *SIZES, "exponent", "goal at 50M", "", "what bounds it")
    return "## By size\n\n" + lines(headings, rows)


def _exponent(answers: Sequence[Answer | None]) -> str:
    small, large = answers[-2:]
    if not small or not large or DONE not in (small.cost.status, large.cost.status):
        return ""
    return f"{growth(small.cost.cpu_s, large.cost.cpu_s, large.rows / small.rows):.2f}"


def _steps(found: Answers) -> str:
    runs = [found.get((size, "run: notes to verdicts")) for size in SIZES]
    if not any(answer and answer.steps for answer in runs):
        return ""
    seconds = [{step.name: step.seconds for step in answer.steps} if answer else {} for answer in runs]
    total = sum(seconds[-1].values())
    rows = []
    for name in dict.fromkeys(name for of_size in seconds for name in of_size):
        took = [of_size.get(name, 0.0) for of_size in seconds]
        exponent = growth(took[-2], took[-1], 10) if took[-2] and took[-1] else None
        goal = GROWTH_GOALS.get(name)
        said = "" if goal is None or exponent is None else "met" if exponent <= goal else "**missed**"
        share = f"{took[-1] / total:.0%}" if total else ""
        cells = [f"{one:.3g} s" if one else "" for one in took]
        grown = "" if exponent is None else f"{exponent:.2f}"
        rows.append((name, *cells, share, grown, "" if goal is None else f"<= {goal}", said))
    headings = ("step", *SIZES, "share at 50M", "exponent", "goal", "")
    return (
        "## Inside a run from notes to verdicts\n\nWall seconds by the run's own record, and their exponent from 5M to "
        "50M; the step with the\nlargest share is what bounds the run.\n\n" + lines(headings, rows)
    )


def _others(found: Answers) -> str:
    rows = []
    for shelf in (name for name in SHELVES if name not in SIZES):
        for question in questions(shelf, ""):
            answer = found.get((shelf, question.name))
            rows.append((shelf, question.name, cell(answer), *verdict(question, answer), question.bound))
    headings = ("shelf", "question", "cost", "goal", "", "what bounds it")
    return (
        "## Many files\n\n5M rows whose notes lie in pieces of 1,000 rows, and 50,000 shards of 20 rows.\n\n"
        + lines(headings, rows, left=2)
    )


def _disk(found: Answers) -> str:
    rows = []
    for shelf, corpus in SHELVES.items():
        last = next((answer for (of, _), answer in reversed(found.items()) if of == shelf and answer.disk_bytes), None)
        if last:
            folders = ("catalog", "notes", "decisions", "verdicts", "keys")
            sizes = [last.disk_bytes.get(folder, 0) for folder in folders]
            whole = sum(sizes)
            rows.append((shelf, *(_size(size) for size in sizes), _size(whole), f"{whole / corpus.rows:.0f}"))
    headings = ("shelf", "catalog", "notes", "decisions", "verdicts", "keys", "all", "bytes a row")
    return "## Bytes on the disk\n\nBlocks taken, after all questions.\n\n" + lines(headings, rows) if rows else ""


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.2f} GiB" if size_bytes >= 2**30 / 10 else f"{size_bytes / 2**20:.0f} MiB"


def _tiny(found: Answers) -> str:
    small, large = COUNTS
    verbs = dict.fromkeys(question for of, question in found if of in COUNTS)
    rows = list(_grown(found, small, large, verbs))
    if not rows:
        return ""
    headings = ("verb", f"{COUNTS[small]:,}: all, largest", f"{COUNTS[large]:,}: all, largest", "bytes a sample more")
    return (
        "## Memory against the number of samples\n\nTiny PNGs with captions, shards of 1,000, 2 workers: peak MiB of "
        "all processes and of the largest, and what\neach sample more adds to all.\n\n" + lines(headings, rows)
    )


def _grown(found: Answers, small: str, large: str, verbs: dict[str, None]) -> Iterator[tuple[str, ...]]:
    for verb in verbs:
        one, other = found.get((small, verb)), found.get((large, verb))
        if one and other:
            more = (other.cost.peak_tree_mib - one.cost.peak_tree_mib) * 2**20 / (other.rows - one.rows)
            yield verb, *(f"{a.cost.peak_tree_mib:.0f}, {a.cost.peak_mib:.0f}" for a in (one, other)), f"{more:.0f}"
