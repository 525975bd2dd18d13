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
import pytest

from pipelines.cli import main
from schemas.taken import taken_of

OSTRAKA = os.path.join(sysconfig.get_path("scripts"), "ostraka")
TOKEN = "a-token-of-this-test"


def train(folder: Path, *words: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = (OSTRAKA, "train", "sft", *words, "--sequence", "128", "--batch", "2")
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"


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


def test_what_a_served_model_gets_right_is_what_it_is_trained_on_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OSTRAKA_ENDPOINT_KEY", TOKEN)
    drawn = ("draw", "tasks", "--count", "6", "--kind", "counting", "--kind", "colour", "--level", "easy")
    main([*drawn, "--worked", "--to", "worked"])
    main(["ingest", "worked/tasks.jsonl", "--shelf", "worked-shelf"])
    main(["run", "cot", "--with", "high=1", "--shelf", "worked-shelf"])
    main(["ingest", "worked-shelf", "--as", "answers", "--shelf", "answers"])
    main(["run", "cot-answers", "--shelf", "answers"])
    main(["export", "worked", "--shelf", "answers", "--to", "export"])
    train(tmp_path, "--data", "export", "--to", "warm", "--steps", "60", "--rate", "2e-3")

    main([*drawn, "--to", "asked"])
    main(["ingest", "asked/tasks.jsonl", "--shelf", "asked-shelf"])
    with served(tmp_path, "warm") as url:
        asked = ("run", "cot", "--with", f"url={url}", "--with", "model=warm", "--with", "count=4", "--with", "high=1")
        capsys.readouterr()
        main([*asked, "--with", "max_tokens=40", "--shelf", "asked-shelf"])
        first = capsys.readouterr().out
    main([*asked, "--with", "max_tokens=40", "--shelf", "asked-shelf"])
    again = capsys.readouterr().out
    assert again.endswith(first), "a run again asks nobody"
    main(["ingest", "asked-shelf", "--as", "answers", "--most-answers", "9", "--round", "1", "--shelf", "next"])
    main(["run", "enhance", "--with", "low=0", "--with", "high=1", "--shelf", "next"])
    main(["export", "next", "--shelf", "next", "--to", "next-export"])

    weights = {json.loads(line)["answer"]["weights"] for line in answered(tmp_path / "asked-shelf")}
    metas = [meta for table in (tmp_path / "next" / "catalog").glob("*.parquet") for meta in columns(table, "meta")]
    taken = [taken_of(meta) for meta in metas]
    assert taken and {(one.by, one.round) for one in taken} == {(f"warm@{weights.pop()}", 1)} and not weights
    assert all(one.pass_rate > 0 for one in taken)
    train(tmp_path, "--data", "next-export", "--from", "warm", "--to", "second", "--steps", "2")
    assert (tmp_path / "second" / "model" / "config.json").exists()


def answered(shelf: Path) -> list[str]:
    return [line for path in (shelf / "answers").rglob("*.jsonl") for line in path.read_text().splitlines()]


def columns(table: Path, name: str) -> list[str]:
    found: list[str] = pq.read_table(table, columns=[name])[name].to_pylist()
    return found
