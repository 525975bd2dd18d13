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
from pipelines.commands.why import why
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.source import Options
from pipelines.query.browse import write_page
from pipelines.query.funnel import cases, funnel
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.in_duckdb import connected
from pipelines.shelf.notes import read_pieces
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, BadSample
from schemas.publish import PREFIX
from schemas.response import BOX, BOX_END
from schemas.rollout import RolledOut, rolled_out_of
from schemas.sample import Image, Sample, Source, Text
from schemas.shard import samples
from schemas.task import Posed, Task, posed_of
from trainer.data.given import Given
from trainer.engine.engine import Answer, Prompt
from trainer.loop.asked import Asked, claim, claim_by
from trainer.rl.asked import RlAsked, values
from trainer.rl.grpo import rl
from trainer.rl.rollout import Group, Rewarded, RlTask, Rollout
from trainer.rl.written import write_rollouts

FS = fsspec.filesystem("file")
RIGHT = f"<think>One, two, three.</think><answer>{BOX}3{BOX_END}</answer>"
WRONG = f"<think>One, two.</think><answer>{BOX}2{BOX_END}</answer>"
BARE = "three"
CHROMIUM = Path("/usr/bin/chromium")


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


def write(
    folder: Path,
    bench: Bench,
    step: int,
    *of_tasks: Sequence[str],
    run_name: str = "night",
    selected: Sequence[str] = (),
) -> None:
    groups = [bench.group(key, said, f"v{step}") for key, said in zip(bench.keys, of_tasks, strict=True)]
    write_rollouts(FS, str(folder), run_name, step, groups, bench.read, selected or bench.keys)


def taken_in(folder: Path) -> Shelf:
    shelf = Shelf(str(folder / "shelf"))
    ingest(shelf, str(folder / "rollouts"), Local(1), Options())
    run(shelf, find_recipe("rollouts"), Local(1))
    return shelf


def test_rollouts_are_a_shelf_with_a_funnel_of_rewards(tmp_path: Path, bench: Bench) -> None:
    write(tmp_path, bench, 0, [RIGHT, WRONG, BARE], [WRONG, WRONG, WRONG])
    write(tmp_path, bench, 1, [RIGHT, RIGHT, RIGHT], [BARE, BARE, BARE], selected=bench.keys[1:])
    shelf = taken_in(tmp_path)
    recipe = find_recipe("rollouts")
    with connected(shelf) as db:
        stages, counted = funnel(db, shelf, recipe.id), cases(db, shelf, recipe.id)
    dropped = {stage.name: sum(stage.dropped.values()) for stage in stages if stage.dropped}
    assert dropped == {"teaches": 3}
    assert [stage.dropped for stage in stages if stage.dropped] == [{"all_paid": 1, "none_paid": 1, "paid_alike": 1}]
    assert list(counted.values()) == [{"counting fined": 4, "counting not_paid": 4, "counting paid": 4}]
    told = {
        (row["rollout_step"], tuple(row["rollout_rewards"])): row
        for _, piece in read_pieces(shelf, recipe.ids[0], "000000")
        for row in piece.to_pylist()
    }
    first = told[0, (1.0, 0.0, -0.5)]
    assert first["pass_rate"] == pytest.approx(1 / 3) and first["rollout_reward"] == pytest.approx(1 / 6)
    assert first["reward_parts"] == ["verifier 1 style 0", "verifier 0 style 0", "verifier 0 style -0.5"]
    assert first["rollout_weights"] == ["v0"] * 3 and first["responses"] == [RIGHT, WRONG, BARE]
    assert [round(one, 3) for one in first["rollout_advantages"]] == [1.336, -0.267, -1.069]
    assert {key: row["rollout_learnt"] for key, row in told.items()} == {
        (0, (1.0, 0.0, -0.5)): True,
        (0, (0.0, 0.0, 0.0)): False,
        (1, (1.0, 1.0, 1.0)): False,
        (1, (-0.5, -0.5, -0.5)): False,
    }


def test_why_tells_task_answers_rewards_version_and_step_of_one(tmp_path: Path, bench: Bench) -> None:
    write(tmp_path, bench, 7, [RIGHT, WRONG], [WRONG, WRONG])
    shelf = taken_in(tmp_path)
    key = next(key for key, _ in samples(tmp_path / "rollouts" / "step-000007.tar"))
    said = CliRunner().invoke(why, [f"step-000007.tar/{key}", "--shelf", shelf.url], catch_exceptions=False).output
    for one in ("How many boats?", "rollout_run night", "rollout_step 7", "task_reference 3", "rollout_learnt True"):
        assert one in " ".join(said.split()), one
    right = "paid, reward 1, by verifier 1 style 0, grade right, took 3, advantage 1, tokens 3, of them put in 0"
    wrong = "not_paid, reward 0, by verifier 0 style 0, grade wrong, took 2, advantage -1, tokens 3, of them put in 1"
    ended = "ended by stop, weights v7"
    assert f"  0: {right}, {ended}\n     {RIGHT}\n  1: {wrong}, {ended}\n     {WRONG}\n" in said


LONG = f"<think>{'One, two, three. ' * 9}<b>&</think><answer>{BOX}3{BOX_END}</answer>"
ENDLESS = f"<think>{' '.join(map(str, range(900)))}</think><answer>{BOX}3{BOX_END}</answer>"


@pytest.fixture
def page(tmp_path: Path, bench: Bench) -> Path:
    """The browse page of a step: three long answers that are right, one malformed, one endless."""
    write(tmp_path, bench, 0, [LONG, f"{LONG} ", ENDLESS], [f"{LONG}  ", BARE * 90])
    write_page(taken_in(tmp_path), find_recipe("rollouts"), str(tmp_path / "page.html"), 9)
    return tmp_path / "page.html"


def test_the_page_holds_rewards_in_its_funnel_and_answers_one_by_one(page: Path) -> None:
    data = json.decode(page.read_text().split('id="data">')[1].split("</script>")[0])
    assert {step["name"]: step.get("cases") for step in data["steps"]} == {
        "ingest": None,
        "toldrollouts": {"counting not_paid": 1, "counting paid": 4},
        "teaches": None,
        "between(pass_rate)": None,
    }
    told = [one for card in data["cards"] for one in card["told"] if one["step"].startswith("toldrollouts")]
    assert sorted(item["said"][""] for one in told for item in one["items"]) == ["not_paid", *["paid"] * 4]
    texts = {item["text"] for one in told for item in one["items"]}
    assert texts >= {LONG, f"{LONG} "}
    [endless] = [text for text in texts if "characters) …" in text]
    assert endless.endswith(f"</think><answer>{BOX}3{BOX_END}</answer>") and len(endless) < 1600
    assert all("responses" not in one["notes"] and one["notes"]["task_reference"] == "3" for one in told)
    shares = {one["name"] for one in data["shares"]}
    assert "grades" in shares and "responses" not in shares


def test_a_browser_shows_what_the_page_holds(page: Path) -> None:
    if not CHROMIUM.exists():
        pytest.skip("no chromium")
    api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        try:
            tab, wrong = browser.new_page(), list[str]()
            tab.on("pageerror", lambda error: wrong.append(str(error)))
            tab.goto(page.as_uri())
            assert "counting not paid 1" in tab.locator("#steps").inner_text()
            tab.locator("figure.dropped button").first.click()
            answers = tab.locator("#story .items > li").all_inner_texts()
            assert len(answers) == 3 and wrong == []
            assert answers[0].startswith("0: paid, reward 1, by verifier 1 style 0, grade right, took 3, advantage 0, ")
            assert LONG in answers[0]
        finally:
            browser.close()


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
        write_rollouts(FS, str(tmp_path / run_name), run_name, step, [group], bench.read, ())
        keys |= {key for key, _ in samples(tmp_path / run_name / "rollouts" / f"step-{step:06d}.tar")}
    assert len(keys) == 3


def taken(shelf: Shelf) -> list[tuple[str, str]]:
    """Return what stands on a shelf, by run and step, once for each task."""
    found = [row for shard in shelf.shards() for row in shelf.catalog(shard, ["dataset", "name"]).to_pylist()]
    return sorted((row["dataset"], row["name"].split(".")[0]) for row in found)


def test_a_shelf_takes_what_is_new_of_runs_that_go_on_beside_each_other(tmp_path: Path, bench: Bench) -> None:
    shelf = Shelf(str(tmp_path / "shelf"))
    for run_name in ("night", "day"):
        (tmp_path / run_name).mkdir()
        (tmp_path / run_name / "run.json").write_text("{}")
        (tmp_path / run_name / "index.html").write_text("<p>its page</p>")
        write(tmp_path / run_name, bench, 0, [RIGHT, WRONG], [WRONG, WRONG], run_name=run_name)
    half = (tmp_path / "night" / "rollouts" / "step-000000.tar").read_bytes()[:3000]
    (tmp_path / "night" / "rollouts" / f"{PREFIX}half").write_bytes(half)
    first = ingest(shelf, str(tmp_path / "night"), Local(1))
    assert (first.listed, first.new, first.recipe) == (2, 2, "rollouts")
    assert ingest(shelf, str(tmp_path / "day" / "rollouts"), Local(1)).new == 2
    write(tmp_path / "night", bench, 0, [RIGHT, WRONG], [WRONG, WRONG])
    write(tmp_path / "night", bench, 1, [RIGHT, RIGHT], [WRONG, WRONG])
    again = ingest(shelf, str(tmp_path / "night" / "rollouts"), Local(1))
    assert (again.listed, again.new, again.changed) == (4, 2, 0)
    assert (
        taken(shelf) == [("day", "step-000000")] * 2 + [("night", "step-000000")] * 2 + [("night", "step-000001")] * 2
    )


@pytest.mark.parametrize("kept", [None, False, True])
def test_a_run_without_rollouts_is_refused_and_its_page_is_no_document(tmp_path: Path, kept: bool | None) -> None:
    stage, grpo = rl("tiny")
    given = Given(data=("tasks",), preset="tiny")
    folder = tmp_path / "night"
    if kept is None:
        claim(str(folder), Asked(stage, given))
    else:
        claim_by(str(folder), RlAsked(stage, grpo, given, keep_rollouts=kept), values)
    (folder / "index.html").write_text("<article><p>What became of the run.</p></article>")
    said = {None: "run.json says where", False: "--no-rollouts", True: "when the first step is done"}[kept]
    with pytest.raises(BadInput, match=rf"{folder}: this is a training run without rollouts; .*{said}"):
        ingest(Shelf(str(tmp_path / "shelf")), str(folder), Local(1))
    (folder / "run.json").write_text('{"asked": "by somebody else"}')
    assert ingest(Shelf(str(tmp_path / "shelf")), str(folder), Local(1)).recipe == "documents"


def spoil(path: Path, was: bytes, put: bytes) -> None:
    shard = path.read_bytes()
    assert was in shard and len(was) == len(put)
    path.write_bytes(shard.replace(was, put, 1))


def test_a_row_that_is_broken_is_a_failed_row(tmp_path: Path, bench: Bench) -> None:
    write(tmp_path, bench, 0, [RIGHT, WRONG], [RIGHT, WRONG])
    write(tmp_path, bench, 1, [RIGHT, WRONG], [RIGHT, WRONG])
    spoil(tmp_path / "rollouts" / "step-000000.tar", b'finish\\":\\"stop', b'finisj\\":\\"stop')
    [content] = bench.read(bench.keys[0])[1]
    spoil(tmp_path / "rollouts" / "step-000001.tar", content, bytes(len(content)))
    shelf = Shelf(str(tmp_path / "shelf"))
    assert ingest(shelf, str(tmp_path / "rollouts"), Local(1), max_failed=1.0).counts == {
        "samples": 3,
        "not_as_stated": 1,
    }
    recipe = find_recipe("rollouts")
    run(shelf, recipe, Local(1), RunOptions(max_failed=1.0))
    with connected(shelf) as db:
        stages, counted = funnel(db, shelf, recipe.id), cases(db, shelf, recipe.id)
    assert [stage.failed for stage in stages if stage.failed] == [{"not_as_stated": 1}, {"no_rollouts": 1}]
    assert list(counted.values()) == [{"counting not_paid": 2, "counting paid": 2}]


def test_responses_without_their_rollouts_are_no_rollouts() -> None:
    with pytest.raises(BadSample, match="0 rollouts of 1 responses"):
        rolled_out_of(json.encode(RolledOut(Task("counting", "?", "3"), (RIGHT,))).decode())
    with pytest.raises(BadSample, match="no_rollouts"):
        rolled_out_of("")
