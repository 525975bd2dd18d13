"""Chain of thought with a live model, small: drawn, learnt by heart, asked, graded, exported, trained on again.

tests/long/cot.py is the same at a size where something is learnt.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from schemas.taken import taken_of

OSTRAKA = os.path.join(sysconfig.get_path("scripts"), "ostraka")
TOKEN = "a-token-of-this-test"
SMALL = ("--sequence", "128", "--batch", "2")


def ostraka(folder: Path, *words: str) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OSTRAKA_ENDPOINT_KEY": TOKEN}
    ended = subprocess.run([OSTRAKA, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, f"{' '.join(words)}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@contextmanager
def served(folder: Path, run: str) -> Iterator[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OSTRAKA_TOKEN": TOKEN}
    child = subprocess.Popen(
        [OSTRAKA, "serve", f"{run}/model", "--name", run, "--port", "0"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert child.stdout
        yield next(line.split()[1] for line in child.stdout if line.startswith("endpoint: "))
    finally:
        child.terminate()
        child.wait(60)


def test_what_a_served_model_gets_right_is_what_it_is_trained_on_next(tmp_path: Path) -> None:
    drawn = ("draw", "tasks", "--count", "6", "--kind", "counting", "--kind", "colour", "--level", "easy")
    ostraka(tmp_path, *drawn, "--worked", "--to", "worked")
    ostraka(tmp_path, "ingest", "worked/tasks.jsonl", "--shelf", "worked-shelf")
    ostraka(tmp_path, "run", "cot", "--with", "high=1", "--shelf", "worked-shelf")
    ostraka(tmp_path, "ingest", "worked-shelf", "--as", "answers", "--shelf", "answers")
    ostraka(tmp_path, "run", "cot-answers", "--shelf", "answers")
    ostraka(tmp_path, "export", "worked", "--shelf", "answers", "--to", "export")
    ostraka(tmp_path, "train", "sft", "--data", "export", "--to", "warm", "--steps", "60", "--rate", "2e-3", *SMALL)

    ostraka(tmp_path, *drawn, "--to", "asked")
    ostraka(tmp_path, "ingest", "asked/tasks.jsonl", "--shelf", "asked-shelf")
    with served(tmp_path, "warm") as url:
        asked = ("run", "cot", "--with", f"url={url}", "--with", "model=warm", "--with", "count=4", "--with", "high=1")
        first = ostraka(tmp_path, *asked, "--with", "max_tokens=40", "--shelf", "asked-shelf")
    again = ostraka(tmp_path, *asked, "--with", "max_tokens=40", "--shelf", "asked-shelf")
    assert again.endswith(first), "a run again asks nobody"
    ostraka(
        tmp_path, "ingest", "asked-shelf", "--as", "answers", "--most-answers", "9", "--round", "1", "--shelf", "next"
    )
    ostraka(tmp_path, "run", "enhance", "--with", "low=0", "--with", "high=1", "--shelf", "next")
    ostraka(tmp_path, "export", "next", "--shelf", "next", "--to", "next-export")

    weights = {json.loads(line)["answer"]["weights"] for line in answered(tmp_path / "asked-shelf")}
    metas = [meta for table in (tmp_path / "next" / "catalog").glob("*.parquet") for meta in columns(table, "meta")]
    taken = [taken_of(meta) for meta in metas]
    assert taken and {(one.by, one.round) for one in taken} == {(f"warm@{weights.pop()}", 1)} and not weights
    assert all(one.pass_rate > 0 for one in taken)
    ostraka(
        tmp_path, "train", "sft", "--data", "next-export", "--from", "warm", "--to", "second", "--steps", "2", *SMALL
    )
    assert (tmp_path / "second" / "model" / "config.json").exists()


def answered(shelf: Path) -> list[str]:
    return [line for path in (shelf / "answers").rglob("*.jsonl") for line in path.read_text().splitlines()]


def columns(table: Path, name: str) -> list[str]:
    found: list[str] = pq.read_table(table, columns=[name])[name].to_pylist()
    return found
