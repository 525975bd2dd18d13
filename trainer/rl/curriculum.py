"""A curriculum: which tasks are rolled out at a step, and which of their groups are learnt from.

The plainest one goes through all tasks in a drawn order, each once an epoch, and learns from every group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from trainer.plan.permutation import permuted
from trainer.rl.rollout import Group


class Curriculum(Protocol):
    """What decides on tasks; its state goes into the checkpoint, so that a run that goes on decides the same."""

    @property
    def told(self) -> Struct | None:
        """A line about the last step, once its groups were selected; it names its `step`."""
        ...

    def choose(self, step: int) -> list[str]:
        """Return the keys of the tasks to roll out at a step, as many as it wants to pay for."""
        ...

    def select(self, groups: Sequence[Group]) -> Sequence[Group]:
        """Take note of what the groups of a step earned, and return those to learn from."""
        ...

    def state(self) -> dict[str, Any]:
        """Return all that later choices hang on, of types that JSON holds."""
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        ...


class Uniform:
    """Every task once an epoch, in the order of a keyed permutation; `prompts` of them a step."""

    told = None

    def __init__(self, keys: Sequence[str], prompts: int, seed: int) -> None:
        self._keys, self._prompts, self._seed = tuple(keys), prompts, seed

    def choose(self, step: int) -> list[str]:
        """Return the next keys; a step that ends an epoch begins the next one."""
        count = len(self._keys)
        ordinals = range(step * self._prompts, (step + 1) * self._prompts)
        places = (permuted(np.array([at % count]), count, self._seed, "rl", at // count) for at in ordinals)
        return [self._keys[int(place[0])] for place in places]

    def select(self, groups: Sequence[Group]) -> Sequence[Group]:
        """Return them all."""
        return groups

    def state(self) -> dict[str, Any]:
        """Return nothing: the step says it all."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Take nothing over."""
