"""The settings of a curriculum, as a value and as a small file of TOML.

The paper leaves open what decays how fast, every bound, and what a tier weighs: those are values here.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from schemas.errors import BadInput


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """How tasks are drawn. Raises ValueError where a number makes no sense.

    `prompts` groups are learnt from at each step. `expand` asks more than that, by the moving average with `decay` of
    ratios of at most `most_expansion`. `reweigh` draws by worth; without it every task weighs the same. `rates` are
    what a task of each tier, very easy first, is taken to pass at before it was seen, `unknown_rate` a task without a
    tier. A task's own rate moves by `task_share` of the way at each visit, a cell's worth by `cell_share` for each
    group. `floor` is the least worth of a cell, beside 1 for the best there is: what is trivial or hopeless is asked
    now and then. `proportions` are the shares of domains, by default as many as there are tasks; where `only` names
    domains, no others are asked, as in a pilot. `canary_share` is the
    share of prompts that are canaries, where the tasks hold some.
    """

    prompts: int = 48
    seed: int = 0
    expand: bool = True
    decay: float = 0.9
    most_expansion: float = 4.0
    reweigh: bool = True
    rates: tuple[float, float, float, float, float] = (0.95, 0.75, 0.45, 0.175, 0.025)
    unknown_rate: float = 0.5
    task_share: float = 0.5
    cell_share: float = 0.1
    floor: float = 0.02
    proportions: dict[str, float] = {}
    only: tuple[str, ...] = ()
    canary_share: float = 0.02

    def __post_init__(self) -> None:
        if self.prompts < 1:
            raise ValueError("prompts must be 1 or more")
        if self.most_expansion < 1:
            raise ValueError("most_expansion must be 1 or more")
        if not 0 <= self.decay < 1 or not 0 < self.task_share <= 1 or not 0 < self.cell_share <= 1:
            raise ValueError("decay lies in [0, 1), task_share and cell_share in (0, 1]")
        if not 0 < self.floor <= 1:
            raise ValueError("floor lies in (0, 1]: what weighs nothing is never seen to have changed")
        if not 0 <= self.canary_share < 1 or not all(0 <= rate <= 1 for rate in (*self.rates, self.unknown_rate)):
            raise ValueError("canary_share lies in [0, 1), rates in [0, 1]")
        if any(share <= 0 for share in self.proportions.values()):
            raise ValueError("proportions must be above 0; leave a domain's tasks out of the data to leave it out")


def read_settings(path: str) -> Settings:
    """Return the settings of a TOML file; raises BadInput where it is none."""
    try:
        with open(path, "rb") as file:
            found = msgspec.toml.decode(file.read(), type=Settings)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput(
            f"no settings of a curriculum: {said}", where=path, remedy="see docs/how-to/rewards.md"
        ) from None
    if (found.prompts, found.seed) != (Settings().prompts, Settings().seed):
        raise BadInput("prompts and seed are the run's", where=path, remedy="give --prompts and --seed in their place")
    return found
