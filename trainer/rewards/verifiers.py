"""Verifiers by name: the domains that come along, `free`, and `package.module:Class` of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module

from filters.verifiers.domain import Domain
from filters.verifiers.domains.all import DOMAINS
from schemas.errors import BadInput
from trainer.rewards.free import Free
from trainer.rewards.same_text import SameText

BUILT_IN: Mapping[str, Domain] = {**DOMAINS, "free": Free(), "same_text": SameText()}


def verifiers(names: Iterable[str], known: Mapping[str, Domain] = BUILT_IN) -> dict[str, Domain]:
    """Return what is known with those that are named beside it; raises BadInput where a name is none's."""
    return {**known, **{name: _own(name) for name in names if name and name not in known}}


def _own(name: str) -> Domain:
    module, _, of_class = name.partition(":")
    try:
        if not of_class:
            raise ImportError("no verifier of this name comes along")
        found = getattr(import_module(module), of_class)()
    except (ImportError, AttributeError, TypeError) as error:
        raise BadInput(
            f"no verifier {name!r}: {error}",
            where="the rewards",
            remedy=f"say package.module:Class, or one of {', '.join(BUILT_IN)}",
        ) from None
    if not isinstance(found, Domain):
        raise BadInput(f"{name!r} is no Domain", where="the rewards", remedy="see docs/reference/verifiers.md")
    return found
