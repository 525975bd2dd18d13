"""The benchmarks that were kept out of an export, as its manifest tells them."""

from __future__ import annotations

from pipelines.benchmark.report import report, was_given
from pipelines.export.manifest import KeptOut
from pipelines.shelf.shelf import Shelf


def kept_out(shelf: Shelf, recipe_id: str) -> tuple[KeptOut, ...]:
    """Return what was found of each benchmark, empty where the recipe was given none."""
    if not was_given(shelf, recipe_id):
        return ()
    return tuple(
        KeptOut(
            one.name,
            one.items,
            one.items_found,
            one.by_text,
            one.by_question,
            one.by_picture,
            one.by_alike,
            one.longest,
        )
        for one in report(shelf, recipe_id)
    )
