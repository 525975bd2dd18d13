"""An engine of another program, behind its server: prompts go as tokens, tokens and their log-probabilities come back.

Each row is a request of its own, with its own seed: servers keep what they read of a prompt, so its rows cost one
reading there too. What a server says is believed where it can be checked: how many tokens the prompt had, that a row
which stopped did so at a stop, that every token has its chance. Thinking is ended in two requests, so tokens that are
put in have no chance told, and stand with 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import structs

from annotators.endpoint import Endpoint
from schemas.errors import BadInput, Unavailable
from trainer.documents.special import SpecialIds
from trainer.engine.chance import keyed_seed, row_seed
from trainer.engine.engine import Answer, Finish, Force, Prompt, Sampling
from trainer.engine.wire import Wire

BARRING = -100.0
"""The bias of tokens that no answer may hold: those of pictures and clips."""


class Ask(NamedTuple):
    """One row of one prompt: what is asked, how, and the seed that the server is given."""

    prompt: Prompt
    sampling: Sampling
    seed: int


class Said(NamedTuple):
    """What a server said to one row; `version` is empty where it names no weights, `prompt_tokens` what it counted."""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: str
    prompt_tokens: int
    version: str = ""
    top: tuple[tuple[tuple[int, float], ...], ...] = ()


class RemoteEngine(ABC):
    """Answers through a server; `version` names the weights that it was given last, or those that it began with."""

    def __init__(self, endpoint: Endpoint, ids: SpecialIds, version: str = "") -> None:
        self.wire, self.version = Wire(endpoint), version
        self.stops = frozenset(ids.stops)
        self.barred = (ids.image, ids.video)

    @abstractmethod
    def ask(self, asked: Sequence[Ask]) -> list[Said]:
        """Return what the server says to each."""

    @abstractmethod
    def take(self, version: str, folder: str) -> None:
        """Let the server take the weights of a folder that it can read."""

    def update_weights(self, version: str, folder: str = "") -> None:
        """Let the server take the weights of a folder; raises BadInput without one, Unavailable where it does not."""
        if not folder:
            what = "a server has weights of its own, and takes others from a folder alone"
            raise BadInput(
                what, where=self.wire.root, remedy="save the model where both can read it, and name the folder"
            )
        self.take(version, folder)
        self.version = version

    def generate(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Answer]]:
        """Return `n` answers to each prompt; raises Unavailable where what the server says cannot be right."""
        seeds = [row_seed(sampling.seed, row) for row in range(n)]
        force = sampling.force
        first = structs.replace(sampling, force=None, max_tokens=force.after if force else sampling.max_tokens)
        asked = [Ask(one, first, keyed_seed(seed, one.key)) for one in prompts for seed in seeds]
        said = self._checked(asked)
        answers = self._ended(asked, said, sampling, force) if force else [self._answer(one) for one in said]
        of_rows = [one._replace(seed=seeds[place % n]) for place, one in enumerate(answers)]
        return [of_rows[at : at + n] for at in range(0, len(of_rows), n)]

    def _ended(self, asked: Sequence[Ask], said: Sequence[Said], sampling: Sampling, force: Force) -> list[Answer]:
        """Go on with rows whose tokens ran out, and put the end of their thinking before it where they lack it."""
        answers = [self._answer(one) for one in said]
        going_on = [place for place, one in enumerate(answers) if one.finish == "length"]
        put_in = {place: () if force.end in answers[place].tokens else force.tokens for place in going_on}
        rests = [
            Ask(
                _longer(asked[place].prompt, (*answers[place].tokens, *put_in[place])),
                structs.replace(
                    sampling, force=None, max_tokens=sampling.max_tokens - force.after - len(put_in[place])
                ),
                row_seed(asked[place].seed, -1),
            )
            for place in going_on
        ]
        for place, one in zip(going_on, self._checked(rests), strict=True):
            answers[place] = _joined(answers[place], put_in[place], self._answer(one))
        return answers

    def _checked(self, asked: Sequence[Ask]) -> list[Said]:
        found = self.ask(asked)
        for ask, said in zip(asked, found, strict=True):
            if fault := self._fault(ask, said):
                raise Unavailable(fault, where=self.wire.root, remedy="see that it serves the model that is trained")
        return found

    def _fault(self, ask: Ask, said: Said) -> str:
        """Return what cannot be right in what was said, nothing where all can."""
        tokens = len(ask.prompt.tokens_T)
        if said.prompt_tokens != tokens:
            return f"it read {said.prompt_tokens} tokens of a prompt of {tokens}"
        if not 0 < len(said.tokens) <= ask.sampling.max_tokens or len(said.logprobs) != len(said.tokens):
            return f"{len(said.tokens)} tokens with {len(said.logprobs)} chances, of {ask.sampling.max_tokens} at most"
        if said.finish not in ("stop", "length"):
            return f"an answer ended by {said.finish!r}"
        if (said.finish == "stop") != (said.tokens[-1] in self.stops):
            return (
                f"an answer ended by {said.finish} at token {said.tokens[-1]}, where {sorted(self.stops)} are its stops"
            )
        if set(self.barred) & set(said.tokens):
            return "an answer holds the token of a picture"
        return ""

    def _answer(self, said: Said) -> Answer:
        finish: Finish = "stop" if said.finish == "stop" else "length"
        return Answer(said.tokens, said.logprobs, finish, 0, said.version or self.version, said.top)


def _longer(prompt: Prompt, tokens: Sequence[int]) -> Prompt:
    return prompt._replace(tokens_T=np.concatenate([prompt.tokens_T, np.array(tokens, np.int32)]))


def _joined(first: Answer, put_in: Sequence[int], rest: Answer) -> Answer:
    """Return an answer of two requests; raises Unavailable where the weights changed between them."""
    if first.version != rest.version:
        raise Unavailable(f"weights {first.version!r} began an answer that {rest.version!r} ended", where="engine")
    said = len(first.tokens)
    top = (*first.top, *((),) * len(put_in), *rest.top) if first.top else ()
    return Answer(
        (*first.tokens, *put_in, *rest.tokens),
        (*first.logprobs, *(0.0,) * len(put_in), *rest.logprobs),
        rest.finish,
        first.seed,
        first.version,
        top,
        tuple(range(said, said + len(put_in))),
    )
