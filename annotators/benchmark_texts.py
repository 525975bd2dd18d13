"""The texts of benchmarks, found again in others: whole ones, and long runs of them.

A cheap pass looks up windows of WINDOW letters, which begin wherever a word of a benchmark begins, by a rolling hash;
what it says is then compared letter by letter and made as long as it goes on, so no hash alone says anything. What many
items of a benchmark share is its form ("Please answer the question and provide ..."), not its content: such windows are
not looked up, and their words do not count. The table takes some 30 bytes a letter while it is made, a third later.

T letters, W words, G windows; a letter is a code point of a squeezed text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from annotators.squeezed import Words, codes_of, words_of
from schemas.benchmark import LONG_WORDS, RUN_SHARE, RUN_WORDS, Benchmark

WINDOW = 32
"""Letters of a window: some seven words, so that a run of thirteen holds several."""
FORM_ITEMS, FORM_SHARE = 10, 0.02
"""What more items share than these, and than this share of all, is their form."""
_MOST_PLACES = 64
_SCANNED = 1 << 20
_ODD = 0x9E3779B97F4A7C15
_INVERSE = pow(_ODD, -1, 1 << 64)


class Origin(NamedTuple):
    """Which item of which benchmark a text is of, whether it is all that is asked, and whether it has pictures."""

    benchmark: str
    item: str
    is_asked: bool
    is_pictured: bool


class Match(NamedTuple):
    """A text of a benchmark that another shares runs with: the longest run in the benchmark's words that are not form,
    the share of all such words that its runs cover, and where these stand in the other, the longest first."""

    origin: Origin
    words: int
    share: float
    runs: tuple[tuple[int, int], ...]

    @property
    def strength(self) -> float:
        """How near it comes to being held, 1 or more where it is."""
        return max(min(self.words / RUN_WORDS, self.share / RUN_SHARE), self.words / LONG_WORDS)


class _Run(NamedTuple):
    """A run: the number of the benchmark's text, the words of it that it holds, and its letters in the other text."""

    number: int
    first_word: int
    end_word: int
    first: int
    end: int


class BenchmarkTexts:
    """The texts of some benchmarks, ready to be looked up."""

    def __init__(self, benchmarks: Sequence[Benchmark]) -> None:
        self._origins = list[Origin]()
        texts, counts = list[Words](), list[int]()
        for benchmark in benchmarks:
            for origin, text in _texts(benchmark):
                self._origins.append(origin)
                texts.append(words_of(text))
            counts.append(len(self._origins))
        ends = np.cumsum([0, *(len(one.codes_T) for one in texts)])
        self._first, self._end = ends[:-1], ends[1:]
        self._codes = np.concatenate([one.codes_T for one in texts]) if texts else np.zeros(0, np.uint32)
        self._word_ends = np.cumsum([0, *(len(one.starts_W) for one in texts)])
        starts = [one.starts_W + first for one, first in zip(texts, self._first.tolist(), strict=True)]
        self._words = np.concatenate([*starts, np.zeros(0, np.int64)])
        self._own = np.ones(len(self._words), np.bool_)
        self._look_up(*self._windows(counts))
        self.whole = self._short_texts()

    def _windows(self, counts: Sequence[int]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Return the hashes and places of the windows that are no form, and strike out the words of those that are."""
        text_W = np.repeat(np.arange(len(self._origins)), np.diff(self._word_ends))
        whole = np.flatnonzero(self._words + WINDOW <= self._end[text_W])
        places, text_G = self._words[whole], text_W[whole]
        hashes = window_hashes(self._codes)[places] if len(places) else np.zeros(0, np.uint64)
        form = np.zeros(len(places), np.bool_)
        begin = 0
        for end in counts:
            here = np.flatnonzero((text_G >= begin) & (text_G < end))
            form[here] = self._is_form(hashes[here], text_G[here], begin, end)
            begin = end
        for place in places[form].tolist():
            covered = np.searchsorted(self._words, [place, place + WINDOW])
            self._own[covered[0] : covered[1]] = False
        return hashes[~form], places[~form]

    def _is_form(self, hashes: Any, text_G: Any, begin: int, end: int) -> NDArray[np.bool_]:
        names: dict[str, int] = {}
        items = np.array([names.setdefault(one.item, len(names)) for one in self._origins[begin:end]], np.int64)
        if not len(items):
            return np.zeros(0, np.bool_)
        values, which = np.unique(hashes, return_inverse=True)
        pairs = np.unique(which * len(names) + items[text_G - begin])
        shared = np.bincount(pairs // len(names), minlength=len(values))
        found: NDArray[np.bool_] = shared[which] > max(FORM_ITEMS, FORM_SHARE * len(names))
        return found

    def _look_up(self, hashes: NDArray[np.uint64], places: NDArray[np.int64]) -> None:
        """Sort the windows by hash; a table of bits, eight a window and more, says first what is not among them."""
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._places = hashes[order], places[order]
        bits = max(10, (8 * len(hashes)).bit_length())
        self._shift = np.uint64(64 - bits)
        self._there = np.zeros(1 << bits, np.bool_)
        self._there[hashes >> self._shift] = True

    def _short_texts(self) -> dict[str, list[tuple[Origin, int]]]:
        """Return, by squeezed text, what is asked in too few words or letters to be found by its runs, or in its
        benchmark's form alone, with how many words they are."""
        found = defaultdict[str, list[tuple[Origin, int]]](list)
        for number, origin in enumerate(self._origins):
            words = slice(int(self._word_ends[number]), int(self._word_ends[number + 1]))
            count = words.stop - words.start
            codes = self._codes[self._first[number] : self._end[number]]
            if origin.is_asked and count and (len(codes) < WINDOW or int(self._own[words].sum()) < RUN_WORDS):
                found[codes.tobytes().decode("utf-32-le", "surrogatepass")].append((origin, count))
        return dict(found)

    def matches(self, text: str) -> list[Match]:
        """Return the texts that a squeezed text shares runs with, the strongest first."""
        found = defaultdict[int, list[_Run]](list)
        for run in self._runs(codes_of(text)):
            found[run.number].append(run)
        matches = [self._match(number, runs) for number, runs in found.items()]
        return sorted(matches, key=lambda one: (-one.strength, -one.words, one.origin))

    def _match(self, number: int, runs: list[_Run]) -> Match:
        own = self._own[self._word_ends[number] : self._word_ends[number + 1]]
        covered = np.zeros(len(own), np.bool_)
        lengths = list[tuple[int, int, int]]()
        for run in runs:
            words = slice(run.first_word, run.end_word)
            covered[words] = True
            lengths.append((-int(own[words].sum()), run.first, run.end))
        lengths.sort()
        share = float((covered & own).sum()) / max(int(own.sum()), 1)
        return Match(self._origins[number], -lengths[0][0], share, tuple(run[1:] for run in lengths))

    def _runs(self, codes: NDArray[np.uint32]) -> Iterator[_Run]:
        """Yield the runs of a text, each as long as it goes on."""
        reached = dict[int, int]()
        for begin in range(0, len(codes) - WINDOW + 1, _SCANNED):
            hashes = window_hashes(codes[begin : begin + _SCANNED + WINDOW - 1])
            maybe = np.flatnonzero(self._there[hashes >> self._shift])
            first = np.searchsorted(self._hashes, hashes[maybe], "left")
            last = np.searchsorted(self._hashes, hashes[maybe], "right")
            for at in np.flatnonzero(last > first).tolist():
                place = begin + int(maybe[at])
                for other in self._places[first[at] : min(last[at], first[at] + _MOST_PLACES)].tolist():
                    if reached.get(other - place, 0) <= place and (run := self._run(codes, place, other)):
                        reached[other - place] = run.end
                        yield run

    def _run(self, codes: NDArray[np.uint32], place: int, other: int) -> _Run | None:
        """Compare a window letter by letter and follow it both ways; None where a hash deceived."""
        if not np.array_equal(codes[place : place + WINDOW], self._codes[other : other + WINDOW]):
            return None
        number = int(np.searchsorted(self._first, other, "right")) - 1
        after = _equal(codes[place:], self._codes[other : self._end[number]])
        before = _equal(codes[:place][::-1], self._codes[self._first[number] : other][::-1])
        starts = self._words[self._word_ends[number] : self._word_ends[number + 1]]
        ends = np.append(starts[1:], self._end[number])
        first_word = int(np.searchsorted(starts, other - before, "left"))
        end_word = int(np.searchsorted(ends, other + after, "right"))
        return _Run(number, first_word, end_word, place - before, place + after)


def _texts(benchmark: Benchmark) -> Iterator[tuple[Origin, str]]:
    for item in benchmark.items:
        for is_asked, texts in ((True, item.asked), (False, item.told)):
            for text in texts:
                yield Origin(benchmark.name, item.item, is_asked, bool(item.pictures)), text


def _equal(ones: NDArray[np.uint32], others: NDArray[np.uint32]) -> int:
    """Return how many of the first values of two rows are equal."""
    count, step = min(len(ones), len(others)), 256
    for begin in range(0, count, step):
        end = min(begin + step, count)
        differ = np.flatnonzero(ones[begin:end] != others[begin:end])
        if len(differ):
            return begin + int(differ[0])
    return count


def window_hashes(codes: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Return the hash of each window of WINDOW values, by the place where it begins.

    The sum of code * q^-i over a window times q^(place) is the same wherever the window stands; q is odd, so it has an
    inverse in 64 bits that wrap. High bits are the mixed ones.
    """
    count = len(codes) - WINDOW + 1
    if count < 1:
        return np.zeros(0, np.uint64)
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum((codes.astype(np.uint64) + np.uint64(1)) * _powers(_INVERSE, len(codes)), out=sums[1:])
    found: NDArray[np.uint64] = (sums[WINDOW:] - sums[:-WINDOW]) * _powers(_ODD, count)
    return _mixed(found)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values ^= values >> np.uint64(32)
    values *= np.uint64(_ODD)
    values ^= values >> np.uint64(29)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    return values


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    """Return base^0 to base^(count - 1), in 64 bits that wrap."""
    found = np.full(count, base, np.uint64)
    found[0] = 1
    np.cumprod(found, out=found)
    return found
