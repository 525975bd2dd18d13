"""Repeated pictures: what stands on page after page of one source is its furniture, and is left out of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.corpus import NOBODY, CorpusFilter, Learned, Lost, Spread, bucket_of, half


class RepeatedPictures(CorpusFilter, frozen=True):
    """Leaves a picture out of every sample of a dataset in which it stands on at least `pages` of them; what is
    measured is on how many. Samples stay, with the rest in its order.

    A picture is known again by the first 64 bits of its digest, so a copy that was encoded anew is another picture.
    What must be known of the whole corpus are the pictures that repeat; of all others 16 bytes are held while it is
    surveyed. Raises ValueError for fewer than two pages.
    """

    pages: int = 5
    reads: ClassVar = ("dataset", "picture_part", "picture_digest")
    reasons: ClassVar = ("repeated_picture",)
    row_bytes: ClassVar = 512
    of_parts: ClassVar = True

    def __post_init__(self) -> None:
        if self.pages < 2:
            raise ValueError(f"pages must be 2 or more, not {self.pages}")

    def survey(self, columns: Columns) -> Learned:
        names, row = _pictures(columns)
        on_a_page = np.unique(np.stack([names, row.astype(np.uint64)]), axis=1)[0]
        found, pages = np.unique(on_a_page, return_counts=True)
        return {"pictures": found, "pages": pages.astype(np.int64)}

    def learn(self, surveys: Sequence[Learned]) -> Learned:
        pictures = np.concatenate([np.zeros(0, np.uint64), *(one["pictures"] for one in surveys)])
        pages = np.concatenate([np.zeros(0, np.int64), *(one["pages"] for one in surveys)])
        found, place = np.unique(pictures, return_inverse=True)
        total = np.bincount(place, pages, len(found)).astype(np.int64)
        often = total >= self.pages
        return {"pictures": found[often], "pages": total[often]}

    def spread(self, columns: Columns, learned: Learned, count: int) -> Spread:
        return Spread(np.arange(columns.count), bucket_of(half(columns.array("key"), 1), count))

    def decide(self, columns: Columns, learned: Learned) -> Lost:
        names, row = _pictures(columns)
        known = learned["pictures"]
        at = np.minimum(np.searchsorted(known, names), max(len(known) - 1, 0))
        hit = np.flatnonzero(known[at] == names) if len(known) else np.zeros(0, np.int64)
        places = columns.lists("picture_part").within().astype(np.int64)
        return Lost(
            row[hit],
            np.full(len(hit), NOBODY, np.int64),
            learned["pages"][at[hit]].astype(np.float64),
            np.zeros(len(hit), np.int16),
            places[hit],
        )


def _pictures(columns: Columns) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return a number for each picture, which is another one in another dataset, and the row that it belongs to."""
    digests = columns.lists("picture_digest")
    names, place = np.unique(columns.array("dataset").astype(str), return_inverse=True)
    hashes: NDArray[Any] = np.array(
        [int.from_bytes(sha256(one.encode()).digest()[:8], "big") for one in names], np.uint64
    )
    row = digests.row_of_value()
    found: NDArray[np.uint64] = digests.within().astype(np.uint64) ^ hashes[place][row]
    return found, row
