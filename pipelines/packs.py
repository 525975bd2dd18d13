"""The packs of the verifiers' domains: found beside the file that a domain is written in, read, and run."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence

from filters.verifiers.domain import Domain
from filters.verifiers.domains.all import DOMAINS
from filters.verifiers.pack import Case, Rates, rates, read_pack
from pipelines.recipes.value import load
from schemas.errors import BadInput


def chosen(names: Sequence[str]) -> dict[str, Domain]:
    """Return domains by name: all that come with ostraka, or those asked for, also as package.module:Class."""
    return {domain.name: domain for domain in map(_domain, names)} if names else dict(DOMAINS)


def pack_of(domain: Domain) -> list[Case]:
    """Return a domain's cases: `packs/<name>.jsonl` beside its file."""
    folder = os.path.dirname(inspect.getfile(type(domain)))
    path = os.path.join(folder, "packs", f"{domain.name}.jsonl")
    try:
        with open(path, "rb") as file:
            found = read_pack(file, path)
    except FileNotFoundError as error:
        raise BadInput(f"no pack of {domain.name}", where=path, remedy="write attacks and honest answers") from error
    if not found:
        raise BadInput(f"the pack of {domain.name} is empty", where=path, remedy="write attacks and honest answers")
    return found


def rates_of(domain: Domain, domains: Mapping[str, Domain]) -> Rates:
    """Run a domain on its pack."""
    return rates(domain, pack_of(domain), domains)


def _domain(name: str) -> Domain:
    if ":" not in name:
        if name not in DOMAINS:
            raise BadInput(
                f"no domain {name!r}",
                where="--domain",
                remedy=f"choose one of {', '.join(DOMAINS)}, or give package.module:Class",
            )
        return DOMAINS[name]
    found = load(name)
    made = found() if isinstance(found, type) and issubclass(found, Domain) else found
    if not isinstance(made, Domain) or not made.name:
        raise BadInput(f"{name} is no domain with a name", where="--domain", remedy="see filters.verifiers.domain")
    return made
