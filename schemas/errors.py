"""Errors that say what is wrong, where, and what to do."""

from __future__ import annotations

from schemas.mask import masked


class OstrakaError(Exception):
    """A problem that stops a run: what is wrong, where, and what to do about it."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(what, where, remedy)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.remedy)

    def __str__(self) -> str:
        said = f"{self.where}: {self.what}" if self.where else self.what
        return masked(f"{said}; {self.remedy}" if self.remedy else said)


def _rebuild(kind: type[OstrakaError], what: str, where: str, remedy: str) -> OstrakaError:
    return kind(what, where=where, remedy=remedy)


class BadInput(OstrakaError):
    """Something the user gave cannot be used at all."""


class BadTar(OstrakaError):
    """A tar breaks the member rules of a shard."""


class TooManyFailed(OstrakaError):
    """More samples of a shard failed than the run allows."""


class Unavailable(OstrakaError):
    """A file system, a model or an engine failed: never a sample's fault, so it stops the run or is tried again."""


class Unreachable(Unavailable):
    """A store does not answer, or does not let us in: it says nothing of what lies there."""


class BadSample(Exception):
    """This sample alone cannot be used: `reason` is snake_case and the same everywhere, `detail` is for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(reason, detail)

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason
