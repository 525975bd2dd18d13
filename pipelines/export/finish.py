"""Finishing an export: the files that tell about its shards, the manifest last."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from pipelines.export.card import card
from pipelines.export.concepts import Counted
from pipelines.export.croissant import croissant_json
from pipelines.export.energon import write_energon_index
from pipelines.export.folder import Folder
from pipelines.export.hashed import file_of
from pipelines.export.kinds import kinds_of, summed
from pipelines.export.manifest import (
    CARD,
    CONCEPTS,
    CROISSANT,
    About,
    File,
    KeptOut,
    Manifest,
    about_json,
    by_path,
)
from pipelines.export.plan import Plan
from schemas.form import MANIFEST


def finish(
    folder: Folder, plan: Plan, shards: Sequence[File], counted: Counted, kept_out: tuple[KeptOut, ...] = ()
) -> Manifest:
    """Write what tells about the shards, and the manifest last, with no file left of a worker that was killed.

    That is the counts of concepts, the card, Croissant and, where it is asked for, Energon's index. Then the plan goes.
    """
    about = {name: getattr(plan, name) for name in About.__struct_fields__}
    if counted.concepts:
        folder.put(CONCEPTS, counted.table)
        shards = [*shards, file_of(CONCEPTS, counted.table)]
    by_part = kinds_of(folder, shards)
    about["mix"] = tuple(structs.replace(one, kinds=by_part.get(one.name, {})) for one in plan.mix)
    kinds = summed(by_part.values())
    manifest = Manifest(**about, kinds=kinds, concepts=counted.concepts, benchmarks=kept_out, files=by_path(shards))
    for path, data in ((CARD, card(manifest).encode()), (CROISSANT, croissant_json(manifest))):
        folder.put(path, data)
        shards = [*shards, file_of(path, data)]
    if manifest.options["energon"]:
        write_energon_index(folder, manifest)
    manifest = structs.replace(manifest, files=by_path(shards))
    folder.sweep()
    folder.put(MANIFEST, about_json(manifest))
    folder.drop_plan()
    return manifest
