"""Curriculum sampling: tasks are drawn by what their like have taught of late, more than are needed, and the best kept.

    worth of a cell    a moving average of 4 r (1 - r) over its groups' shares r of right answers; first of its tier's
                       own rate. A task that passes half the time is worth 1, a trivial or a hopeless one 0
    weight of a task   floor + (1 - floor) * worth of its cell, scaled to its domain's proportion where that is given
    asked              ceil(prompts * average of expansion ratios), drawn without return (draw.py, expansion.py)
    kept               the `prompts` most balanced groups (balanced.py)

Tasks of a sub-category that were never seen move with those that were: as a skill is learnt, its hard tier is worth
more and its easy tier less. What the paper says of tiers and weights is that they are made anew at every iteration from
both; the formula is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadInput, Unavailable
from trainer.curriculum.balanced import S, most_balanced, pass_rate, teaches
from trainer.curriculum.draw import Weights, drawn
from trainer.curriculum.expansion import asked, expansion_ratio, next_average
from trainer.curriculum.pool import CANARY, Known, Pool, tiers_of
from trainer.curriculum.settings import Settings
from trainer.curriculum.state import State
from trainer.curriculum.told import ToldChoice, counted, shared


class CurriculumSampling:
    """Chooses tasks and selects groups to learn from; all that it learns is in its state."""

    def __init__(self, tasks: Sequence[Known], settings: Settings) -> None:
        check(tasks, settings)
        self.settings = settings
        self.pool = Pool([task for task in tasks if not settings.only or task.domain in settings.only], settings)
        self.told: ToldChoice | None = None
        """What was chosen at the last step, once its groups were selected."""
        self._state = State()
        self._rate_N = self.pool.first_rate_N.copy()
        self._step = 0
        self._short = 0

    def choose(self, step: int) -> list[str]:
        """Return the keys of the tasks to ask, in an order drawn anew; a task is asked once a step at most."""
        wanted = asked(self.settings.prompts, self._state.average)
        baits_N = (self._open_N() & self.pool.canary_N).astype(np.float64)
        canaries = self._draw(step, self._canaries(step), baits_N, "canary")
        found = self._draw(step, wanted, self.weights(), "task")
        self._step, self._short = step, wanted - len(found)
        return [self.pool.keys[at] for at in (*found, *canaries)]

    def select(self, groups: Sequence[S]) -> list[S]:
        """Note what the groups of a step earned, and return those to learn from: no canary, no frozen domain."""
        places = [self.pool.place[group.task.key] for group in groups]
        live_N = self._open_N() & ~self.pool.canary_N
        mine = [(group, at) for group, at in zip(groups, places, strict=True) if live_N[at]]
        kept = most_balanced([group for group, _ in mine], self.settings.prompts)
        invalid = 1 - sum(teaches(group.rewards) for group, _ in mine) / len(mine) if mine else 0.0
        self.told = self._tell(places, [self.pool.place[group.task.key] for group in kept], invalid)
        if mine:
            self._learn(mine, invalid)
        return kept

    def freeze(self, domain: str, why: str) -> None:
        """Ask no more tasks of a domain; raises Unavailable where that was the last one."""
        self._state.frozen.setdefault(domain, why)
        if not (self._open_N() & ~self.pool.canary_N).any():
            reasons = "; ".join(f"{name}: {said}" for name, said in self._state.frozen.items())
            raise Unavailable(
                f"every domain is frozen ({reasons})",
                where=f"step {self._step}",
                remedy="look at the rollouts, mend the verifiers, begin anew --from an earlier model",
            )

    @property
    def frozen(self) -> dict[str, str]:
        """Domains that are asked no more, and why."""
        return dict(self._state.frozen)

    def state(self) -> dict[str, Any]:
        """Return all that later choices hang on, of types that JSON holds."""
        found: dict[str, Any] = msgspec.to_builtins(self._state)
        return found

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises BadInput where it is of other tasks."""
        self._state = msgspec.convert(state, State)
        unknown = [key for key in self._state.rates if key not in self.pool.place]
        if unknown:
            raise BadInput(
                f"the checkpoint knows {len(unknown)} tasks that are not there, the first {unknown[0]}",
                where="the curriculum",
                remedy="give the tasks that the run was begun with",
            )
        self._rate_N = self.pool.first_rate_N.copy()
        for key, rate in self._state.rates.items():
            self._rate_N[self.pool.place[key]] = rate

    def weights(self) -> Weights:
        """Return the weight of every task in the next draw."""
        weight_N: Weights = (self._open_N() & ~self.pool.canary_N).astype(np.float64)
        if self.settings.reweigh:
            least = self.settings.floor
            weight_N *= least + (1 - least) * self._worth_ST()[self.pool.sub_N, tiers_of(self._rate_N)]
        if self.settings.proportions:
            for at, domain in enumerate(self.pool.domains):
                mine_N = self.pool.domain_N == at
                whole = weight_N[mine_N].sum()
                weight_N[mine_N] *= self.settings.proportions[domain] / whole if whole else 0.0
        return weight_N

    def _open_N(self) -> NDArray[np.bool_]:
        frozen = [at for at, name in enumerate(self.pool.domains) if name in self._state.frozen]
        return ~np.isin(self.pool.domain_N, frozen)

    def _canaries(self, step: int) -> int:
        """Return how many canaries a step asks, so that they are their share of all steps together."""
        each = self.settings.canary_share * self.settings.prompts
        return floor((step + 1) * each) - floor(step * each)

    def _draw(self, step: int, count: int, weight_N: Weights, what: str) -> list[int]:
        return drawn(self.pool.words_N, weight_N, count, self.settings.seed, step, what)

    def _worth_ST(self) -> Weights:
        first = [4 * rate * (1 - rate) for rate in self.settings.rates]
        return np.array([self._state.worth.get(name, first) for name in self.pool.subs])

    def _learn(self, mine: Sequence[tuple[S, int]], invalid: float) -> None:
        values, state = self.settings, self._state
        tier_N, worth_ST = tiers_of(self._rate_N), self._worth_ST()
        by_cell: dict[tuple[int, int], list[float]] = {}
        for group, at in mine:
            rate = pass_rate(group.rewards)
            by_cell.setdefault((int(self.pool.sub_N[at]), int(tier_N[at])), []).append(4 * rate * (1 - rate))
            self._rate_N[at] += values.task_share * (rate - self._rate_N[at])
            state.rates[group.task.key] = float(self._rate_N[at])
        for (sub, tier), found in by_cell.items():
            left = (1 - values.cell_share) ** len(found)
            worth_ST[sub, tier] = left * worth_ST[sub, tier] + (1 - left) * sum(found) / len(found)
            state.worth[self.pool.subs[sub]] = [float(worth) for worth in worth_ST[sub]]
        if values.expand:
            state.average = next_average(state.average, invalid, values.decay, values.most_expansion)

    def _tell(self, places: Sequence[int], kept: Sequence[int], invalid: float) -> ToldChoice:
        ratio, most = expansion_ratio(invalid), self.settings.most_expansion
        tasks_N = ~self.pool.canary_N
        mine = [at for at in places if tasks_N[at]]
        return ToldChoice(
            step=self._step,
            asked=len(mine),
            kept=len(kept),
            canaries=len(places) - len(mine),
            invalid_rate=invalid,
            ratio=min(ratio, most),
            capped=ratio > most,
            average=self._state.average,
            short=self._short,
            pool=counted(self.pool, self._rate_N, np.flatnonzero(tasks_N)),
            weight=shared(self.pool, self._rate_N, self.weights()),
            drawn=counted(self.pool, self._rate_N, mine),
            learnt=counted(self.pool, self._rate_N, kept),
            note="no group teaches" if invalid >= 1 else "",
        )


def check(tasks: Sequence[Known], settings: Settings) -> None:
    """Raise BadInput where there is nothing to choose from, or proportions are not those of the tasks' domains."""
    there = {task.domain for task in tasks}
    if not there.issuperset(settings.only):
        missing = min(set(settings.only) - there)
        what = f"no task is of the domain {missing!r}"
        raise BadInput(what, where="`only` of the curriculum", remedy=f"the domains are {', '.join(sorted(there))}")
    domains = sorted(settings.only or there)
    if not [task for task in tasks if task.skill != CANARY]:
        raise BadInput("it holds no tasks", where="the pool", remedy="give an export of tasks: `ostraka export tasks`")
    if len({task.key for task in tasks}) != len(tasks):
        raise BadInput("a task stands in it twice", where="the pool", remedy="give each export once")
    if settings.proportions and sorted(settings.proportions) != domains:
        raise BadInput(
            f"proportions name {', '.join(sorted(settings.proportions))}, the tasks are of {', '.join(domains)}",
            where="the curriculum",
            remedy="give a proportion for each domain of the tasks, or none at all",
        )
