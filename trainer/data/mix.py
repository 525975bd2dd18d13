"""A mix as a trainer takes it: each part is a pool of its own, with the mix's weight for it or one that is given here.

Weights are whole numbers, so that every window has the mix exactly. Where a mix stands beside other exports, its parts
share its weight (without one, its samples) in proportion to theirs: all are raised by what makes the shares whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd, lcm

from schemas.errors import BadInput
from trainer.data.export_index import Export


def weights_of_parts(said: Sequence[str]) -> dict[str, int]:
    """Read PART=WEIGHT pairs; raises BadInput."""
    found = dict[str, int]()
    for one in said:
        name, _, weight = one.partition("=")
        if not name or not weight.isdecimal() or not int(weight) or name in found:
            raise BadInput(f"--mix {one!r} is no weight", remedy="give PART=WEIGHT once a part, a number from 1 on")
        found[name] = int(weight)
    return found


def unmixed(
    exports: Sequence[Export], weights: Sequence[int], given: Mapping[str, int]
) -> tuple[list[Export], list[int]]:
    """Return exports with their weights, mixes as their parts; a part without a shard in the split is left out.

    Raises BadInput where a part that is given a weight is not there, or others of its mix have none.
    """
    known = {part.name for export in exports for part in export.mix}
    if unknown := [name for name in given if name not in known]:
        raise BadInput(
            f"no part of a mix is called {unknown[0]}",
            where="--mix",
            remedy=f"the parts are {', '.join(sorted(known)) or 'none: no export given is a mix'}",
        )
    parts = [_parts(export, given) for export in exports]
    if not known:
        return list(exports), list(weights)
    if not any(weights):
        if len(exports) == 1 or not any(weight for of in parts for _, weight in of):
            flat = [pair for of in parts for pair in of]
            return [one for one, _ in flat], [weight for _, weight in flat]
        weights = [_samples(export) for export in exports]
    sums = [sum(weight for _, weight in of) or sum(_samples(one) for one, _ in of) for of in parts]
    whole = lcm(*sums)
    flat = [
        (one, share * whole // total * (part_weight or _samples(one)))
        for of, total, share in zip(parts, sums, weights, strict=True)
        for one, part_weight in of
    ]
    common = gcd(*(weight for _, weight in flat))
    return [one for one, _ in flat], [weight // common for _, weight in flat]


def _samples(export: Export) -> int:
    return sum(shard.samples for shard in export.shards)


def _parts(export: Export, given: Mapping[str, int]) -> list[tuple[Export, int]]:
    if not export.mix:
        return [(export, 0)]
    found = [(of, given.get(part.name, part.weight)) for part in export.mix if (of := export.part(part)).shards]
    _check(export, [weight for _, weight in found], given)
    return found


def _check(export: Export, weights: Sequence[int], given: Mapping[str, int]) -> None:
    if any(weights) and not all(weights):
        names = [part.name for part in export.mix if not given.get(part.name, part.weight)]
        raise BadInput(
            f"{names[0]} has no weight and other parts have",
            where=export.url,
            remedy="give each part a weight with --mix PART=WEIGHT",
        )
