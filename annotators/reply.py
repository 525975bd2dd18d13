"""A reply: what an endpoint's status and body come to: an answer, a reason to try again, or one to stop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from annotators.journal import Answer
from schemas.errors import Unavailable

REJECTED = "rejected"
"""`finish` of an answer whose request the endpoint did not take: too large, or against its rules."""

_BUSY = (408, 409, 425, 429)
_NOT_THIS_ONE = (400, 413, 422)
_SHOWN_CHARS = 200
_Tokens = Annotated[int, Meta(ge=0, le=2**31)]


class AgainError(Exception):
    """The endpoint failed in a way that may pass; it asked for a pause of `pause_s` seconds, 0 where it did not."""

    def __init__(self, what: str, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        super().__init__(what)


class _Message(Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(Struct):
    message: _Message
    finish_reason: str | None = None


class _Usage(Struct):
    prompt_tokens: _Tokens = 0
    completion_tokens: _Tokens = 0


class _Completion(Struct):
    choices: Annotated[list[_Choice], Meta(min_length=1)]
    usage: _Usage | None = None
    system_fingerprint: str | None = None


def answers_of(status: int, headers: Mapping[str, str], data: bytes, url: str) -> list[Answer]:
    """Return the answers that a reply holds, a rejected one alone.

    Raises AgainError where the endpoint is busy, broken or talks garbage, Unavailable where it will say the same again.
    """
    if status in _NOT_THIS_ONE:
        return [Answer(shown(data), REJECTED)]
    check_status(status, headers, data, url)
    try:
        said = msgspec.json.decode(data, type=_Completion)
    except msgspec.DecodeError as error:
        raise AgainError(f"its reply is no chat completion ({error}): {shown(data)}") from None
    usage = said.usage or _Usage()
    return [
        _answer(
            choice,
            said.system_fingerprint or "",
            *((usage.prompt_tokens, usage.completion_tokens) if place == 0 else (0, 0)),
        )
        for place, choice in enumerate(said.choices)
    ]


def check_status(status: int, headers: Mapping[str, str], data: bytes, url: str) -> None:
    """Raise AgainError where a server is busy or broken, Unavailable where it will say the same again."""
    if status in _BUSY or status >= 500:
        raise AgainError(f"status {status}: {shown(data)}", _pause_s(headers.get("retry-after", "")))
    if status != 200:
        elsewhere = headers.get("location", "") if 300 <= status < 400 else ""
        told = f"it sends on to {shown(elsewhere.encode())}, where nothing is asked" if elsewhere else shown(data)
        raise Unavailable(
            f"status {status}: {told}", where=url, remedy="look at the address, the model's name and the key"
        )


def _answer(choice: _Choice, weights: str, prompt_tokens: int, completion_tokens: int) -> Answer:
    message = choice.message
    return Answer(
        message.refusal or message.content or "",
        "content_filter" if message.refusal is not None else choice.finish_reason or "",
        prompt_tokens,
        completion_tokens,
        message.reasoning_content or message.reasoning or "",
        weights,
    )


def _pause_s(said: str) -> float:
    """Return the seconds of a Retry-After, which is a number or a date; 0 where it is neither."""
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


def shown(data: bytes) -> str:
    """Return the beginning of a body on one line."""
    said = " ".join(data[: 4 * _SHOWN_CHARS].decode(errors="replace").split())
    return "".join(mark for mark in said if mark.isprintable())[:_SHOWN_CHARS] or "nothing"
