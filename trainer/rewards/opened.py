"""Rewards made ready: what they name is looked up, loaded and opened, once, before anything is rolled out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from msgspec import structs

from annotators.endpoint import Endpoint
from schemas.task import Task
from trainer.needs import need
from trainer.rewards.classifier import Classifier
from trainer.rewards.rater import Rater
from trainer.rewards.rules import check
from trainer.rewards.scorer import Scorer
from trainer.rewards.settings import RewardModel, Rewards
from trainer.rewards.system import Judge, RewardSystem
from trainer.rewards.verifiers import verifiers

ANSWERS = "asked"
"""The folder, in a run's, of what judges and marking models said."""


@contextmanager
def opened(rewards: Rewards, tasks: Iterable[Task], folder: str, seed: int = 0) -> Iterator[RewardSystem]:
    """Open a reward system whose journals lie in a run's folder; raises BadInput where it cannot pay the tasks."""
    rules = (*rewards.domains.values(), *rewards.skills.values())
    domains = verifiers(name for rule in rules for name in (rule.verifier, rule.second))
    check(rewards, tasks, domains)
    if rewards.judges or any(model.url for model in rewards.models.values()):
        need("httpx", "tenacity", extra="endpoint")
    with ExitStack() as stack:
        journals = os.path.join(folder, ANSWERS)
        judges = {
            name: Judge(endpoint, stack.enter_context(endpoint.open(journals)))
            for name, endpoint in rewards.judges.items()
        }
        scorers = {name: _scorer(model, journals, stack) for name, model in rewards.models.items()}
        yield RewardSystem(rewards, domains, judges, scorers, seed)


def _scorer(model: RewardModel, journals: str, stack: ExitStack) -> Scorer:
    if model.folder:
        return Classifier(model.folder)
    endpoint = structs.replace(Endpoint(), url=model.url, model=model.model, max_tokens=8)
    return Rater(endpoint, stack.enter_context(endpoint.open(journals)))
