"""vLLM as an engine, through its server's /v1/completions.

Token ids go in as the prompt and come out by `return_token_ids` (vLLM 0.10.2 and later). Log-probabilities are the
model's own with `--logprobs-mode raw_logprobs`, its default. Weights are taken by `/collective_rpc`, which is there
under VLLM_SERVER_DEV_MODE=1 alone: `reload_weights` with a path where `in_place` is not said, else of the folder that
the server was started with. vLLM names no weights in its answers, so the version is what it was told last. Completions
take no pictures: a prompt that has some is refused. `ostraka serve` speaks this form too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from annotators.endpoint import Endpoint
from schemas.errors import BadInput, Unavailable
from trainer.documents.special import SpecialIds
from trainer.engine.remote import BARRING, Ask, RemoteEngine, Said


class _Logprobs(Struct):
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float] | None] | None = None


class _Choice(Struct):
    token_ids: list[int]
    logprobs: _Logprobs
    finish_reason: str | None = None
    prompt_token_ids: list[int] | None = None


class _Usage(Struct):
    prompt_tokens: int


class _Completion(Struct):
    choices: Annotated[list[_Choice], Meta(min_length=1, max_length=1)]
    usage: _Usage
    system_fingerprint: str | None = None


class VllmEngine(RemoteEngine):
    """Asks a server of vLLM, or `ostraka serve`, whose fingerprint names its weights (`tells_weights`)."""

    def __init__(
        self,
        endpoint: Endpoint,
        ids: SpecialIds,
        version: str = "",
        *,
        in_place: bool = False,
        tells_weights: bool = False,
    ) -> None:
        super().__init__(endpoint, ids, version)
        self._in_place, self._tells_weights = in_place, tells_weights

    def ask(self, asked: Sequence[Ask]) -> list[Said]:
        replies = self.wire.ask("/v1/completions", [self._body(one) for one in asked], _Completion)
        return [self._said(one, reply) for one, reply in zip(asked, replies, strict=True)]

    def take(self, version: str, folder: str) -> None:
        said: dict[str, Any] = {} if self._in_place else {"kwargs": {"weights_path": folder}}
        self.wire.ask("/collective_rpc", [{"method": "reload_weights", **said}], object)
        self.wire.ask("/reset_prefix_cache", [{}], object)

    def _body(self, ask: Ask) -> dict[str, Any]:
        if len(ask.prompt.grids_N3):
            what = "its completions take tokens alone, and the prompt shows pictures"
            raise BadInput(what, where=self.wire.root, remedy="ask SGLang, or the local engine")
        sampling = ask.sampling
        return {
            "model": self.wire.endpoint.model,
            "prompt": ask.prompt.tokens_T.tolist(),
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": -1,
            "min_p": 0,
            "repetition_penalty": 1,
            "seed": ask.seed,
            "logprobs": sampling.top,
            "stop_token_ids": sorted(self.stops),
            "logit_bias": {str(token): BARRING for token in self.barred},
            "skip_special_tokens": False,
            "return_token_ids": True,
            "return_tokens_as_token_ids": True,
        }

    def _said(self, ask: Ask, reply: _Completion) -> Said:
        (choice,) = reply.choices
        if choice.prompt_token_ids is not None and choice.prompt_token_ids != ask.prompt.tokens_T.tolist():
            raise Unavailable("it read other tokens than it was given", where=self.wire.root)
        told = choice.logprobs.top_logprobs if ask.sampling.top else None
        version = reply.system_fingerprint or "" if self._tells_weights else ""
        return Said(
            tuple(choice.token_ids),
            tuple(choice.logprobs.token_logprobs),
            choice.finish_reason or "",
            reply.usage.prompt_tokens,
            version,
            tuple(_likeliest(one or {}, ask.sampling.top) for one in told or ()),
        )


def _likeliest(told: dict[str, float], top: int) -> tuple[tuple[int, float], ...]:
    """Return the likeliest tokens, the likeliest first; a server adds the one that was drawn."""
    found = [(int(token.removeprefix("token_id:")), logprob) for token, logprob in told.items()]
    return tuple(sorted(found, key=lambda one: (-one[1], one[0]))[:top])
