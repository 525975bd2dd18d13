"""The reward system: each answer goes to what its skill or domain names, and the breakdown says who had a word.

    verifier   its grade, with a judge's word folded in where the rules cannot tell and the rule names a judge
    model      the reward model's score of the answer segment
    format     minus the penalty of a malformed answer; nothing else is asked then
    style      minus the penalty of repeated text and mixed languages
    second     the held-out verifier's grade: watched, not paid
    canary     what the answer earned against an impossible reference: watched, has to be 0

It fails closed: whatever a verifier or a model raises is a reward of 0 whose reason says so, counted apart. A judge or
an endpoint that does not answer is no answer's fault: it stops the run, which goes on from its checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import structs

from annotators.answer_judge import questions, word_of
from annotators.endpoint import Client, Endpoint
from filters.verifiers.domain import Domain
from filters.verifiers.settle import may_ask, settle
from filters.verifiers.verify import verify
from schemas.errors import Unavailable
from schemas.grade import MALFORMED, PARTLY, RIGHT, WRONG, Grade
from schemas.task import Task
from trainer.curriculum.pool import CANARY
from trainer.rewards.canary import impossible, is_looked_at
from trainer.rewards.exact import exact
from trainer.rewards.rules import rule_of
from trainer.rewards.scorer import Scorer
from trainer.rewards.segment import answer_segment
from trainer.rewards.settings import Rewards, Rule
from trainer.rl.rollout import Rewarded, Rollout

NO_VERIFIER, VERIFIER_FAILED, MODEL_FAILED = "no_verifier", "verifier_failed", "model_failed"
FAILED_CLOSED = (NO_VERIFIER, VERIFIER_FAILED, MODEL_FAILED)
"""Why an answer is not paid through no fault of its own."""

BAD_STYLE = ("repeated_text", "mixed_languages")
MOST_DETAIL_CHARS = 200


class Judge(NamedTuple):
    """A judge that is ready to be asked."""

    endpoint: Endpoint
    client: Client


class RewardSystem:
    """Pays answers by a file's rules; `domains` are the verifiers by name."""

    def __init__(
        self,
        rewards: Rewards,
        domains: Mapping[str, Domain],
        judges: Mapping[str, Judge] | None = None,
        scorers: Mapping[str, Scorer] | None = None,
        seed: int = 0,
    ) -> None:
        self._rewards, self._domains, self._seed = rewards, domains, seed
        self._judges, self._scorers = judges or {}, scorers or {}
        self._baits: dict[str, Task | None] = {}

    def reward(self, task: Task, response: str, rollout: Rollout) -> Rewarded:
        """Return what a response earns, and why."""
        rule = rule_of(task, self._rewards)
        paid = self._paid(task, response, rule, rollout.task.key)
        watched = self._watched(task, response, rule, rollout)
        return Rewarded(paid.total, paid.by_function | watched, paid.grade)

    def _paid(self, task: Task, response: str, rule: Rule, key: str) -> Rewarded:
        if (rule.verifier or task.domain) not in self._domains:
            return _closed(NO_VERIFIER, rule.verifier or task.domain)
        try:
            grade = self._graded(_by(task, rule.verifier), response, rule, key)
            reward = exact(grade.reward)
        except Unavailable:
            raise
        except Exception as error:
            return _closed(VERIFIER_FAILED, f"{type(error).__name__}: {error}")
        if grade.reason in MALFORMED:
            return self._fined(grade)
        if not rule.model:
            return Rewarded(reward, {"verifier": reward}, grade)
        try:
            score = exact(self._scorers[rule.model].score(task.question, answer_segment(response, task)))
        except Unavailable:
            raise
        except Exception as error:
            return _closed(MODEL_FAILED, f"{type(error).__name__}: {error}")
        return _weighed({"verifier": reward, "model": score}, rule, grade)

    def _graded(self, task: Task, response: str, rule: Rule, key: str) -> Grade:
        """Return the verifier's grade, with the judge's word in it where there is one to ask."""
        grade = verify(response, task, self._domains)
        if not rule.judge or not may_ask(grade, task, self._domains):
            return grade
        judge = self._judges[rule.judge]
        said = judge.client.ask(questions(task, grade.extracted, key, judge.endpoint), "judged")
        words = list[float]()
        for one in said:
            if isinstance(one, Exception):
                raise one
            words.append(word_of(one.answer.text))
        return settle(grade, task, words, self._domains)

    def _fined(self, grade: Grade) -> Rewarded:
        what = "style" if grade.reason in BAD_STYLE else "format"
        fine = exact(self._rewards.style_penalty if what == "style" else self._rewards.format_penalty)
        return Rewarded(0.0 - fine, {"verifier": 0.0, what: 0.0 - fine}, grade)

    def _watched(self, task: Task, response: str, rule: Rule, rollout: Rollout) -> dict[str, float]:
        """Return the grades that are watched; one that fails is not there."""
        found = dict[str, float]()
        try:
            if rule.second:
                found["second"] = verify(response, _by(task, rule.second), self._domains).reward
            bait = self._bait(task, rule, rollout)
            if bait is not None:
                found["canary"] = self._graded(bait, response, rule, rollout.task.key).reward
        except Unavailable:
            raise
        except Exception:
            return found
        return found

    def _bait(self, task: Task, rule: Rule, rollout: Rollout) -> Task | None:
        if task.skill == CANARY:
            return _by(task, rule.verifier)
        key = rollout.task.key
        if not is_looked_at(rule.canary_share, key, rollout.row, self._seed):
            return None
        if key not in self._baits:
            self._baits[key] = impossible(_by(task, rule.verifier), self._domains)
        return self._baits[key]


def _by(task: Task, verifier: str) -> Task:
    return structs.replace(task, domain=verifier) if verifier else task


def _closed(reason: str, detail: str) -> Rewarded:
    return Rewarded(0.0, {"verifier": 0.0}, Grade(0.0, reason, detail[:MOST_DETAIL_CHARS]))


def _weighed(found: dict[str, float], rule: Rule, grade: Grade) -> Rewarded:
    """Return the mean by the rule's weights; of `free` the model's score alone."""
    by_default = {"model": 1.0} if rule.verifier == "free" else {"verifier": 1.0, "model": 1.0}
    weights = rule.weights or by_default
    total = exact(sum(weights.get(name, 0.0) * value for name, value in found.items()) / sum(weights.values()))
    reason = RIGHT if total == 1 else PARTLY if total > 0 else WRONG
    return Rewarded(total, found, Grade(total, reason, grade.extracted))
