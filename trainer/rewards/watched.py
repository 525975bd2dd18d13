"""A curriculum under watch: every step's numbers go through the monitors before anything is learnt from its groups.

A domain that a monitor freezes is neither asked nor learnt from again; that step's answers of its are left out already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from schemas.errors import Unavailable
from trainer.curriculum.curriculum import CurriculumSampling
from trainer.curriculum.told import ToldChoice
from trainer.rewards.limits import Limits
from trainer.rewards.monitor import Alarm, Watched, watch
from trainer.rewards.numbers import Numbers, numbers_of
from trainer.rl.rollout import Group

Kl = Callable[[Sequence[Group], int], Mapping[str, float]]
"""Returns each domain's divergence from the start at a step, in nats a token; nothing where it is not measured then."""


class ToldWatch(msgspec.Struct, frozen=True):
    """A step's line: what was chosen, the numbers of each domain, and the alarms that they gave."""

    step: int
    choice: ToldChoice | None
    domains: dict[str, Numbers]
    alarms: list[Alarm]
    frozen: dict[str, str]


class WatchedCurriculum:
    """Chooses and selects as its curriculum does, from domains that no monitor has frozen."""

    def __init__(
        self,
        curriculum: CurriculumSampling,
        limits: Limits,
        tell_alarm: Callable[[Alarm], None] | None = None,
        kl: Kl | None = None,
    ) -> None:
        self._curriculum, self._limits, self._kl = curriculum, limits, kl
        self._tell_alarm = tell_alarm
        self._known: dict[str, Watched] = {}
        self._step = 0
        self.told: ToldWatch | None = None

    def choose(self, step: int) -> list[str]:
        """Return the keys of the tasks to ask."""
        self._step = step
        return self._curriculum.choose(step)

    def select(self, groups: Sequence[Group]) -> Sequence[Group]:
        """Watch the groups of a step, and return those to learn from.

        Raises Unavailable where a paid canary is to stop the run, or the last domain is frozen.
        """
        numbers = numbers_of(groups, self._kl(groups, self._step) if self._kl else None)
        self._known, alarms = watch(self._known, numbers, self._limits, self._step)
        for alarm in alarms:
            if self._tell_alarm:
                self._tell_alarm(alarm)
        for alarm in alarms:
            if alarm.action == "stop":
                raise Unavailable(
                    f"{alarm.value:g} answers were paid against a reference that nobody can know",
                    where=f"step {alarm.step}, domain {alarm.domain}",
                    remedy="the verifier is fooled: look at the rollouts, mend it, begin anew --from an earlier model",
                )
            if alarm.action == "freeze":
                self._curriculum.freeze(alarm.domain, str(alarm))
        kept = self._curriculum.select(groups)
        self.told = ToldWatch(self._step, self._curriculum.told, numbers, alarms, self._curriculum.frozen)
        return kept

    def state(self) -> dict[str, Any]:
        """Return all that later choices hang on, of types that JSON holds."""
        return {"curriculum": self._curriculum.state(), "watched": msgspec.to_builtins(self._known)}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._curriculum.load(state["curriculum"])
        self._known = msgspec.convert(state["watched"], dict[str, Watched])
