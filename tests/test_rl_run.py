"""`ostraka train rl`: a run that is killed goes on to the bit, ranks learn what one learns, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from msgspec import structs
from safetensors.torch import load_file

from pipelines.commands.why import why
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.drawn_task_set import write_tasks
from pipelines.ingest.ingest import ingest
from pipelines.query.funnel import cases, funnel
from pipelines.query.views import connect
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import Unavailable
from schemas.rollout import rolled_out_of
from schemas.shard import samples
from trainer.commands.train import train
from trainer.commands.train_rl import asked_of, rl
from trainer.documents.codec import Codec
from trainer.documents.picture import PictureRule
from trainer.documents.tokens import train_tokens
from trainer.loop.parallel import ranks
from trainer.model.checkpoint_out import save
from trainer.model.model import build
from trainer.model.presets import preset
from trainer.rl.curriculum import Uniform
from trainer.rl.loop import Parts, train_rl
from trainer.rl.rollout import Group

JOB = Path(__file__).with_name("rl_job.py")
STEPS = "7"
CLOCKS = ("rollout_s", "learn_s")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks, others to be held out, and a model that knows nothing."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("given")
    for split, count in (("train", 12), ("test", 6)):
        path = write_tasks(str(folder / f"drawn-{split}"), count, ("counting", "colour"), ("very_easy",), split)
        shelf = Shelf(str(folder / f"shelf-{split}"))
        ingest(shelf, path, Local(1), kind="tasks")
        run(shelf, find_recipe("rl-tasks"), Local(1))
        export(shelf, "tasks", str(folder / split), Local(1), ExportOptions())
    tokens = train_tokens(["How many circles are there? What colour is in row 1, column 2?"] * 3, 320)
    small = structs.replace(preset("tiny-1l-1t"), initial_spread=0.1)
    save(
        build(small, tokens.ids(), tokens.size, seed=1),
        Codec("4.1v", tokens, PictureRule(most_tokens=64)),
        str(folder / "start"),
    )
    return folder


def job(given: Path, folder: Path, last: int, *options: str, among: int = 1) -> list[int]:
    """Run a job to its end; return how its ranks ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(among)} if among > 1 else {}
    said = [str(last), str(given / "train"), str(given / "start"), str(folder), "--steps", STEPS, *options]
    started = [
        subprocess.Popen(
            [sys.executable, str(JOB), *said], env=os.environ | group | {"OMP_NUM_THREADS": "1", "RANK": str(rank)}
        )
        for rank in range(among)
    ]
    return [process.wait() for process in started]


def lines(folder: Path, name: str = "log.jsonl") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    return [{key: value for key, value in one.items() if key not in CLOCKS} for one in found]


@pytest.fixture(scope="module")
def whole(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert job(given, folder, -1, "--val", str(given / "test")) == [0]
    return folder


def test_a_run_that_is_killed_goes_on_to_the_bit(given: Path, whole: Path, tmp_path: Path) -> None:
    """It dies after step 4, so that what was done since the last checkpoint is done again."""
    cut, val = tmp_path / "run", ("--val", str(given / "test"))
    assert job(given, cut, 4, *val) == [-signal.SIGKILL]
    assert len(lines(cut)) == 5 and not (cut / "model").exists()
    assert job(given, cut, -1, *val) == [0]
    for name in ("log.jsonl", "held_out.jsonl", "curriculum.jsonl"):
        assert lines(cut, name) == lines(whole, name)
    one, other = (load_file(folder / "model" / "model.safetensors") for folder in (whole, cut))
    assert all(torch.equal(one[name], other[name]) for name in one)
    for shard in sorted((whole / "rollouts").iterdir()):
        assert shard.read_bytes() == (cut / "rollouts" / shard.name).read_bytes()


def test_its_rollouts_are_a_shelf_that_says_what_its_log_says(whole: Path, tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path / "rolled"))
    recipe = find_recipe(ingest(shelf, str(whole), Local(1)).recipe)
    run(shelf, recipe, Local(1))
    told, groups, by_log, by_shelf = lines(whole), Counter[int](), {}, {}
    with connect(shelf) as db:
        rows = db.execute("SELECT rollout_step, task_domain, rollout_rewards, rollout_learnt FROM notes_toldrollouts")
        for step, domain, rewards, learnt in rows.fetchall():
            groups[step] += learnt
            by_shelf.setdefault((step, domain), []).extend(rewards)
        kept, counted = funnel(db, shelf, recipe.id)[-1].went_on, cases(db, shelf, recipe.id)
        [(key,)] = db.execute("SELECT key FROM samples ORDER BY row LIMIT 1").fetchall()
    for one in told:
        for domain, of_it in one["by_domain"].items():
            by_log[one["step"], domain] = (of_it["answers"], pytest.approx(of_it["reward"]))
    assert {name: (len(paid), sum(paid) / len(paid)) for name, paid in by_shelf.items()} == by_log
    assert kept == sum(round(one["teaching"] * one["groups"]) for one in told)
    assert all(0 < groups[one["step"]] <= one["learnt_from"] for one in told)
    assert sum(sum(of_it.values()) for of_it in counted.values()) == sum(map(len, by_shelf.values()))
    said = CliRunner().invoke(why, [key, "--shelf", shelf.url], catch_exceptions=False).output
    assert "by evenness" in said and "weights step-0000000" in said


def test_what_stops_a_run_is_there_to_be_looked_at(given: Path, tmp_path: Path) -> None:
    class Stopping(Uniform):
        def select(self, groups: Sequence[Group]) -> Sequence[Group]:
            raise Unavailable("the verifier is fooled")

    small = ("--preset", "tiny-1l-1t", "--prompts", "3", "--group", "2", "--answer-tokens", "6", "--steps", "2")
    begun = ("--data", str(given / "train"), "--to", str(tmp_path / "run"), "--from", str(given / "start"), *small)
    asked = asked_of(dict(rl.make_context("rl", [*begun]).params))
    parts = Parts(lambda tasks, asked: Stopping(tuple(tasks.of), asked.grpo.prompts, 0))
    with ranks() as among, pytest.raises(Unavailable, match="the verifier is fooled"):
        next(train_rl(str(tmp_path / "run"), asked, among, parts))
    shards = [*(tmp_path / "run" / "rollouts").iterdir()]
    metas = [json.loads(members["json"])["source"]["meta"] for shard in shards for _, members in samples(shard)]
    assert [rolled_out_of(meta).learnt for meta in metas] == [False] * 3


def test_what_is_paid_is_learnt_and_told(given: Path, whole: Path) -> None:
    told = lines(whole)
    assert [one["step"] for one in told] == list(range(int(STEPS)))
    assert all(one["teaching"] > 0 and one["gradient_norm"] > 0 and one["parity"] < 1e-4 for one in told)
    assert [one["step"] for one in lines(whole, "held_out.jsonl")] == [0, 2, 4, 6, 7]
    start = load_file(given / "start" / "model.safetensors")
    moved = load_file(whole / "model" / "model.safetensors")
    assert all(not torch.equal(start[name], moved[name]) for name in start)
    page = (whole / "index.html").read_text()
    assert "Right, by domain" in page and "Held-out tasks right" in page


def test_two_ranks_learn_what_one_learns(given: Path, whole: Path, tmp_path: Path) -> None:
    pair = tmp_path / "run"
    assert job(given, pair, -1, among=2) == [0, 0]
    names = ("reward", "right", "drawn", "answer_tokens")
    assert [[one[name] for name in names] for one in lines(pair)] == [
        [one[name] for name in names] for one in lines(whole)
    ]
    begun, one, other = (
        torch.cat([weight.flatten() for _, weight in sorted(load_file(folder / "model.safetensors").items())])
        for folder in (given / "start", whole / "model", pair / "model")
    )
    assert float((one - other).norm() / (one - begun).norm()) < 0.02


def refused(*arguments: str | Path) -> str:
    ended = CliRunner().invoke(train, ["rl", *map(str, arguments)])
    assert ended.exit_code != 0
    return f"{ended.exception}"


def test_the_command_ends_where_it_was_begun_and_refuses_what_cannot_be(given: Path, tmp_path: Path) -> None:
    small = ("--preset", "tiny-1l-1t", "--prompts", "3", "--group", "2", "--answer-tokens", "6", "--steps", "2")
    begun = ("--data", given / "train", "--to", tmp_path / "run", "--from", given / "start", *small)
    ended = CliRunner().invoke(train, ["rl", *map(str, begun), "--uniform", "--val", str(given / "test")])
    assert ended.exit_code == 0, ended.output
    assert "step 2/2  right 0.0%" in ended.output and "2 steps done now, 2 in all" in ended.output
    assert "held-out tasks right: 0.0% before, 0.0% after" in ended.output
    again = CliRunner().invoke(train, ["rl", *map(str, begun), "--uniform", "--val", str(given / "test")])
    assert "all of it was done" in again.output
    assert "it was begun with expand False, not True" in refused(*begun)
    other = ("--to", tmp_path / "other")
    assert "begins with a model that answers" in refused("--data", given / "train", *other, *small)
    assert "12 tasks, where a step rolls out 13" in refused(*begun, *other, "--prompts", "13")
    assert "no manifest.json" in refused(*begun, *other, "--data", tmp_path)
    assert not (tmp_path / "other" / "model").exists()
