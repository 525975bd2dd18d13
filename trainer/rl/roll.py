"""Rolling out: tasks are answered in groups by an engine, and each answer is paid.

What is drawn hangs on the run's seed, the step, the task and the answer's row, so a step that is done again draws the
same. Of several ranks each answers its share, and all of them then hold every group: answers go between ranks, and
prompts are read again where they are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import torch.distributed as dist

from schemas.errors import BadInput, BadSample
from trainer.documents.codec import Codec
from trainer.documents.tokens import Tokens
from trainer.engine.engine import Answer, Engine, Prompt, Sampling
from trainer.engine.on_policy import force_after, on_policy
from trainer.loop.parallel import Ranks
from trainer.rl.grpo import Grpo
from trainer.rl.reward import Rewarder
from trainer.rl.rollout import Group, Rewarded, Rollout
from trainer.rl.tasks import Tasks


class LeftOut(NamedTuple):
    """A task that could not be rolled out, and why."""

    key: str
    reason: str
    detail: str


class _Answered(NamedTuple):
    key: str
    answers: list[Answer]
    rewarded: list[Rewarded]


class Roller:
    """Rolls out tasks with an engine."""

    def __init__(
        self, tasks: Tasks, engine: Engine, rewarder: Rewarder, codec: Codec, grpo: Grpo, seed: int, among: Ranks
    ) -> None:
        self._tasks, self._engine, self._rewarder, self._tokens = tasks, engine, rewarder, codec.tokens
        self._grpo, self._seed, self._ranks = grpo, seed, among
        self._force = force_after(grpo.think_tokens, codec) if grpo.think_tokens else None

    def roll(self, keys: Sequence[str], step: int) -> tuple[list[Group], list[LeftOut]]:
        """Return a group for each task that can be asked, in the order of the keys, and those that cannot.

        Raises Unavailable where an answer is not of the weights that the engine was given last.
        """
        return self._answered(keys, self._grpo.group, self._sampling(1.0, seed_of(self._seed, step)))

    def look(self, keys: Sequence[str]) -> list[Group]:
        """Return the likeliest answer to each task, a group of one."""
        return self._answered(keys, 1, self._sampling(0.0, 0))[0]

    def _sampling(self, temperature: float, seed: int) -> Sampling:
        return Sampling(self._grpo.answer_tokens, temperature, seed=seed, force=self._force)

    def _answered(self, keys: Sequence[str], n: int, sampling: Sampling) -> tuple[list[Group], list[LeftOut]]:
        mine, left_out = self.prompts(keys[self._ranks.rank :: self._ranks.count])
        answers = on_policy(self._engine, self._engine.version, mine, n, sampling)
        groups = [self._group(prompt, of_it) for prompt, of_it in zip(mine, answers, strict=True)]
        return self._of_all_ranks(keys, groups, left_out)

    def prompts(self, keys: Sequence[str]) -> tuple[list[Prompt], list[LeftOut]]:
        """Return the prompts of tasks, and the tasks that have none."""
        found, left_out = list[Prompt](), list[LeftOut]()
        for key in keys:
            try:
                prompt = self._tasks.prompt(key)
            except BadSample as bad:
                left_out.append(LeftOut(key, bad.reason, bad.detail))
                continue
            found.append(prompt)
        return found, left_out

    def _group(self, prompt: Prompt, answers: Sequence[Answer]) -> Group:
        task = self._tasks.of[prompt.key]
        unpaid = [Rollout(task, row, prompt, one, text_of(one, self._tokens)) for row, one in enumerate(answers)]
        paid = [one._replace(rewarded=self._rewarder.reward(task.task, one.text, one)) for one in unpaid]
        return Group(task, tuple(paid))

    def _of_all_ranks(
        self, keys: Sequence[str], groups: list[Group], left_out: list[LeftOut]
    ) -> tuple[list[Group], list[LeftOut]]:
        if self._ranks.count == 1:
            return groups, left_out
        mine = [
            _Answered(one.task.key, [r.answer for r in one.rollouts], [r.rewarded for r in one.rollouts])
            for one in groups
        ]
        told: list[tuple[list[_Answered], list[LeftOut]]] = [([], [])] * self._ranks.count
        dist.all_gather_object(told, (mine, left_out))
        of_key = {one.key: one for answered, _ in told for one in answered}
        whole = [self._again(of_key[key]) for key in keys if key in of_key]
        return whole, [one for _, lacking in told for one in lacking]

    def _again(self, answered: _Answered) -> Group:
        task, prompt = self._tasks.of[answered.key], self._tasks.prompt(answered.key)
        both = zip(answered.answers, answered.rewarded, strict=True)
        rollouts = [
            Rollout(task, row, prompt, answer, text_of(answer, self._tokens), paid)
            for row, (answer, paid) in enumerate(both)
        ]
        return Group(task, tuple(rollouts))


def seed_of(seed: int, step: int) -> int:
    """Return the seed of a step's draws."""
    return int.from_bytes(sha256(f"rl {seed} {step}".encode()).digest()[:7], "big")


def text_of(answer: Answer, tokens: Tokens) -> str:
    """Return an answer in words, without the token that ended it."""
    said = answer.tokens[:-1] if answer.finish == "stop" else answer.tokens
    return tokens.decode(said)


def check_room(tasks: Tasks, prompts: int) -> None:
    """Raise BadInput where a step wants more tasks than there are."""
    if len(tasks.of) < prompts:
        raise BadInput(
            f"{len(tasks.of)} tasks, where a step rolls out {prompts}",
            where="--data",
            remedy="give more tasks, or fewer --prompts",
        )
