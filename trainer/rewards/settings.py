"""What pays which tasks, as a value and as a small file of TOML.

    [domains.vqa]                 # a task's domain
    judge = "house"
    second = "trainer.rewards.same_text:SameText"

    [skills.summaries]            # a skill goes before its domain
    verifier = "free"
    model = "fluency"

    [judges.house]
    url = "http://127.0.0.1:8000/v1"
    model = "NAME"

    [models.fluency]
    folder = "reward-model"

A domain that the file does not name is paid by its own verifier alone.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from annotators.endpoint import Endpoint
from schemas.errors import BadInput
from trainer.rewards.limits import Limits

PAYING = ("verifier", "model")


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """What has a word on an answer. Raises ValueError where a number makes no sense.

    `verifier`: a domain's name, `package.module:Class`, or `free`, which pays by form alone what a `model` then scores;
    by default the task's domain. `judge` settles what it cannot tell. `weights`: of verifier and model, else equal.
    `second`: a verifier that is held out: it pays nothing, and how often the two differ is watched. `canary_share` of
    answers are graded against an impossible reference too, which must pay nothing.
    """

    verifier: str = ""
    judge: str = ""
    model: str = ""
    weights: dict[str, float] = {}
    second: str = ""
    canary_share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.canary_share <= 1:
            raise ValueError("canary_share lies in [0, 1]")
        if set(self.weights) - set(PAYING) or any(weight < 0 for weight in self.weights.values()):
            raise ValueError("weights are of verifier and model, 0 or more")
        if self.weights and not sum(self.weights.values()):
            raise ValueError("weights are all 0")
        if self.verifier == "free" and not self.model:
            raise ValueError("verifier free needs a model that scores")


class RewardModel(Struct, frozen=True, forbid_unknown_fields=True):
    """A model that scores answers: a sequence classifier's `folder`, or a `model` behind a `url` that gives a mark."""

    folder: str = ""
    url: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        if bool(self.folder) == bool(self.url):
            raise ValueError("give a reward model's folder, or its url and model")


class Rewards(Struct, frozen=True, forbid_unknown_fields=True):
    """The rules by domain and by skill, what they name, what bad form and bad style cost, and the monitors' limits.

    A penalty is subtracted from 0; the paper warns of mixing it with correctness once the form has been learnt, so both
    are 0 by default: a malformed answer is paid as a wrong one.
    """

    domains: dict[str, Rule] = {}
    skills: dict[str, Rule] = {}
    judges: dict[str, Endpoint] = {}
    models: dict[str, RewardModel] = {}
    format_penalty: float = 0.0
    style_penalty: float = 0.0
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if not 0 <= self.format_penalty <= 1 or not 0 <= self.style_penalty <= 1:
            raise ValueError("format_penalty and style_penalty lie in [0, 1]")


def read_rewards(path: str) -> Rewards:
    """Return the rewards of a TOML file; raises BadInput where it is none."""
    try:
        with open(path, "rb") as file:
            return msgspec.toml.decode(file.read(), type=Rewards)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput(f"no rewards: {said}", where=path, remedy="see docs/how-to/rewards.md") from None
