"""A completion of token ids, the form in which rollouts are asked: ids in, ids and their log-probabilities out.

It is what vLLM's server takes at the same path, its fields that would change the distribution held to what they are
here. Pictures have no place in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from schemas.errors import BadInput
from trainer.engine.engine import MOST_TOP, Drawn, Prompt, Sampling
from trainer.engine.generate import LocalEngine
from trainer.serve.refusal import Refusal

Id = Annotated[int, Meta(ge=0)]


class CompletionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request for completions of a prompt of token ids."""

    model: str
    prompt: Annotated[list[Id], Meta(min_length=1)]
    max_tokens: int = 16
    n: Annotated[int, Meta(ge=1, le=128)] = 1
    seed: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    logprobs: Annotated[int, Meta(ge=0, le=MOST_TOP)] | None = None
    stop_token_ids: list[Id] | None = None
    logit_bias: dict[str, float] = {}
    return_token_ids: Literal[True] = True
    return_tokens_as_token_ids: Literal[True] = True
    skip_special_tokens: Literal[False] = False
    top_k: Literal[-1, 0] = 0
    min_p: Literal[0] = 0
    repetition_penalty: Literal[1] = 1

    def sampling(self, seed: int) -> Sampling:
        """Return how tokens are drawn; raises Refusal."""
        try:
            return Sampling(self.max_tokens, self.temperature, self.top_p, seed, self.logprobs or 0)
        except BadInput as error:
            raise Refusal(400, f"{error.what}; {error.remedy}", param=error.what.split()[0]) from None

    def asked(self, engine: LocalEngine) -> Prompt:
        """Return the prompt; raises Refusal where an engine would draw other tokens than the request means."""
        words = int(engine.model.config.text_config.vocab_size)
        for holds, message, param in (
            (max(self.prompt) < words, f"token {max(self.prompt)}, where the model has {words}", "prompt"),
            (not set(self.prompt) & set(engine.barred), "it holds the token of a picture, and shows none", "prompt"),
            (
                self.stop_token_ids is None or frozenset(self.stop_token_ids) == engine.stops,
                f"answers end at {sorted(engine.stops)} and nothing else",
                "stop_token_ids",
            ),
            (
                {int(token) for token in self.logit_bias if token.isdigit()} <= set(engine.barred)
                and all(token.isdigit() and bias <= -100 for token, bias in self.logit_bias.items()),
                f"no token is biased but {sorted(engine.barred)}, which no answer holds",
                "logit_bias",
            ),
        ):
            if not holds:
                raise Refusal(400, message, param=param)
        return Prompt("", np.array(self.prompt, np.int32))


def read_completion(body: bytes) -> CompletionRequest:
    """Return the request in a body; raises Refusal."""
    try:
        return msgspec.json.decode(body, type=CompletionRequest)
    except msgspec.DecodeError as error:
        raise Refusal(400, str(error)) from None


def choice_of(index: int, drawn: Sequence[Drawn], text: str) -> dict[str, Any]:
    """Return a choice: every token that was drawn, the one that ended it included."""
    top = [{_named(token): logprob for token, logprob in one.top} or None for one in drawn]
    return {
        "index": index,
        "text": text,
        "token_ids": [one.token for one in drawn],
        "finish_reason": drawn[-1].finish,
        "logprobs": {
            "tokens": [_named(one.token) for one in drawn],
            "token_logprobs": [one.logprob for one in drawn],
            "top_logprobs": top if any(top) else None,
        },
    }


def _named(token: int) -> str:
    return f"token_id:{token}"
