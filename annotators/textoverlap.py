"""Text overlap: what the texts of a sample share with benchmarks, word by word.

All texts of a sample are looked through as one, so a question whose sentences lie in several parts is found. Case,
punctuation and spaces make no difference (annotators/squeezed.py). A question of a few words says little by itself, so
it counts where a whole text, or a whole line or a few of one, is that question, and it is noted whether pictures belong
to it: "What number is shown?" without its picture is nobody's question. The tables are read once a worker; a sample
then costs some 0.1 ms, and less than 1 s a million letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

from msgspec import structs

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.benchmark_texts import BenchmarkTexts, Match, Origin
from annotators.benchmarks import digest_of_benchmarks, read_benchmarks
from annotators.squeezed import Places, squeezed
from schemas.benchmark import RUN_WORDS
from schemas.errors import BadSample
from schemas.note import Characters, Note, Noted
from schemas.sample import Text
from schemas.vocabulary.benchmarks import (
    BENCHMARK_RUN,
    BENCHMARK_RUN_SHARE,
    BENCHMARK_RUN_WORDS,
    BENCHMARK_SPAN,
    BENCHMARK_WHOLE,
    BENCHMARK_WHOLE_PICTURED,
    BENCHMARK_WHOLE_WORDS,
)

MOST_LINES, _MOST_CHARS = 5, 300
"""A short question may have so many lines, blank ones among them, and so many characters."""
MOST_MATCHES, MOST_RUNS = 4, 4
"""Of so many items the places are noted, and of each of them so many of its runs."""
_SHOWN_CHARS = 160
_LABEL = re.compile(r"\s*(question|problem|query|prompt|q)\s*[:.)]\s*", re.IGNORECASE)
_NOTHING = Origin("", "", True, False)


class TextOverlap(Annotator, frozen=True):
    """`benchmarks`: the folder that `ostraka benchmark` wrote. Runs of fewer than some seven words are not looked for.
    Noted is the item that comes nearest to being held, with its longest run and how much of it all runs cover; and the
    places of the runs of the strongest four."""

    benchmarks: str = ""

    version: ClassVar = 2
    writes: ClassVar = (
        BENCHMARK_RUN,
        BENCHMARK_RUN_WORDS,
        BENCHMARK_RUN_SHARE,
        BENCHMARK_WHOLE,
        BENCHMARK_WHOLE_WORDS,
        BENCHMARK_WHOLE_PICTURED,
    )
    places: ClassVar = (BENCHMARK_SPAN,)

    @property
    def batch(self) -> int:
        return 256

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=120.0)

    def identity(self) -> TextOverlap:
        return structs.replace(self, benchmarks="")

    def weights(self) -> tuple[str, ...]:
        """Return the digest of the tables; raises BadInput where they cannot be read."""
        return (digest_of_benchmarks(self.benchmarks),)

    @contextmanager
    def open(self) -> Iterator[Look]:
        texts = BenchmarkTexts(read_benchmarks(self.benchmarks))

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            return [overlap(texts, subject.sample.parts) for subject in subjects]

        yield look


def overlap(benchmarks: BenchmarkTexts, parts: Sequence[object]) -> Noted:
    """Return what the texts among these parts share with benchmarks."""
    texts = [(place, part.text) for place, part in enumerate(parts) if isinstance(part, Text)]
    pieces = [squeezed(text) for _, text in texts]
    matches = benchmarks.matches("".join(pieces))
    whole = _whole(benchmarks, texts)
    best = matches[0] if matches else Match(_NOTHING, 0, 0.0, ())
    origin, words, _ = whole or (_NOTHING, 0, None)
    strong = [one for one in matches if one.words >= RUN_WORDS][:MOST_MATCHES]
    spans = [note for one in strong or matches[:1] for note in _spans(one, texts, pieces)]
    if whole:
        spans += _whole_span(*whole)
    return Noted(
        {
            "benchmark_run": _said(best.origin),
            "benchmark_run_words": best.words,
            "benchmark_run_share": round(best.share, 6),
            "benchmark_whole": _said(origin),
            "benchmark_whole_words": words,
            "benchmark_whole_pictured": origin.is_pictured,
        },
        tuple(spans),
    )


class _Line(NamedTuple):
    """A whole text or a line of it: its part, and where in the part's text it stands."""

    part: int
    first: int
    text: str


def _whole(benchmarks: BenchmarkTexts, texts: Sequence[tuple[int, str]]) -> tuple[Origin, int, _Line] | None:
    """Return the question that a whole text or line is: one without pictures before one with, then the longest."""
    found = [
        (origin, words, line)
        for part, text in texts
        for line in _lines(part, text)
        for origin, words in benchmarks.whole.get(squeezed(line.text), ())
    ]
    return min(found, key=lambda one: (one[0].is_pictured, -one[1], one[0]), default=None)


def _lines(part: int, text: str) -> Iterator[_Line]:
    """Yield a text, each of its lines, and each few that follow one another and are short together: without a label
    before them, and without a remark in brackets behind them."""
    several = [_Line(part, 0, text)]
    if "\n" in text:
        bounds = [0, *(found.end() for found in re.finditer("\n", text)), len(text)]
        several += [
            _Line(part, first, text[first:end])
            for lines in range(1, min(MOST_LINES, len(bounds) - 2) + 1)
            for first, end in zip(bounds, bounds[lines:], strict=False)
            if lines == 1 or end - first <= _MOST_CHARS
        ]
    for line in several:
        label = _LABEL.match(line.text)
        first = label.end() if label else 0
        for end in dict.fromkeys((len(line.text), _before_aside(line.text))):
            yield _Line(part, line.first + first, line.text[first:end])


def _before_aside(text: str) -> int:
    """Return where a remark in brackets at the end of a line begins ("How heavy is it? (Unit: kg)"), or its end."""
    plain = text.rstrip()
    opening = plain.rfind("(") if plain.endswith(")") else -1
    return opening if opening > 0 else len(text)


def _spans(match: Match, texts: Sequence[tuple[int, str]], pieces: Sequence[str]) -> Iterator[Note]:
    """Yield a note on the characters of each text that the longest runs of a match lie in."""
    for run_first, run_end in match.runs[:MOST_RUNS]:
        begin = 0
        for (part, text), piece in zip(texts, pieces, strict=True):
            first, end = max(run_first, begin) - begin, min(run_end, begin + len(piece)) - begin
            begin += len(piece)
            if first < end:
                places = Places(text)
                at = Characters(part, places.of(first), places.of(end - 1) + 1)
                yield Note("benchmark_span", f"{_said(match.origin)}: {_shown(text[at.start : at.end])}", at)


def _whole_span(origin: Origin, words: int, line: _Line) -> Iterator[Note]:
    at = Characters(line.part, line.first, line.first + len(line.text.rstrip()))
    yield Note("benchmark_span", f"{_said(origin)}: {_shown(line.text)}", at)


def _shown(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _SHOWN_CHARS else f"{plain[:_SHOWN_CHARS]}..."


def _said(origin: Origin) -> str:
    return f"{origin.benchmark}/{origin.item}" if origin.benchmark else ""
