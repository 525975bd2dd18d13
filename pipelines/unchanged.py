"""Unchanged: whether a run would do over again what the last one did, told from names and sizes alone.

The digest is over everything that a run reads and writes: catalogue, note pieces, decisions, verdicts, and the stamp of
the code. Listing costs microseconds a file, where reading costs a thousand times that.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from pipelines.recipe import Recipe
from pipelines.shelf import Shelf
from pipelines.stamp import Stamp

INPUTS = "inputs"


def inputs_digest(shelf: Shelf, recipe: Recipe, snapshot: str, stamp: Stamp) -> str:
    """Return a digest of the names and sizes of all that a recipe's run reads and writes."""
    notes = [f"notes/{one}" for one in recipe.ids.values()]
    decisions = f"decisions/{recipe.id}/{snapshot}"
    folders = ["catalog", *notes, decisions, f"{decisions}/counts", f"verdicts/{recipe.id}"]
    seen = sha256(f"{recipe.id} {snapshot} {stamp.code} {stamp.pins}\n".encode())
    for folder in folders:
        seen.update(f"{folder}\n".encode())
        for name, size_bytes in shelf.sizes(folder):
            seen.update(f"{name} {size_bytes}\n".encode())
    return seen.hexdigest()[:16]


def last_counts(shelf: Shelf, recipe: Recipe, digest: str) -> dict[str, int] | None:
    """Return the counts of the latest run of a recipe that ended well, where it left what is there now."""
    for run in reversed(shelf.folders("runs")):
        path = shelf.path("runs", run, "record.json")
        if not shelf.fs.exists(path):
            continue
        record = msgspec.json.decode(shelf.fs.cat_file(path))
        if record["verb"] == "run" and record["status"] == "done" and record["config"].get("recipe") == recipe.id:
            if record["config"].get(INPUTS) != digest:
                return None
            return {name: record["counts"][name] for name in ("kept", "dropped", "failed")}
    return None
