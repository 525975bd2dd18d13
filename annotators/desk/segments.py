"""Segments: spans of time with a label, compared by how far they overlap, merged at the middle of their ends.

Two segments are one where part and value are the same and the intersection over the union of their times (tIoU) is
`least_tiou` or more, or both ends lie within `tolerance_s`: a short span misses the first by a frame. Agreement is F1,
so a segment that one person alone marked costs. It is 0 where half of the matched ends differ by more than `boundary_s`
and `boundary_share` of the segment, however well they overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median

import msgspec
from msgspec import Struct

from annotators.desk.item import Notes
from annotators.desk.matching import f1, grouped, matched, overlaps
from schemas.note import Note, TimeSpan


class Span(Struct, frozen=True):
    """A labelled span, in seconds and in what its note says."""

    start_s: float
    end_s: float
    label: str
    note: Note

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


class Comparison(Struct, frozen=True):
    """What two people's segments have in common; boundaries in seconds, 0 where nothing matched."""

    pairs: int
    mine: int
    theirs: int
    f1: float
    mean_tiou: float
    boundary_mean_s: float
    boundary_median_share: float
    """The median boundary error as a share of what it may be."""


class Segments(Struct, frozen=True):
    """Compares segments; `labels` are those that may stand (any, where there are none)."""

    labels: tuple[str, ...] = ()
    least_tiou: float = 0.5
    tolerance_s: float = 0.0
    boundary_s: float = 0.25
    boundary_share: float = 0.05
    most_s: float = float("inf")

    def agreement(self, one: Notes, other: Notes) -> float:
        """Return F1, 0 where the ends differ too far."""
        found = self.compared(one, other)
        return found.f1 if found.boundary_median_share <= 1 else 0.0

    def compared(self, one: Notes, other: Notes) -> Comparison:
        """Return all that is measured of two people's segments."""
        mine, theirs = spans(one), spans(other)
        pairs = self._pairs(mine, theirs)
        errors = [
            (abs(difference), max(self.boundary_s, self.boundary_share * max(mine[a].length_s, theirs[b].length_s)))
            for a, b in pairs
            for difference in (mine[a].start_s - theirs[b].start_s, mine[a].end_s - theirs[b].end_s)
        ]
        return Comparison(
            len(pairs),
            len(mine),
            len(theirs),
            f1(len(pairs), len(mine), len(theirs)),
            sum(tiou(mine[a], theirs[b]) for a, b in pairs) / len(pairs) if pairs else 0.0,
            sum(error for error, _ in errors) / len(errors) if errors else 0.0,
            median(error / allowed for error, allowed in errors) if errors else 0.0,
        )

    def merged(self, all_of_them: Sequence[Notes]) -> Notes | None:
        """Return the segments that all marked, each end at the mean of theirs; None where one marked one alone."""
        groups = self.grouped(all_of_them)
        notes = None if groups is None else tuple(self.mean(group) for group in groups)
        return None if notes is None or any(_at(note).end_pts <= _at(note).start_pts for note in notes) else notes

    def paired(self, one: Notes, other: Notes) -> list[tuple[Note, Note]]:
        """Return the segments of two people that are one."""
        mine, theirs = spans(one), spans(other)
        return [(mine[a].note, theirs[b].note) for a, b in self._pairs(mine, theirs)]

    def grouped(self, all_of_them: Sequence[Notes]) -> list[list[Note]] | None:
        """Return each segment as everybody marked it, in their order; None where one marked one alone."""
        return grouped(self.paired, [tuple(span.note for span in spans(notes)) for notes in all_of_them])

    def mean(self, group: Sequence[Note]) -> Note:
        """Return a segment with its ends at the mean of everybody's."""
        return _mean(group)

    def problem(self, notes: Notes) -> str:
        """Say whether a segment is no segment, is empty, lies outside, has no label, or overlaps its own like."""
        if not all(isinstance(note.at, TimeSpan) for note in notes):
            return "not_a_segment"
        if any(_at(note).end_pts <= _at(note).start_pts for note in notes):
            return "zero_length"
        found = spans(notes)
        if any(span.start_s < 0 or span.end_s > self.most_s for span in found):
            return "outside_the_clip"
        if self.labels and any(note.value not in self.labels for note in notes):
            return "unknown_label"
        for label in {span.label for span in found}:
            same = sorted((span.start_s, span.end_s) for span in found if span.label == label)
            if any(start_s < end_s for (_, end_s), (start_s, _) in pairwise(same)):
                return "overlaps_its_like"
        return ""

    def _pairs(self, mine: Sequence[Span], theirs: Sequence[Span]) -> list[tuple[int, int]]:
        return matched(overlaps(mine, theirs, self._overlap), self.least_tiou)

    def _overlap(self, one: Span, other: Span) -> float:
        if one.label != other.label:
            return -1.0
        near_s = max(abs(one.start_s - other.start_s), abs(one.end_s - other.end_s))
        return max(tiou(one, other), self.least_tiou if near_s <= self.tolerance_s else 0.0)


def spans(notes: Notes) -> list[Span]:
    """Return the segments among notes, in order of time; a label is a note's name, part and value."""
    found = []
    for note in notes:
        if isinstance(note.at, TimeSpan):
            over, under = note.at.time_base
            label = msgspec.json.encode((note.name, note.at.part, note.value)).decode()
            found.append(Span(note.at.start_pts * over / under, note.at.end_pts * over / under, label, note))
    return sorted(found, key=lambda span: (span.start_s, span.end_s, span.label))


def tiou(one: Span, other: Span) -> float:
    """Return the intersection over the union of two spans of time."""
    both_s = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    either_s = max(one.end_s, other.end_s) - min(one.start_s, other.start_s)
    return max(both_s, 0.0) / either_s if either_s > 0 else 0.0


def _at(note: Note) -> TimeSpan:
    assert isinstance(note.at, TimeSpan)
    return note.at


def _mean(notes: Sequence[Note]) -> Note:
    """Return the first note with its ends at the mean, in pts of its own time base, halves to even."""
    first = _at(notes[0])
    over, under = first.time_base

    def mean(pts_and_bases: list[tuple[int, tuple[int, int]]]) -> int:
        total = sum(Fraction(pts * base[0] * under, base[1] * over) for pts, base in pts_and_bases)
        return round(total / len(pts_and_bases))

    start = mean([(_at(note).start_pts, _at(note).time_base) for note in notes])
    end = mean([(_at(note).end_pts, _at(note).time_base) for note in notes])
    return Note(notes[0].name, notes[0].value, TimeSpan(first.part, start, end, first.time_base))
