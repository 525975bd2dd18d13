"""Embedding overlap: which picture of a benchmark lies nearest to the sample's in a model's space.

It finds what was cropped, recoloured or drawn over, which hashes do not, and calls more things alike that are not the
same: so its threshold belongs to its model, and what goes should be looked at. The tables' embeddings must be by the
very annotator that the recipe looks with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
from msgspec import structs

from annotators.annotator import Annotator, Look, Subject
from annotators.benchmarks import digest_of_benchmarks, read_benchmarks
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.vocabulary.benchmarks import BENCHMARK_COSINE, BENCHMARK_NEAREST

NOTHING_NEAR = -1.0
_DECIMALS = 6


class EmbeddingOverlap(Annotator, frozen=True):
    """`benchmarks`: the folder that `ostraka benchmark --clip WEIGHTS` wrote. Noted is the nearest picture."""

    benchmarks: str = ""

    reads: ClassVar = ("embedding",)
    writes: ClassVar = (BENCHMARK_NEAREST, BENCHMARK_COSINE)
    made_with: ClassVar = ("numpy",)

    @property
    def batch(self) -> int:
        return 256

    def identity(self) -> EmbeddingOverlap:
        return structs.replace(self, benchmarks="")

    def weights(self) -> tuple[str, ...]:
        """Return the digest of the tables; raises BadInput where they cannot be read."""
        return (digest_of_benchmarks(self.benchmarks),)

    def check_read(self, ids: Sequence[str]) -> None:
        """Raise BadInput where the tables' embeddings are by another model than the recipe's, or there are none."""
        made_by = {one.head.embedded_by for one in read_benchmarks(self.benchmarks)} - {""}
        if not made_by or not made_by <= {*ids}:
            raise BadInput(
                f"its embeddings are by {', '.join(sorted(made_by)) or 'no model'}, the recipe's by {', '.join(ids)}",
                where=self.benchmarks,
                remedy="register the benchmarks again with --clip and the weights that the recipe is given",
            )

    @contextmanager
    def open(self) -> Iterator[Look]:
        known = [
            (f"{benchmark.name}/{item.item}", picture.embedding)
            for benchmark in read_benchmarks(self.benchmarks)
            for item in benchmark.items
            for picture in item.pictures
            if picture.embedding
        ]
        vectors_MD = np.array([vector for _, vector in known], np.float64)

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            found: list[Noted | BadSample] = []
            for subject in subjects:
                said, cosine = "", NOTHING_NEAR
                if known and subject.notes["embedding"]:
                    cosines_M = vectors_MD @ np.array(subject.notes["embedding"], np.float64)
                    nearest = int(cosines_M.argmax())
                    said, cosine = known[nearest][0], round(float(np.clip(cosines_M[nearest], -1, 1)), _DECIMALS)
                found.append(Noted({"benchmark_nearest": said, "benchmark_cosine": cosine}))
            return found

        yield look
