"""What an engine is asked and what it answers: prompts in, tokens out, with the chance that each token had.

Rollouts, evaluation and the server all speak to an engine through this, so that one of another program may take the
local one's place. It is tokens in and tokens out: an engine that took text would cut it anew, and what is trained on
would not be what was said. Shapes: T tokens, N pictures, P patches, D values of a patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.errors import BadInput
from trainer.documents.grid import PATCH_VALUES

MOST_TOP = 20
MOST_SEED = 2**63 - 1

Finish = Literal["stop", "length", "left"]
"""It said its end, its tokens ran out, or whoever asked made it leave."""


class Prompt(NamedTuple):
    """What is answered, up to and with the opening of the answer; `key` is its sample's and decides over its draws."""

    key: str
    tokens_T: NDArray[np.int32]
    grids_N3: NDArray[np.int64] = np.zeros((0, 3), np.int64)
    patches_PD: NDArray[np.uint8] = np.zeros((0, PATCH_VALUES), np.uint8)


class Force(Struct, frozen=True):
    """An answer whose thinking nears its limit is made to answer: where none of its first `after` tokens is `end`,
    `tokens` follow them, `end` the first, whatever the model would have said (paper section 5.3)."""

    after: int
    tokens: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.tokens[0]


class Sampling(Struct, frozen=True):
    """How tokens are drawn; temperature 0 takes the likeliest. Raises BadInput for a number that makes no sense.

    `top` counts the likeliest tokens that are told beside each token; `force` ends thinking that takes too long.
    """

    max_tokens: int = 512
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0
    top: int = 0
    force: Force | None = None

    def __post_init__(self) -> None:
        for holds, said, remedy in (
            (self.max_tokens >= 1, f"max_tokens {self.max_tokens}", "1 or more"),
            (0 <= self.temperature <= 100, f"temperature {self.temperature}", "from 0 to 100"),
            (0 < self.top_p <= 1, f"top_p {self.top_p}", "above 0, 1 at most"),
            (abs(self.seed) <= MOST_SEED, f"seed {self.seed}", "a whole number of 64 bits"),
            (0 <= self.top <= MOST_TOP, f"top {self.top}", f"from 0 to {MOST_TOP}"),
        ):
            if not holds:
                raise BadInput(said, where="sampling", remedy=f"it has to be {remedy}")
        if self.force and not (
            self.force.after >= 1 and self.force.tokens and self.force.after + len(self.force.tokens) < self.max_tokens
        ):
            after, more = self.force.after, len(self.force.tokens)
            said = f"thinking ends after {after} tokens with {more} more, of {self.max_tokens}"
            raise BadInput(said, where="sampling", remedy="leave room for thinking, its end and an answer")


class Drawn(NamedTuple):
    """One token of one row: its log-probability is the model's own, before temperature and top_p."""

    row: int
    token: int
    logprob: float
    top: tuple[tuple[int, float], ...]
    """The likeliest tokens and their log-probabilities, the likeliest first."""
    finish: Finish | None
    """Why this token is the row's last; None where it is not."""
    is_injected: bool = False
    """The model did not say it: it was put in."""


class Answer(NamedTuple):
    """What one row said, the token that ended it included; `version` names the weights that said it.

    `injected` are the places among its tokens that were put in and not said: nothing is learnt from them.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Finish
    seed: int
    version: str
    top: tuple[tuple[tuple[int, float], ...], ...] = ()
    injected: tuple[int, ...] = ()


class Engine(Protocol):
    """Answers prompts, each `n` times; answers stand in the order of the prompts, and of the rows of each.

    `version` names the weights that it answers with; each answer names those that answered it.
    """

    version: str

    def generate(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Answer]]:
        """Return `n` answers to each prompt."""
        ...

    def update_weights(self, version: str, folder: str = "") -> None:
        """Answer from now on with the weights in a folder, by this name.

        Without a folder they are those that the engine's model holds by now: the trainer changed them in place.
        """
        ...
