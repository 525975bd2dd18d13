"""What is asked of each shelf, in order, and what it should cost: ordinary verbs, each in a process of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

from msgspec import Struct

from bench.scale.shelves import SIZES
from pipelines.shelf.shelf import Shelf

WORKERS = "2"
VERB = (sys.executable, "-m", "pipelines.cli")
JUDGED = ("verdicts", "decisions", "recipes", "runs", "keys", "scratch")
"""What a run leaves on a shelf beside the rows that were made."""

CAPS_GIB = {"0.5M": "0.02", "5M": "0.2"}
"""What corpus decisions may take where they shall not fit."""

KEY = "KEY"
"""Stands in a command for the key of a sample in the middle of the shelf."""


class Question(Struct, frozen=True):
    """A command, asked under a name; `fresh`: what earlier runs left is removed first.

    `goal_s` and `goal_mib` hold where the shelf has `goal_at`; 0 where nothing is asked for. `growth`: the exponent of
    cpu seconds from 5M to 50M that it should stay below. `bound`: what bounds it, as far as anybody has looked.
    """

    name: str
    command: tuple[str, ...]
    bound: str = ""
    goal_s: float = 0.0
    goal_mib: float = 0.0
    goal_at: str = "50M"
    growth: float = 0.0
    fresh: bool = False


def questions(shelf: str, path: str) -> Iterator[Question]:
    """Yield what is asked of a shelf by its name, which lies at a path."""
    if shelf in SIZES:
        yield from _of_a_size(shelf, path)
    elif shelf == "5M in pieces":
        yield _run("run, notes in pieces of 1,000 rows", path, fresh=True)
        yield Question("compact 1,000-row pieces", (*VERB, "compact", "--shelf", path), "opening and naming files")
        yield _run("run again after compaction", path)
    else:
        yield _run("run, 50,000 shards of 20 rows", path, fresh=True)
        yield _run("run again, nothing new", path, "listing and naming files", goal_s=60, goal_at=shelf)
        yield _why("why KEY, no key map", path, "opening a footer a shard")
        yield _mapped(path)
        yield _why("why KEY, before compaction", path, "listing the shards", goal_s=5, goal_at=shelf)
        yield Question("compact 50,000 shards", (*VERB, "compact", "--shelf", path), "opening and naming files")
        yield _why("why KEY, after compaction", path, "listing the shards", goal_s=1, goal_at=shelf)


def _of_a_size(shelf: str, path: str) -> Iterator[Question]:
    yield _run("run: notes to verdicts", path, goal_s=240, goal_mib=8 * 1024, fresh=True)
    if cap_gib := CAPS_GIB.get(shelf):
        options = ("--memory-gib", cap_gib)
        yield _run("run: the same, decided in buckets", path, "spreading rows", options=options, fresh=True)
    yield _run("run again, nothing new", path, "listing and naming files")
    yield _run("run, near_dedup.radius 2 for 4", path, recipe="stricter")
    yield Question("funnel", (*VERB, "funnel", *_of(path)), "opening a footer a shard", goal_s=2)
    yield _what_if("what-if, one table", path, "sharpness >= 500", "--notes-alone", goal_s=2)
    yield _what_if("what-if, joined with the verdicts", path, "min_side.px = 64", "--quick", goal_s=10)
    yield _what_if("what-if, exact", path, "near_dedup.radius = 2")
    yield _mapped(path)
    yield _why("why KEY", path, "the interpreter's start", goal_s=1)
    plan = (sys.executable, "-m", "bench.scale.plan", path, "decided")
    yield Question("plan an export", plan, "a Python object a sample")
    if shelf != "50M":
        yield _run("run: near texts by MinHash", path, recipe="texts")
        yield _run("run: near embeddings", path, recipe="meanings")


def _run(
    name: str,
    path: str,
    bound: str = "",
    recipe: str = "decided",
    goal_s: float = 0.0,
    goal_mib: float = 0.0,
    goal_at: str = "50M",
    fresh: bool = False,
    options: tuple[str, ...] = (),
) -> Question:
    own = f"bench.scale.recipe:{recipe}"
    command = (*VERB, "run", "--recipe", own, "--shelf", path, "--workers", WORKERS, *options)
    return Question(name, command, bound, goal_s, goal_mib, goal_at, fresh=fresh)


def _what_if(name: str, path: str, condition: str, *options: str, goal_s: float = 0.0) -> Question:
    return Question(name, (*VERB, "what-if", condition, *_of(path), *options), "", goal_s)


def _why(name: str, path: str, bound: str, goal_s: float = 0.0, goal_at: str = "50M") -> Question:
    return Question(name, (*VERB, "why", KEY, *_of(path)), bound, goal_s, goal_at=goal_at)


def _mapped(path: str) -> Question:
    return Question("map keys, as ingest does", (sys.executable, "-m", "bench.scale.mapped", path), "sorting keys")


def _of(path: str) -> tuple[str, ...]:
    return ("--shelf", path, "--recipe", "decided")


def command_of(question: Question, path: str) -> list[str]:
    """Return the command with a key in it, of a row near the middle of the shelf."""
    return [_middle_key(path) if word == KEY else word for word in question.command]


def _middle_key(path: str) -> str:
    shelf = Shelf(path)
    shards = shelf.shards()
    keys = shelf.catalog(shards[len(shards) // 2], ["key"])["key"]
    return str(keys[len(keys) // 2].as_py().hex)


def forget(path: str) -> None:
    """Remove what earlier runs left on a made shelf."""
    for folder in JUDGED:
        shutil.rmtree(Shelf(path).path(folder), ignore_errors=True)
