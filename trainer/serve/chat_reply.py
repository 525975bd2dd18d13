"""Replies, in the form that OpenAI's clients read: choices, their log-probabilities, what it came to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from trainer.documents.tokens import Tokens
from trainer.engine.engine import Drawn, Finish
from trainer.serve.spoken import Heard


class Head(Struct, frozen=True):
    """What every part of a reply begins with; `version` names the weights."""

    id: str
    created: int
    model: str
    version: str

    def of(self, kind: str, choices: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return a reply, or a part of one, with these choices."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.version,
            "choices": list(choices),
        }


class Choice:
    """One answer as it grows."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._tokens: list[Drawn] = []
        self._finish: Finish | None = None

    def add(self, heard: Heard) -> None:
        """Take what was said next."""
        self._texts.append(heard.text)
        self._tokens += heard.tokens
        self._finish = heard.finish

    def told(self, index: int, tokens: Tokens, *, logprobs: bool) -> dict[str, Any]:
        """Return the choice of a whole reply."""
        return {
            "index": index,
            "message": {"role": "assistant", "content": "".join(self._texts), "refusal": None},
            "finish_reason": self._finish,
            "logprobs": logprobs_of(self._tokens, tokens) if logprobs else None,
        }


def part_of(heard: Heard, tokens: Tokens, *, logprobs: bool) -> dict[str, Any]:
    """Return the choice of one part of a stream."""
    return {
        "index": heard.row,
        "delta": {"content": heard.text},
        "finish_reason": heard.finish,
        "logprobs": logprobs_of(heard.tokens, tokens) if logprobs else None,
    }


def usage(prompt_tokens: int, said_tokens: int) -> dict[str, Any]:
    """Return what a request came to; the token that ends an answer counts."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": said_tokens,
        "total_tokens": prompt_tokens + said_tokens,
    }


def logprobs_of(drawn: Iterable[Drawn], tokens: Tokens) -> dict[str, Any]:
    """Return each token with its log-probability and the likeliest in its place."""
    content = [
        _token(one.token, one.logprob, tokens)
        | {"top_logprobs": [_token(token, logprob, tokens) for token, logprob in one.top]}
        for one in drawn
    ]
    return {"content": content, "refusal": None}


def _token(token: int, logprob: float, tokens: Tokens) -> dict[str, Any]:
    content = tokens.bytes_of(token)
    return {"token": content.decode(errors="replace"), "logprob": logprob, "bytes": list(content)}
