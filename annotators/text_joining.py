"""Readings of text in frame after frame, joined into tracks: which of them are one text that stays or moves.

A reading goes to the track that it is likest to, in what it says and in where it stands: the mean of the similarity of
the two strings and of how near the two quads are, which one assignment makes the greatest over all tracks of a moment
(the Hungarian method). Near is the generalised overlap of Rezatofighi et al. 2019, which tells a small gap from a large
one where quads do not overlap at all, as those of a text that goes by do not; a track is looked for where it was and
where it would be if it kept going. What the place alone would join (a subtitle after another) the strings keep apart.

A track may be unseen for a while. Comparing costs the number of tracks times that of readings at each moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.ocr_engine import Line
from schemas.errors import Unavailable

REMEDY = "pip install 'ostraka[video-text]'"


class Moment(Struct, frozen=True):
    """What was read in the frame at a time."""

    time_s: float
    lines: Sequence[Line]


class Sighting(Struct, frozen=True):
    """A line of a track, and the place of its moment."""

    moment: int
    time_s: float
    line: Line

    @property
    def centre(self) -> NDArray[np.float64]:
        """Where it stands."""
        centre: NDArray[np.float64] = self.line.corners.mean(axis=0)
        return centre


class Joining(Struct, frozen=True):
    """Two readings are of one text only where they are as similar as `least_similarity`, and, with how near they stand,
    as `least_affinity`; a text that is not read for `gap_s` has ended."""

    least_similarity: float = 0.6
    least_affinity: float = 0.6
    gap_s: float = 1.5

    def tracks(self, moments: Iterable[Moment]) -> list[list[Sighting]]:
        """Return the sightings of each text, in the order in which the texts appear, from the top down."""
        found, going = list[list[Sighting]](), list[list[Sighting]]()
        for place, moment in enumerate(moments):
            going = [track for track in going if moment.time_s - track[-1].time_s <= self.gap_s]
            seen = [Sighting(place, moment.time_s, line) for line in sorted(moment.lines, key=_from_top)]
            taken = self._assigned(going, seen)
            for at, sighting in enumerate(seen):
                if at in taken:
                    going[taken[at]].append(sighting)
                else:
                    found.append([sighting])
                    going.append(found[-1])
        return found

    def _assigned(self, going: Sequence[list[Sighting]], seen: Sequence[Sighting]) -> dict[int, int]:
        """Return, by the place of a sighting, that of the track which it belongs to."""
        if not going or not seen:
            return {}
        from scipy.optimize import linear_sum_assignment

        alike = similarity([track[-1].line.text for track in going], [one.line.text for one in seen])
        affinity = (alike + _nearness(going, seen)) / 2
        affinity[(alike < self.least_similarity) | (affinity < self.least_affinity)] = 0.0
        rows, columns = linear_sum_assignment(affinity, maximize=True)
        return {int(column): int(row) for row, column in zip(rows, columns, strict=True) if affinity[row, column] > 0}


def voted(readings: Sequence[Line]) -> tuple[str, float]:
    """Return the reading that the others are likest to, each as heavy as it is sure, and how sure all are of it.

    It is one that was read, never one put together; of equals the first.
    """
    texts, sure = [one.text for one in readings], np.array([one.score for one in readings])
    alike = similarity(texts, texts)
    best = int(np.argmax(np.round(alike @ sure, 9)))
    return texts[best], float((alike[best] * sure).mean())


def similarity(ones: Sequence[str], others: Sequence[str]) -> NDArray[np.float64]:
    """Return how alike strings are without their spaces and cases: 1 less the share of letters to be changed."""
    try:
        from rapidfuzz import process
        from rapidfuzz.distance import Levenshtein
    except ImportError:
        raise Unavailable("texts are compared with rapidfuzz, which is not here", remedy=REMEDY) from None
    found: NDArray[np.float64] = process.cdist(
        [_bare(one) for one in ones],
        [_bare(other) for other in others],
        scorer=Levenshtein.normalized_similarity,
        dtype=np.float64,
    )
    return found


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()


def _nearness(going: Sequence[list[Sighting]], seen: Sequence[Sighting]) -> NDArray[np.float64]:
    """Return how near each sighting is to each track, from 0 far away to 1: where it was, or where it would be."""
    lasts = np.stack([track[-1].line.corners for track in going])
    gone = np.stack([_gone(track, seen[0].time_s) for track in going])
    there = np.stack([one.line.corners for one in seen])
    nearness: NDArray[np.float64] = (1 + np.maximum(_overlap(lasts, there), _overlap(lasts + gone, there))) / 2
    return nearness


def _gone(track: Sequence[Sighting], time_s: float) -> NDArray[np.float64]:
    """Return how far a text would have gone since it was last read, at the pace of its last two readings."""
    if len(track) < 2:
        return np.zeros((1, 2))
    before, last = track[-2:]
    pace: NDArray[np.float64] = (last.centre - before.centre) / (last.time_s - before.time_s)
    return pace[None, :] * (time_s - last.time_s)


def _overlap(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the generalised overlap of each two quads: common area by area of both, less what both leave empty of the
    hull around them by that hull; from -1 to 1."""
    import shapely

    shape = len(ones), len(others), 4, 2
    one = shapely.convex_hull(shapely.multipoints(ones))[:, None]
    other = shapely.convex_hull(shapely.multipoints(others))[None, :]
    corners = np.concatenate([np.broadcast_to(ones[:, None], shape), np.broadcast_to(others[None, :], shape)], axis=2)
    hull = np.maximum(shapely.area(shapely.convex_hull(shapely.multipoints(corners))), 1e-9)
    common = shapely.area(shapely.intersection(one, other))
    both = np.maximum(shapely.area(one) + shapely.area(other) - common, 1e-9)
    found: NDArray[np.float64] = common / both - (hull - both) / hull
    return found


def _from_top(line: Line) -> tuple[Any, ...]:
    left, top = line.corners.min(axis=0)
    return float(top), float(left), line.text
