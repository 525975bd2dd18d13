"""A chat request as it comes: which fields it may have, what they may hold, and which are refused.

A field that would change the answer and is not known here is refused by name: a client whose field is passed over in
silence believes an answer that it did not ask for. Fields that only keep accounts are taken and not looked at.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from schemas.errors import BadInput
from trainer.engine.engine import MOST_TOP, Sampling
from trainer.serve.refusal import Refusal

MOST_CHOICES = 128
MOST_STOPS = 4


class ImageUrl(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a picture is; `detail` changes nothing, its own size does."""

    url: str
    detail: str | None = None


class TextPart(Struct, frozen=True, tag_field="type", tag="text", forbid_unknown_fields=True):
    """A piece of text."""

    text: str


class ImagePart(Struct, frozen=True, tag_field="type", tag="image_url", forbid_unknown_fields=True):
    """A picture."""

    image_url: ImageUrl


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """One turn; fields of answers that OpenAI gives come back as null and say nothing."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart | ImagePart]
    name: str | None = None
    reasoning_content: str | None = None
    refusal: None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None
    tool_calls: None = None


class Switches(Struct, frozen=True, forbid_unknown_fields=True):
    """What the chat template can be told."""

    enable_thinking: bool = True


class Format(Struct, frozen=True, forbid_unknown_fields=True):
    """The form of an answer: text."""

    type: Literal["text"]


class StreamOptions(Struct, frozen=True):
    """What a stream ends with."""

    include_usage: bool = False


class ChatRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request for completions of a chat."""

    model: str
    messages: list[Message]
    n: int | None = None
    seed: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    chat_template_kwargs: Switches | None = None
    response_format: Format | None = None
    presence_penalty: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    user: Any = None
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def choices(self) -> int:
        return 1 if self.n is None else self.n

    @property
    def most_tokens(self) -> int | None:
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def thinks(self) -> bool:
        return self.chat_template_kwargs is None or self.chat_template_kwargs.enable_thinking

    def sampling(self, seed: int, room: int) -> Sampling:
        """Return how tokens are drawn, `room` of them where the request names no number; raises Refusal."""
        most = self.most_tokens
        try:
            return Sampling(
                max_tokens=room if most is None else most,
                temperature=1.0 if self.temperature is None else self.temperature,
                top_p=1.0 if self.top_p is None else self.top_p,
                seed=seed,
                top=self.top_logprobs or 0,
            )
        except BadInput as error:
            raise Refusal(400, f"{error.what}; {error.remedy}", param=error.what.split()[0]) from None


def read_request(body: bytes) -> ChatRequest:
    """Return the request in a body; raises Refusal."""
    try:
        asked = msgspec.json.decode(body, type=ChatRequest)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at ")
        raise Refusal(400, str(error), param=place.strip("`").removeprefix("$.") or said.split("`")[1]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(400, f"the body is no JSON: {error}") from None
    for holds, message, param in (
        (asked.messages, "messages is empty", "messages"),
        (1 <= asked.choices <= MOST_CHOICES, f"n is {asked.n}; it has to be from 1 to {MOST_CHOICES}", "n"),
        (len(asked.stops) <= MOST_STOPS, f"{len(asked.stops)} stops; at most {MOST_STOPS} are looked for", "stop"),
        (all(asked.stops), "an empty stop would end every answer at once", "stop"),
        (
            0 <= (asked.top_logprobs or 0) <= MOST_TOP,
            f"top_logprobs is {asked.top_logprobs}; it has to be from 0 to {MOST_TOP}",
            "top_logprobs",
        ),
        (asked.logprobs or not asked.top_logprobs, "top_logprobs wants logprobs to be true", "top_logprobs"),
        (asked.stream or not asked.stream_options, "stream_options wants stream to be true", "stream_options"),
    ):
        if not holds:
            raise Refusal(400, message, param=param)
    return asked
