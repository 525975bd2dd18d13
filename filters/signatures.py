"""The first signature near each, among those that stand before it: exact, by bands.

Signatures are rows of numbers; two are near where at most `may_differ` places differ. Cut into equal bands, of
which there are more than that, near signatures agree in a whole band, and one of the first `may_differ` + 1 is such a
one. So rows are sorted by each of these bands, and a row looks through the run of those that agree with it in their
order, until it finds one that is near or comes to one no better than it has.

A crowded run, of texts that share a phrase and little else, is cut again: near signatures agree in at least
`bands` - `may_differ` bands (6 of 28 at a similarity of 0.8), so its rows are sorted by each later band, and so on down
to that many, where a sample of the run says that this pays. Equal signatures are joined first and cost nothing more.

N signatures, P = SIGNATURE_PLACES numbers of 16 bits, W = P / 4 words of 64.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from filters.compiled import compiled, cores, on_threads
from schemas.vocabulary.compared import SIGNATURE_PLACES

_FRONT = 128
_FEW = 32
_CROWD = 2048
_MOST_PAIRS = 2.0
_ODD = np.uint64(0x9E3779B97F4A7C15)

_HALF_WORDS = SIGNATURE_PLACES // 8
_ALL_BUT_HIGH = np.uint64(0x7FFF7FFF7FFF7FFF)
_LOW = np.uint64(0x0001000100010001)


class Signatures(Struct, frozen=True):
    """Signatures, which of them in what order (the better-ranked first), in how many bands they are cut, and in how
    many places near ones may differ."""

    values_NP: NDArray[np.uint16]
    order: NDArray[np.int64]
    bands: int
    may_differ: int

    def keys(self, run: NDArray[np.int64], band: int) -> NDArray[np.uint64]:
        """Return a number for each member of a run that is the same where a band and its values are."""
        keys = np.empty(len(run), np.uint64)
        _keys(self.values_NP, self.order, run, band, SIGNATURE_PLACES // self.bands, keys)
        return keys

    def agreeing(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return in how many places each of some agrees with another, by their places in the order."""
        found = np.empty(len(ones), np.int64)
        _agreeing(self.values_NP, self.order[ones], self.order[others], found)
        return found


def nearest_better(signatures: Signatures, threads: int = 0) -> NDArray[np.int64]:
    """Return, for each place of the order, the first place whose signature is near and that stands before it, or -1.

    `threads`: 0 means one a core; each takes bands of its own, and the best of what they find counts.
    """
    everyone = np.arange(len(signatures.order))
    equal = _nearest_in(replace(signatures, bands=1, may_differ=0), range(1))
    places = np.flatnonzero(equal == everyone)
    numbers = np.cumsum(equal == everyone) - 1
    unlike = replace(signatures, order=signatures.order[places])
    threads = threads or cores()
    found = on_threads(
        lambda first: _nearest_in(unlike, range(first, signatures.may_differ + 1, threads)),
        [(first,) for first in range(min(threads, signatures.may_differ + 1))],
        threads,
    )
    witness: NDArray[np.int64] = places[np.minimum.reduce(found)[numbers[equal]]]
    witness[witness == everyone] = -1
    return witness


def _nearest_in(signatures: Signatures, bands: range) -> NDArray[np.int64]:
    """Return the first near signature that agrees in one of some bands, or the own place."""
    best = np.arange(len(signatures.order))
    for band in bands:
        _search(signatures, np.arange(len(best)), band, 1, best)
    return best


def _search(signatures: Signatures, run: NDArray[np.int64], band: int, agreed: int, best: NDArray[np.int64]) -> None:
    """Compare the members of a run, ascending, that agree in a band; with it they agree in `agreed` bands.

    Sorted are keys whose low bits give way to the place in the run, so that members of one key stay ascending; keys
    that part only in those bits make a run longer than it need be.
    """
    place_bits = np.uint64(len(run).bit_length())
    mask = (np.uint64(1) << place_bits) - np.uint64(1)
    packed = signatures.keys(run, band) & ~mask
    packed |= np.arange(len(run), dtype=np.uint64)
    packed.sort()
    members = run[(packed & mask).astype(np.int64)]
    packed >>= place_bits
    words_NW, order, may_differ = signatures.values_NP.view(np.uint64), signatures.order, signatures.may_differ
    crowded = np.empty((len(run) // _CROWD, 2), np.int64)
    count = _walk_runs(words_NW, order, members, packed, may_differ, best, crowded)
    for begin, end in crowded[:count].tolist():
        crowd, later = members[begin:end], range(band + 1, may_differ + agreed + 1)
        if _pays(signatures, crowd, later, signatures.bands - may_differ - agreed):
            for number in later:
                _search(signatures, crowd, number, agreed + 1, best)
        else:
            _walk(words_NW, order, crowd, may_differ, len(crowd), best)


def _pays(signatures: Signatures, crowd: NDArray[np.int64], later: range, cuts: int) -> bool:
    """Say whether a crowd is worth cutting by later bands, `cuts` times in all: if half its pairs are left at most.

    One cut leaves `pairs`, of all of them, in the runs of all later bands together. Bands are taken in their order, so
    several leave pairs^cuts / cuts!; on the way there are no more than a few times as many runs where `pairs` is small.
    """
    some = crowd[:: len(crowd) // _CROWD]
    pairs = 0.0
    for band in later:
        counts = np.unique(signatures.keys(some, band), return_counts=True)[1]
        pairs += float((counts * (counts - 1)).sum()) / (len(some) * (len(some) - 1))
    return cuts > 0 and pairs <= _MOST_PAIRS and pairs**cuts / factorial(cuts) < 0.5


@compiled
def _keys(values_NP: Any, order: Any, run: Any, band: Any, width: Any, keys: Any) -> None:
    for at in range(len(run)):
        row, key = order[run[at]], np.uint64(band + 1) * _ODD
        for place in range(band * width, (band + 1) * width):
            key = (key ^ np.uint64(values_NP[row, place])) * _ODD
        keys[at] = key ^ (key >> np.uint64(32))


@compiled
def _agreeing(values_NP: Any, ones: Any, others: Any, found: Any) -> None:
    for at in range(len(found)):
        found[at] = 0
        for place in range(SIGNATURE_PLACES):
            found[at] += values_NP[ones[at], place] == values_NP[others[at], place]


@compiled
def _near(words_NW: Any, one: Any, other: Any, may_differ: Any) -> bool:
    """Count the places that differ, in four lanes of 16 bits: a lane has its low bit set where it is not zero."""
    lanes = np.uint64(0)
    for half in range(2):
        for word in range(half * _HALF_WORDS, (half + 1) * _HALF_WORDS):
            differ = words_NW[one, word] ^ words_NW[other, word]
            lanes += ((((differ & _ALL_BUT_HIGH) + _ALL_BUT_HIGH) | differ) >> np.uint64(15)) & _LOW
        if np.int64((lanes * _LOW) >> np.uint64(48)) > may_differ:
            return False
    return True


@compiled
def _walk(words_NW: Any, order: Any, run: Any, may_differ: Any, most: Any, best: Any) -> int:
    """Look for each through at most so many from the front; return how many have more to look through."""
    unfinished = 0
    for at in range(1, len(run)):
        own, stop, other = run[at], min(at, most), 0
        while other < stop and run[other] < best[own]:
            if _near(words_NW, order[own], order[run[other]], may_differ):
                best[own] = run[other]
                break
            other += 1
        if other == stop < at and run[other] < best[own]:
            unfinished += 1
    return unfinished


@compiled
def _walk_runs(words_NW: Any, order: Any, members: Any, keys: Any, may_differ: Any, best: Any, crowded: Any) -> int:
    """Walk each run of equal keys, a crowded one through its front alone; write down and count those that this leaves
    with more to look through."""
    begin, count = 0, 0
    while begin < len(keys):
        end = begin + 1
        while end < len(keys) and keys[end] == keys[begin]:
            end += 1
        run = members[begin:end]
        unfinished = _walk(words_NW, order, run, may_differ, len(run) if len(run) < _CROWD else _FRONT, best)
        if unfinished > _FEW:
            crowded[count, 0], crowded[count, 1] = begin, end
            count += 1
        elif unfinished:
            _walk(words_NW, order, run, may_differ, len(run), best)
        begin = end
    return count
