"""Rollouts of a run, written in the form of an export: taken in, counted by a recipe, told one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import fsspec
import numpy as np
import pytest
from click.testing import CliRunner
from msgspec import json

from filters.verifiers.verify import verify
from pipelines.commands.ask import why
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.query.funnel import cases, funnel
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.in_duckdb import connected
from pipelines.shelf.notes import read_pieces
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadSample
from schemas.response import BOX, BOX_END
from schemas.rollout import RolledOut, rolled_out_of
from schemas.sample import Image, Sample, Source, Text
from schemas.shard import samples
from schemas.task import Posed, Task, posed_of
from trainer.engine.engine import Answer, Prompt
from trainer.rl.rollout import Group, Rewarded, RlTask, Rollout
from trainer.rl.written import write_rollouts

FS = fsspec.filesystem("file")
RIGHT = f"<think>One, two, three.</think><answer>{BOX}3{BOX_END}</answer>"
WRONG = f"<think>One, two.</think><answer>{BOX}2{BOX_END}</answer>"
BARE = "three"


class Bench:
    """Two tasks, each with a picture of its own, and what a run says to them."""

    def __init__(self, picture: Callable[..., bytes]) -> None:
        self._of = {}
        for number in range(2):
            content = picture(number, (64, 48), "PNG")
            digest = sha256(content).hexdigest()
            task = Task("counting", "How many boats?", "3", skill="boats")
            source = Source("harbours", f"harbour-{number}", licence="CC0-1.0", meta=json.encode(Posed(task)).decode())
            parts = (Image(digest, len(content), "png", 64, 48), Text("How many boats?", "user"))
            self._of[f"{number:032x}"] = Sample(f"{number:032x}", parts, source), [content]
        self.keys = list(self._of)

    def read(self, key: str) -> tuple[Sample, Sequence[bytes]]:
        return self._of[key]

    def group(self, key: str, responses: Sequence[str], version: str) -> Group:
        task = RlTask(key, posed_of(self._of[key][0].source.meta).task)
        return Group(task, tuple(self._rollout(task, row, text, version) for row, text in enumerate(responses)))

    def _rollout(self, task: RlTask, row: int, text: str, version: str) -> Rollout:
        answer = Answer((5, 6, 7), (-0.5, -0.25, 0.0), "stop", 40 + row, version, injected=(1,) if row == 1 else ())
        grade = verify(text, task.task)
        style = -0.5 if text == BARE else 0.0
        paid = Rewarded(grade.reward + style, {"verifier": grade.reward, "style": style}, grade)
        return Rollout(task, row, Prompt(task.key, np.zeros(1, np.int32)), answer, text, rewarded=paid)


@pytest.fixture
def bench(picture: Callable[..., bytes]) -> Bench:
    return Bench(picture)


def write(folder: Path, bench: Bench, step: int, *of_tasks: Sequence[str]) -> None:
    groups = [bench.group(key, said, f"v{step}") for key, said in zip(bench.keys, of_tasks, strict=True)]
    write_rollouts(FS, str(folder), "night", step, groups, bench.read)


def taken_in(folder: Path) -> Shelf:
    shelf = Shelf(str(folder / "shelf"))
    ingest(shelf, str(folder / "rollouts"), Local(1), Options())
    run(shelf, find_recipe("rollouts"), Local(1))
    return shelf


def test_rollouts_are_a_shelf_with_a_funnel_of_rewards(tmp_path: Path, bench: Bench) -> None:
    write(tmp_path, bench, 0, [RIGHT, WRONG, BARE], [WRONG, WRONG, WRONG])
    write(tmp_path, bench, 1, [RIGHT, RIGHT, RIGHT], [RIGHT, WRONG, WRONG])
    shelf = taken_in(tmp_path)
    recipe = find_recipe("rollouts")
    with connected(shelf) as db:
        stages, counted = funnel(db, shelf, recipe.id), cases(db, shelf, recipe.id)
    dropped = {stage.name: sum(stage.dropped.values()) for stage in stages if stage.dropped}
    assert dropped == {"above(pass_rate)": 1, "below(pass_rate)": 1}
    assert list(counted.values()) == [{"counting": 4}]
    told = {
        (row["rollout_step"], tuple(row["rollout_rewards"])): row
        for _, piece in read_pieces(shelf, recipe.ids[0], "000000")
        for row in piece.to_pylist()
    }
    first = told[0, (1.0, 0.0, -0.5)]
    assert first["pass_rate"] == pytest.approx(1 / 3) and first["rollout_reward"] == pytest.approx(1 / 6)
    assert first["reward_parts"] == ["verifier 1 style 0", "verifier 0 style 0", "verifier 0 style -0.5"]
    assert first["rollout_weights"] == ["v0"] * 3 and first["responses"] == [RIGHT, WRONG, BARE]


def test_why_tells_task_answers_rewards_version_and_step_of_one(tmp_path: Path, bench: Bench) -> None:
    write(tmp_path, bench, 7, [RIGHT, WRONG], [WRONG, WRONG])
    shelf = taken_in(tmp_path)
    key = next(key for key, _ in samples(tmp_path / "rollouts" / "step-000007.tar"))
    said = CliRunner().invoke(why, [f"step-000007.tar/{key}", "--shelf", shelf.url], catch_exceptions=False).output
    for one in ("How many boats?", "rollout_step 7", "v7", "verifier 1 style 0", "One, two, three.", "right, wrong"):
        assert one in " ".join(said.split()), one


def test_a_step_that_is_done_again_is_the_same_file_in_its_place(tmp_path: Path, bench: Bench) -> None:
    write(tmp_path, bench, 3, [RIGHT, WRONG], [WRONG, WRONG])
    path = tmp_path / "rollouts" / "step-000003.tar"
    before = path.read_bytes()
    write(tmp_path, bench, 3, [RIGHT, WRONG], [WRONG, WRONG])
    assert path.read_bytes() == before and [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_rollout_is_written_with_its_weights_its_seed_and_what_was_put_in(tmp_path: Path, bench: Bench) -> None:
    write(tmp_path, bench, 2, [RIGHT, WRONG], [WRONG, BARE])
    found = list(samples(tmp_path / "rollouts" / "step-000002.tar"))
    for (_, members), key in zip(found, bench.keys, strict=True):
        sample = json.decode(members["json"], type=Sample)
        task, contents = bench.read(key)
        assert sample.parts == task.parts and members["png"] == contents[0]
        assert sample.source.parent == key and sample.source.licence == "CC0-1.0"
        rolled = rolled_out_of(sample.source.meta)
        assert [(one.version, one.seed, one.injected, one.tokens) for one in rolled.rolled] == [
            ("v2", 40, 0, 3),
            ("v2", 41, 1, 3),
        ]
        assert (rolled.run, rolled.step) == ("night", 2)
        assert posed_of(sample.source.meta).responses == rolled.responses


def test_rollouts_of_another_step_or_run_are_other_samples(tmp_path: Path, bench: Bench) -> None:
    group = bench.group(bench.keys[0], [RIGHT], "v")
    keys = set()
    for run_name, step in (("night", 1), ("night", 2), ("day", 1)):
        write_rollouts(FS, str(tmp_path / run_name), run_name, step, [group], bench.read)
        keys |= {key for key, _ in samples(tmp_path / run_name / "rollouts" / f"step-{step:06d}.tar")}
    assert len(keys) == 3


def test_responses_without_their_rollouts_are_no_rollouts() -> None:
    with pytest.raises(BadSample, match="0 rollouts of 1 responses"):
        rolled_out_of(json.encode(RolledOut(Task("counting", "?", "3"), (RIGHT,))).decode())
    with pytest.raises(BadSample, match="no_rollouts"):
        rolled_out_of("")
