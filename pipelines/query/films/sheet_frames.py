"""Which frames of a video stand on its contact sheet: the first and the last of every shot, and what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pipelines.query.films.stills import Clip

LEAST_APART_S = 0.4


def places(clip: Clip, firsts: Sequence[int], most: int) -> list[int]:
    """Return at most `most` places of frames, ascending; `firsts` are those of the shots' first frames.

    Where there are too many shots for both their ends, their first frames stand alone, evenly thinned out. What room is
    left goes to the middle of the longest gap, time after time, until frames stand less than 0.4 s apart.
    """
    count = len(clip.pts)
    begin = sorted({0, *(first for first in firsts if 0 < first < count)})
    ends = [*(first - 1 for first in begin[1:]), count - 1]
    chosen = sorted({*begin, *ends})
    if len(chosen) > most:
        chosen = [begin[place * len(begin) // min(most, len(begin))] for place in range(min(most, len(begin)))]
    begins = set(begin)
    while len(chosen) < most:
        apart = [
            (clip.seconds(clip.pts[later] - clip.pts[sooner]) / 2, -sooner, (sooner + later) // 2)
            for sooner, later in pairwise(chosen)
            if later - sooner > 1 and later not in begins
        ]
        longest = max(apart, default=(0.0, 0, 0))
        if longest[0] < LEAST_APART_S:
            break
        chosen = sorted({*chosen, longest[2]})
    return chosen
