"""Tracks: boxes over time with a label, compared frame by frame, merged corner by corner.

People set few keyframes, each their own, so both tracks are read off at one grid of times, the boxes between keyframes
on a line. A track lasts from its first keyframe to its last, and half a step more at either end. The overlap of two is
their boxes' mean intersection over union on the grid, over all times at which either is there; tracks are one from
`least_iou` on.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.desk.item import Notes
from annotators.desk.matching import f1, grouped, matched, overlaps
from schemas.note import Note, Track


class Path(Struct, frozen=True):
    """A track as it is compared: label, times in seconds, and corners."""

    label: str
    times_s: NDArray[np.float64]
    boxes_K4: NDArray[np.float64]
    note: Note


class Tracks(Struct, frozen=True):
    """Compares tracks on a grid of `step_s`; `labels` are those that may stand (any, where there are none)."""

    labels: tuple[str, ...] = ()
    least_iou: float = 0.6
    step_s: float = 0.1
    most_s: float = float("inf")

    def agreement(self, one: Notes, other: Notes) -> float:
        """Return F1 of the tracks that are one."""
        mine, theirs = paths(one), paths(other)
        return f1(len(self._pairs(mine, theirs)), len(mine), len(theirs))

    def merged(self, all_of_them: Sequence[Notes]) -> Notes | None:
        """Return the tracks that all marked, at the times of anybody's keyframe, at the mean of all corners."""
        groups = self.grouped(all_of_them)
        return None if groups is None else tuple(self.mean(group) for group in groups)

    def paired(self, one: Notes, other: Notes) -> list[tuple[Note, Note]]:
        """Return the tracks of two people that are one."""
        mine, theirs = paths(one), paths(other)
        return [(mine[a].note, theirs[b].note) for a, b in self._pairs(mine, theirs)]

    def grouped(self, all_of_them: Sequence[Notes]) -> list[list[Note]] | None:
        """Return each track as everybody marked it, in their order; None where one marked one alone."""
        return grouped(self.paired, [tuple(path.note for path in paths(notes)) for notes in all_of_them])

    def mean(self, group: Sequence[Note]) -> Note:
        """Return a track at the mean of everybody's corners."""
        return _mean([path for note in group for path in paths((note,))])

    def problem(self, notes: Notes) -> str:
        """Say whether a track is no track, is empty, goes back in time, lies outside, or has no label."""
        for note in notes:
            if not isinstance(note.at, Track):
                return "not_a_track"
            if not note.at.boxes:
                return "empty"
            times = [box[0] for box in note.at.boxes]
            if times != sorted(set(times)):
                return "keyframes_out_of_order"
            if any(not (left < right and top < bottom) for _, left, top, right, bottom in note.at.boxes):
                return "empty_box"
            over, under = note.at.time_base
            if times[0] < 0 or times[-1] * over / under > self.most_s:
                return "outside_the_clip"
            if self.labels and note.value not in self.labels:
                return "unknown_label"
        return ""

    def _pairs(self, mine: Sequence[Path], theirs: Sequence[Path]) -> list[tuple[int, int]]:
        return matched(overlaps(mine, theirs, self.overlap), self.least_iou)

    def overlap(self, one: Path, other: Path) -> float:
        """Return the mean overlap of two tracks' boxes, -1 where they are not of one label."""
        if one.label != other.label:
            return -1.0
        begin_s = min(one.times_s[0], other.times_s[0])
        end_s = max(one.times_s[-1], other.times_s[-1])
        grid_s = begin_s + np.arange(round((end_s - begin_s) / self.step_s) + 1) * self.step_s
        half_s = self.step_s / 2
        there = [(grid_s > path.times_s[0] - half_s) & (grid_s < path.times_s[-1] + half_s) for path in (one, other)]
        either, both = there[0] | there[1], there[0] & there[1]
        return float((iou(at(one, grid_s), at(other, grid_s)) * both).sum() / either.sum())


def paths(notes: Notes) -> list[Path]:
    """Return the tracks among notes; a label is a note's name, part and value."""
    found = []
    for note in notes:
        if isinstance(note.at, Track) and note.at.boxes:
            over, under = note.at.time_base
            rows = np.array(note.at.boxes, np.float64)
            label = msgspec.json.encode((note.name, note.at.part, note.value)).decode()
            found.append(Path(label, rows[:, 0] * over / under, rows[:, 1:], note))
    return found


def at(path: Path, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a track's boxes at times, on a line between keyframes, standing before the first and after the last."""
    return np.stack([np.interp(times_s, path.times_s, path.boxes_K4[:, side]) for side in range(4)], axis=1)


def iou(mine_N4: NDArray[np.float64], theirs_N4: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over the union of boxes (left, top, right, bottom), row by row."""
    low = np.maximum(mine_N4[:, :2], theirs_N4[:, :2])
    high = np.minimum(mine_N4[:, 2:], theirs_N4[:, 2:])
    both = np.clip(high - low, 0, None).prod(axis=1)
    either = sum((one[:, 2:] - one[:, :2]).prod(axis=1) for one in (mine_N4, theirs_N4)) - both
    shares: NDArray[np.float64] = both / np.where(either > 0, either, 1.0)
    return shares


def _mean(group: Sequence[Path]) -> Note:
    """Return a track with every keyframe at which all of them are there, or the first's ends where they never meet."""
    first = group[0].note
    assert isinstance(first.at, Track)
    over, under = first.at.time_base
    begin_s, end_s = (
        float(np.mean([path.times_s[0] for path in group])),
        float(np.mean([path.times_s[-1] for path in group])),
    )
    inside = {float(time_s) for path in group for time_s in path.times_s if begin_s < time_s < end_s}
    pts = sorted({round(time_s * under / over) for time_s in (begin_s, *inside, end_s)})
    times_s = np.array(pts, np.float64) * over / under
    boxes = np.mean([at(path, times_s) for path in group], axis=0)
    rows = zip(pts, boxes.round(3).tolist(), strict=True)
    keyframes = tuple((one, left, top, right, bottom) for one, (left, top, right, bottom) in rows)
    return Note(first.name, first.value, Track(first.at.part, first.at.time_base, keyframes))
