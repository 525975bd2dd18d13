"""Which rule pays a task: its skill's, else its domain's, else its domain's verifier alone; checked before any work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from filters.verifiers.domain import Domain
from schemas.errors import BadInput
from schemas.task import Task
from trainer.rewards.settings import Rewards, Rule


def rule_of(task: Task, rewards: Rewards) -> Rule:
    """Return the rule that pays a task."""
    return rewards.skills.get(task.skill) or rewards.domains.get(task.domain) or Rule()


def check(rewards: Rewards, tasks: Iterable[Task], known: Mapping[str, Domain]) -> None:
    """Raise BadInput where a rule names what is not there, is for no task, or a task has no verifier."""
    domains, skills = set[str](), set[str]()
    for task in tasks:
        domains.add(task.domain)
        skills.add(task.skill)
        verifier = rule_of(task, rewards).verifier or task.domain
        if verifier not in known:
            raise BadInput(
                f"no verifier for the domain {task.domain!r}",
                where=f"a task: {task.question[:80]!r}",
                remedy=f"name one under [domains.{task.domain}] of --rewards: {', '.join(known)}",
            )
    _all_met("domain", rewards.domains, domains)
    _all_met("skill", rewards.skills, skills)
    for where, rule in (*_named("domains", rewards.domains), *_named("skills", rewards.skills)):
        for what, name, there in (("judge", rule.judge, rewards.judges), ("model", rule.model, rewards.models)):
            if name and name not in there:
                raise BadInput(f"there is no {what} {name!r}", where=where, remedy=f"add [{what}s.{name}]")


def _named(table: str, rules: Mapping[str, Rule]) -> list[tuple[str, Rule]]:
    return [(f"[{table}.{name}] of the rewards", rule) for name, rule in rules.items()]


def _all_met(what: str, rules: Mapping[str, Rule], met: set[str]) -> None:
    unknown = sorted(set(rules) - met)
    if unknown:
        there = ", ".join(sorted(met - {""})) or "none"
        raise BadInput(
            f"no task is of the {what} {unknown[0]!r}",
            where=f"[{what}s.{unknown[0]}] of the rewards",
            remedy=f"the tasks' {what}s are: {there}",
        )
