"""Near-duplicates of videos with their texts: x goes if a better-ranked y is near in picture and in words, both.

The same footage under another text teaches something else, and so does the same text over other footage: what is near
in one of them alone stays. Rows are clustered by their pictures, as in `embeddingdedup`, and compared within a cluster.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from filters.columns import Columns
from filters.compiled import compiled
from filters.embeddingdedup import Comparing, EmbeddingDedup, embeddings
from filters.sphere import TILE, cosines, has_direction, length, product, units

_PIXELS_BITS = 32


class VideoDedup(EmbeddingDedup, frozen=True):
    """Drops videos of which both embeddings have a cosine of at least `similarity` and `text_similarity` with those of
    one better-ranked video in their cluster; what is measured is the lesser of the two.

    The better one is longer by a second, then larger in pixels, then has the smaller key. `textless`: whether two
    videos without any text count as alike in text, so that their pictures decide; one with and one without a text
    never do. A video without an embedding of its frames stays.
    """

    similarity: float = 0.95
    text_similarity: float = 0.9
    textless: Literal["alike", "unlike"] = "alike"
    reads: ClassVar = ("frame_embedding", "text_embedding", "duration_s", "width_px", "height_px")
    reasons: ClassVar = ("near_duplicate_video",)
    row_bytes: ClassVar = 2 * 4 * 768 + 160
    column: ClassVar = "frame_embedding"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.text_similarity < 1:
            raise ValueError(
                f"text_similarity must be above 0 and below 1, not {self.text_similarity}: 0.9999 for equal vectors"
            )

    def merit(self, columns: Columns) -> NDArray[np.uint64]:
        seconds = np.rint(np.clip(columns.array("duration_s"), 0, 2**31)).astype(np.uint64)
        sides = [columns.array(name).astype(np.uint64) for name in ("width_px", "height_px")]
        area = np.minimum(sides[0] * sides[1], np.uint64(2**_PIXELS_BITS - 1))
        found: NDArray[np.uint64] = (seconds << np.uint64(_PIXELS_BITS)) | area
        return found

    def comparing(self, columns: Columns, rows: NDArray[np.int64], vectors_ND: NDArray[np.float32]) -> Comparing:
        texts_NE, has_text = self._texts(columns, rows)
        textless = self.textless == "alike"

        def compare(members: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
            pictures_MD, texts_ME = vectors_ND[members], texts_NE[members]
            margin = (pictures_MD.shape[1] + 8) * 2.0**-23
            witness, cosine = np.full(len(members), -1), np.zeros(len(members))
            asked = self.similarity, np.float32(self.similarity - margin), self.text_similarity, textless
            _compare(pictures_MD, units(pictures_MD), texts_ME, has_text[members], *asked, witness, cosine)
            return witness, cosine

        return compare

    def _texts(self, columns: Columns, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the embedding of each row's text, zeros where it has none, and whether it has one."""
        some, vectors_SE = embeddings(columns, "text_embedding")
        texts_NE = np.zeros((columns.count, vectors_SE.shape[1]), np.float32)
        texts_NE[some] = vectors_SE
        has_text = np.zeros(columns.count, np.bool_)
        has_text[some] = has_direction(vectors_SE)
        return texts_NE[rows], has_text[rows]


@compiled
def _compare(
    pictures_MD: Any,
    unit_MD: Any,
    texts_ME: Any,
    has_text: Any,
    similarity: Any,
    screen: Any,
    text_similarity: Any,
    textless: Any,
    witness: Any,
    cosine: Any,
) -> None:
    """As `embeddingdedup` compares pictures; a pair that is near there must be near in words too, or is passed over."""
    tile_DT, cosine_T = np.zeros((unit_MD.shape[1], TILE), np.float32), np.empty(TILE, np.float32)
    for first in range(0, len(unit_MD), TILE):
        size = min(TILE, len(unit_MD) - first)
        for lane in range(size):
            for place in range(unit_MD.shape[1]):
                tile_DT[place, lane] = unit_MD[first + lane, place]
        for row in range(first + 1, len(unit_MD)):
            if witness[row] >= 0:
                continue
            cosines(unit_MD[row], tile_DT, cosine_T)
            for lane in range(min(size, row - first)):
                other = first + lane
                if cosine_T[lane] < screen or has_text[row] != has_text[other]:
                    continue
                one, two = pictures_MD[row], pictures_MD[other]
                exact = product(one, two) / (length(one) * length(two))
                if exact < similarity or not (textless or has_text[row]):
                    continue
                if has_text[row]:
                    said, told = texts_ME[row], texts_ME[other]
                    of_text = product(said, told) / (length(said) * length(told))
                    if of_text < text_similarity:
                        continue
                    exact = min(exact, of_text)
                witness[row], cosine[row] = other, min(exact, 1.0)
                break
