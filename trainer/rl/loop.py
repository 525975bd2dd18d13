"""Reinforcement learning: from tasks and a model to a model, in a folder that the same call goes on in.

run.json          what was asked (asked.py)
tokenizer.json    the words of the model to begin with
checkpoints/      weights and moments, and what the curriculum knows
log.jsonl         a line a step (told.py)
curriculum.jsonl  what was chosen at each step, and what its monitors saw
rollouts/         every answer with what it was paid, a shard a step, as `ostraka ingest` takes it (written.py)
held_out.jsonl    the share of held-out tasks that is answered right, at the beginning and at every checkpoint
model/            the weights in the end, as other programs load them
index.html        the run as a page (page.py)

Rolling out and learning take turns with the same weights: the local engine answers with the very model that learns, a
server with a copy of it, under a name that each step gives it, and no answer of another name is learnt from.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import msgspec
import torch
from fsspec.implementations.local import LocalFileSystem
from msgspec import Struct, structs

from schemas.errors import BadInput
from schemas.publish import sweep
from trainer.data.export_index import Export
from trainer.data.given import codec_of, exports_of
from trainer.documents.codec import Codec
from trainer.engine.engine import Engine
from trainer.loop.asked import claim_by
from trainer.loop.checkpoint import Checkpoints, load, path_of, read_state, steps
from trainer.loop.parallel import Ranks
from trainer.loop.record import Record
from trainer.loop.run_file import put_file
from trainer.loop.start import MODEL, TOKENIZER, started, tokenizer_of
from trainer.model.attention import use_document_attention
from trainer.model.checkpoint_out import save
from trainer.model.flat_kernel import use_flat_kernel
from trainer.model.forward import Trainee
from trainer.rl.answering import engine_of, hand_over
from trainer.rl.asked import RlAsked, check, values
from trainer.rl.curriculum import Curriculum, Uniform
from trainer.rl.held_out import looked, write_held_out
from trainer.rl.learner import Learner
from trainer.rl.page import write_page
from trainer.rl.reward import Rewarder, VerifierReward
from trainer.rl.roll import Roller, check_room
from trainer.rl.rollout import Group
from trainer.rl.tasks import Tasks
from trainer.rl.told import RlTold, told_of
from trainer.rl.written import write_rollouts

CURRICULUM = "curriculum.jsonl"


def uniform(tasks: Tasks, asked: RlAsked) -> Curriculum:
    """Return the plain curriculum."""
    return Uniform(tuple(tasks.of), asked.grpo.prompts, asked.stage.seed)


@contextmanager
def by_verifiers(tasks: Tasks, asked: RlAsked, folder: str) -> Iterator[Rewarder]:
    """Yield the plain rewarder."""
    yield VerifierReward()


class Parts(NamedTuple):
    """What a run is put together from, beside its model: who chooses tasks, and who pays answers while it runs."""

    curriculum: Callable[[Tasks, RlAsked], Curriculum] = uniform
    rewarder: Callable[[Tasks, RlAsked, str], AbstractContextManager[Rewarder]] = by_verifiers


PLAIN = Parts()


class _Run(NamedTuple):
    learner: Learner
    engine: Engine
    curriculum: Curriculum
    roller: Roller
    tasks: Tasks
    codec: Codec
    held_out: Roller | None
    aside: Sequence[str]


def train_rl(folder: str, asked: RlAsked, among: Ranks, parts: Parts = PLAIN) -> Iterator[RlTold]:
    """Train, and yield what each step told; a run that has ended yields nothing.

    Raises BadInput where the tasks, the start or the folder is not what the run needs, Unavailable where a disk fails.
    """
    check(asked)
    codec, exports = _codec(folder, asked)
    tasks = Tasks(exports, codec)
    check_room(tasks, asked.grpo.prompts)
    with among.first_alone():
        claim_by(folder, asked, values)
        if not os.path.exists(os.path.join(folder, TOKENIZER)):
            put_file(os.path.join(folder, TOKENIZER), codec.tokens.json.encode())
    if os.path.isdir(os.path.join(folder, MODEL)):
        return
    with parts.rewarder(tasks, asked, folder) as rewarder:
        run = _put_together(asked, codec, tasks, among, parts.curriculum(tasks, asked), rewarder)
        yield from _steps(folder, asked, run, among)
    if among.rank == 0:
        save(run.learner.trainee.model, codec, os.path.join(folder, MODEL))
        write_page(folder)
    among.wait()


def _steps(folder: str, asked: RlAsked, run: _Run, among: Ranks) -> Iterator[RlTold]:
    checkpoints = Checkpoints(os.path.join(folder, "checkpoints"), among, asked.stage.keep)
    first = _go_on(checkpoints.folder, run)
    with among.first_alone():
        record = Record(folder, first) if among.rank == 0 else None
        if among.rank == 0:
            sweep(folder)
    try:
        for step in range(first, asked.stage.steps):
            if step % asked.stage.checkpoint_every == 0:
                _look(folder, run, step, among)
            told = _step(folder, run, asked, step, among)
            if record:
                record.add(told)
            yield told
            checkpoints.publish()
            done = step + 1
            if done % asked.stage.checkpoint_every == 0 or done == asked.stage.steps:
                state = {"step": done, "tasks": run.tasks.digest, "curriculum": run.curriculum.state()}
                checkpoints.save(done, run.learner.trainee, run.learner.optimizer, state)
        checkpoints.finish()
        _look(folder, run, asked.stage.steps, among)
    finally:
        if record:
            record.close()


def _codec(folder: str, asked: RlAsked) -> tuple[Codec, list[Export]]:
    """Return how tasks become prompts, and the exports; the tokenizer is the one that the folder keeps, if it does."""
    exports, _ = exports_of(asked.given)
    kept = os.path.join(folder, TOKENIZER)
    path = kept if os.path.exists(kept) else tokenizer_of(asked.start, asked.given.tokenizer)
    return codec_of(structs.replace(asked.given, tokenizer=path), exports), exports


def _put_together(
    asked: RlAsked, codec: Codec, tasks: Tasks, among: Ranks, curriculum: Curriculum, rewarder: Rewarder
) -> _Run:
    stage, grpo, ids = asked.stage, asked.grpo, codec.tokens.ids()
    model = started(asked.start, asked.given.preset, codec, torch.float32, stage.seed).to(among.device)
    use_document_attention(model)
    use_flat_kernel(model)
    if stage.recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.generation_config.eos_token_id = list(ids.stops)
    learner = Learner(stage, grpo, Trainee(model), ids, among)
    engine = engine_of(asked.engine, asked.served, model, codec, grpo.rows_at_once)
    roller = Roller(tasks, engine, rewarder, codec, grpo, stage.seed, among)
    aside = _aside(asked, codec)
    if aside is None:
        return _Run(learner, engine, curriculum, roller, tasks, codec, None, ())
    looking = Roller(aside, engine, VerifierReward(), codec, grpo, stage.seed, among)
    return _Run(learner, engine, curriculum, roller, tasks, codec, looking, tuple(aside.of)[: asked.held_out_tasks])


def _aside(asked: RlAsked, codec: Codec) -> Tasks | None:
    """Return the held-out tasks: an export's split val, or all of one that has none."""
    if not asked.held_out:
        return None
    given = structs.replace(asked.given, data=asked.held_out, split="val", mix=())
    try:
        exports, _ = exports_of(given)
    except BadInput:
        exports, _ = exports_of(structs.replace(given, split="train"))
    return Tasks(exports, codec)


def _go_on(folder: str, run: _Run) -> int:
    """Fill the run from its last checkpoint, and return the step that comes next."""
    done = steps(folder)
    if not done:
        return 0
    path = path_of(folder, done[-1])
    state: dict[str, Any] = read_state(path)
    if state["tasks"] != run.tasks.digest:
        raise BadInput("it was begun with other tasks", where=folder, remedy="give the same --data")
    load(path, run.learner.trainee, run.learner.optimizer)
    run.curriculum.load(state["curriculum"])
    return int(state["step"])


def _step(folder: str, run: _Run, asked: RlAsked, step: int, among: Ranks) -> RlTold:
    begin = time.perf_counter()
    version = f"step-{step:08d}"
    hand_over(run.engine, version, run.learner.trainee.model, run.codec, folder, among)
    groups, left_out = run.roller.roll(run.curriculum.choose(step), step)
    rolled = time.perf_counter()
    selected: Sequence[Group] = ()
    try:
        selected = run.curriculum.select(groups)
    finally:
        if among.rank == 0 and asked.keep_rollouts:
            name, keys = os.path.basename(os.path.abspath(folder)), {group.task.key for group in selected}
            write_rollouts(LocalFileSystem(), folder, name, step, groups, run.tasks.read, keys)
    if among.rank == 0 and run.curriculum.told is not None:
        _write(os.path.join(folder, CURRICULUM), run.curriculum.told)
    rate = asked.stage.rate.at(step, asked.stage.steps)
    learnt = run.learner.learn(selected, rate)
    ended = time.perf_counter()
    return told_of(step, version, groups, len(selected), len(left_out), learnt, rate, rolled - begin, ended - rolled)


def _write(path: str, told: Struct) -> None:
    with open(path, "ab") as file:
        file.write(msgspec.json.encode(told) + b"\n")


def _look(folder: str, run: _Run, step: int, among: Ranks) -> None:
    if run.held_out is None:
        return
    hand_over(run.engine, f"step-{step:08d}", run.learner.trainee.model, run.codec, folder, among)
    told = looked(run.held_out.look(run.aside), step)
    if among.rank == 0:
        write_held_out(folder, told)
