"""Refusals, in the form that OpenAI's clients read."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A request that is not answered: an HTTP status, why, and what of the request is meant."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        self.status, self.message, self.param, self.code = status, message, param, code
        super().__init__(message)

    def body(self) -> dict[str, Any]:
        """Return what is sent."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}
