"""SGLang as an engine, through its server's /generate.

Token ids go in as `input_ids` and come out with their log-probabilities (`return_logprob`); pictures go beside them,
each as a PNG of the very pixels that training sees: the server's own processor resizes them to what they are, expands
a picture's tokens once, and the count of the prompt's tokens says whether it did. Weights are taken by
`/update_weights_from_disk` and named in every answer as `weight_version` (SGLang 0.5.2 and later; an older one is
believed). Log-probabilities are told after the temperature, unless the server runs with
SGLANG_RETURN_ORIGINAL_LOGPROB=1: any but 0 and 1 is refused without `original_logprobs`. Seeds are heeded under
--enable-deterministic-inference alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from annotators.endpoint import Endpoint
from schemas.errors import BadInput, Unavailable
from trainer.documents.special import SpecialIds
from trainer.engine.remote import BARRING, Ask, RemoteEngine, Said
from trainer.engine.shown import pictures_shown

_Told = tuple[float, int, str | None]


class _Finish(Struct):
    type: str


class _Meta(Struct):
    prompt_tokens: int
    output_token_logprobs: list[_Told]
    finish_reason: _Finish
    output_top_logprobs: list[list[_Told] | None] | None = None
    weight_version: str | None = None


class _Generated(Struct):
    meta_info: _Meta


class _Updated(Struct):
    success: bool
    message: str = ""


class SglangEngine(RemoteEngine):
    """Asks a server of SGLang."""

    def __init__(
        self, endpoint: Endpoint, ids: SpecialIds, version: str = "", *, original_logprobs: bool = False
    ) -> None:
        super().__init__(endpoint, ids, version)
        self._original_logprobs = original_logprobs

    def ask(self, asked: Sequence[Ask]) -> list[Said]:
        replies = self.wire.ask("/generate", [self._body(one) for one in asked], _Generated)
        return [_said(one, reply.meta_info) for one, reply in zip(asked, replies, strict=True)]

    def take(self, version: str, folder: str) -> None:
        body = {"model_path": folder, "weight_version": version}
        (told,) = self.wire.ask("/update_weights_from_disk", [body], _Updated)
        if not told.success:
            raise Unavailable(f"it did not take the weights: {told.message}", where=folder)

    def _body(self, ask: Ask) -> dict[str, Any]:
        sampling = ask.sampling
        if sampling.temperature not in (0, 1) and not self._original_logprobs:
            raise BadInput(
                f"it tells log-probabilities after a temperature of {sampling.temperature:g}",
                where=self.wire.root,
                remedy="sample at 1, or start it with SGLANG_RETURN_ORIGINAL_LOGPROB=1 and say original_logprobs",
            )
        pictures = pictures_shown(ask.prompt)
        drawn = {
            "max_new_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": -1,
            "min_p": 0,
            "repetition_penalty": 1,
            "sampling_seed": ask.seed,
            "stop_token_ids": sorted(self.stops),
            "logit_bias": {str(token): BARRING for token in self.barred},
            "skip_special_tokens": False,
        }
        return {
            "input_ids": ask.prompt.tokens_T.tolist(),
            "sampling_params": drawn,
            "return_logprob": True,
            "logprob_start_len": -1,
            "top_logprobs_num": sampling.top,
            **({"image_data": pictures} if pictures else {}),
        }


def _said(ask: Ask, told: _Meta) -> Said:
    top = told.output_top_logprobs if ask.sampling.top else None
    return Said(
        tuple(token for _, token, _ in told.output_token_logprobs),
        tuple(logprob for logprob, _, _ in told.output_token_logprobs),
        told.finish_reason.type,
        told.prompt_tokens,
        told.weight_version or "",
        tuple(tuple((token, logprob) for logprob, token, _ in one or ()) for one in top or ()),
    )
