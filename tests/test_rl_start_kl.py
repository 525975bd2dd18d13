"""The divergence from the start: none of the model itself, and as much as its tokens' chances say of another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec import structs

from schemas.task import Task
from trainer.documents.codec import Codec
from trainer.documents.tokens import train_tokens
from trainer.engine.engine import Prompt, Sampling
from trainer.engine.generate import LocalEngine
from trainer.loop.start import Start
from trainer.model.checkpoint_out import save
from trainer.model.model import build
from trainer.model.presets import preset
from trainer.rewards.start_kl import start_kl
from trainer.rl.rollout import Group, RlTask, Rollout

ROWS = 12


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LocalEngine]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("start") / "model"
    tokens = train_tokens(["How many circles are there?"] * 3, 300)
    model = build(structs.replace(preset("tiny-1l-1t"), initial_spread=0.1), tokens.ids(), tokens.size, seed=1)
    save(model, Codec("4.1v", tokens), str(folder))
    return folder, LocalEngine(model, "now", ROWS)


def groups(engine: LocalEngine, injected: int = 0) -> list[Group]:
    """Answers of the engine; the first so many tokens of each are taken to have been put in."""
    prompt = Prompt("k", np.array([40, 41, 42, 43], np.int32))
    (answers,) = engine.generate([prompt], ROWS, Sampling(12, seed=3))
    task = RlTask("k", Task("counting", "How many?", "3"))
    said = [one._replace(injected=tuple(range(injected))) for one in answers]
    return [Group(task, tuple(Rollout(task, row, prompt, one, "") for row, one in enumerate(said)))]


def test_the_model_to_begin_with_is_not_away_from_itself(begun: tuple[Path, LocalEngine]) -> None:
    folder, engine = begun
    kl = start_kl(Start(str(folder)), every=5, seed=0)
    assert kl is not None
    assert set(kl(groups(engine), 0)) == {"counting"}
    assert 0 <= kl(groups(engine), 10)["counting"] < 1e-8
    assert kl(groups(engine), 3) == {}
    assert start_kl(Start(str(folder)), every=0, seed=0) is None


def test_another_model_is_as_far_away_as_its_tokens_say(begun: tuple[Path, LocalEngine]) -> None:
    folder, engine = begun
    kl = start_kl(Start(str(folder)), every=1, seed=0)
    assert kl is not None
    (whole,) = groups(engine)
    by = 0.3
    nearer = [
        one._replace(answer=one.answer._replace(logprobs=tuple(said + by for said in one.answer.logprobs)))
        for one in whole.rollouts
    ]
    told = kl([whole._replace(rollouts=tuple(nearer))], 0)["counting"]
    assert told == pytest.approx(np.exp(-by) - 1 + by, abs=1e-6)


def test_tokens_that_were_put_in_do_not_count(begun: tuple[Path, LocalEngine]) -> None:
    folder, engine = begun
    kl = start_kl(Start(str(folder)), every=1, seed=0)
    assert kl is not None
    (whole,) = groups(engine, injected=1)
    forced = [
        one._replace(answer=one.answer._replace(logprobs=(-50.0, *one.answer.logprobs[1:])))
        for one in whole.rollouts
        if len(one.answer.tokens) > 1
    ]
    assert forced
    assert kl([whole._replace(rollouts=tuple(forced))], 0)["counting"] < 1e-8
