"""Unchanged: whether a run would do over again what the last one did, told from names and sizes alone.

One digest is over what a run reads (catalogue and note pieces), with the stamp of the code; one over what it writes
(decisions and verdicts). Listing costs microseconds a file, where reading costs a thousand times that. What people say
is told by their desks' receipts, one file each, since their pieces are written anew. What somebody else wrote while a
run went on may be in its verdicts or not, so such a run leaves no digest behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from msgspec import Struct

from pipelines.recipes.recipe import Recipe
from pipelines.record.record import read_records
from pipelines.record.stamp import Stamp
from pipelines.shelf.people import people_digest
from pipelines.shelf.shelf import Shelf

LEFT = "left"


class Left(Struct, frozen=True):
    """What lies on a shelf when a run ends, as two digests, and how many pieces each annotator has."""

    digest: str
    pieces: dict[str, int]

    def is_of(self, before: Left, written: Counter[str]) -> bool:
        """Say whether the pieces are those that were there before and those that the run wrote, no others."""
        return all(self.pieces[one] == before.pieces[one] + written[one] for one in self.pieces)


def left_on(shelf: Shelf, recipe: Recipe, snapshot: str, stamp: Stamp) -> Left:
    """Return what a recipe's run reads and writes as it lies there now, by names and sizes."""
    notes = {one: shelf.sizes(f"notes/{one}") for one in recipe.ids.values()}
    decided = f"decisions/{recipe.id}/{snapshot}"
    folders = [
        ("catalog", shelf.sizes("catalog")),
        *notes.items(),
        *((folder, shelf.sizes(folder)) for folder in (decided, f"{decided}/counts", f"verdicts/{recipe.id}")),
    ]
    said = f"{recipe.id} {snapshot} {stamp.code} {stamp.pins} {people_digest(shelf)}".rstrip()
    return Left(_digest(said, folders), {one: len(pieces) for one, pieces in notes.items()})


def last_counts(shelf: Shelf, recipe: Recipe, left: Left) -> dict[str, int] | None:
    """Return the counts of the latest run of a recipe that ended well, where it left what is there now."""
    done = [
        run
        for run in read_records(shelf)
        if (run.verb, run.status, run.config.get("recipe")) == ("run", "done", recipe.id)
    ]
    if not done or done[-1].config.get(LEFT) != left.digest:
        return None
    return {name: done[-1].counts[name] for name in ("kept", "dropped", "failed")}


def _digest(said: str, folders: Iterable[tuple[str, list[tuple[str, int]]]]) -> str:
    seen = sha256(f"{said}\n".encode())
    for folder, files in folders:
        seen.update(f"{folder}\n".encode())
        for name, size_bytes in files:
            seen.update(f"{name} {size_bytes}\n".encode())
    return seen.hexdigest()[:16]
