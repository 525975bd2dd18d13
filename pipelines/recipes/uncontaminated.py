"""The steps that keep benchmarks out of a recipe's samples, whatever their kind."""

from __future__ import annotations

import os

from annotators.picturehashes import PictureHashes
from annotators.pictureoverlap import PictureOverlap
from annotators.textoverlap import TextOverlap
from filters.contamination import NoBenchmarkPicture, NoBenchmarkText
from pipelines.recipes.recipe import Annotate, Keep


def without_benchmarks(benchmarks: str, *, pictures: bool = True) -> tuple[Annotate | Keep, ...]:
    """Return the steps against a folder that `ostraka benchmark` wrote, none where none is given."""
    return steps_against(benchmark_folder(benchmarks), pictures=pictures) if benchmarks else ()


def steps_against(folder: str, *, pictures: bool) -> tuple[Annotate | Keep, ...]:
    """Return the steps against the benchmarks of a folder: texts first, then pictures, where they are looked at."""
    texts = Annotate(TextOverlap(folder)), Keep(NoBenchmarkText())
    looks = Annotate(PictureHashes()), Annotate(PictureOverlap(folder)), Keep(NoBenchmarkPicture())
    return (*texts, *looks) if pictures else texts


def benchmark_folder(benchmarks: str) -> str:
    """Return where the benchmarks are: an address as it is, a local folder by its full path."""
    return benchmarks if "://" in benchmarks or not benchmarks else os.path.abspath(benchmarks)
