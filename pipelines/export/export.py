"""Export: what a recipe kept becomes shards, with a sidecar each, a card, and a manifest that proves them whole."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct, structs

from pipelines.engines.engine import Engine
from pipelines.export.choose import TRAIN, Choosing, Rule
from pipelines.export.concepts import Counted, read_counts
from pipelines.export.finish import finish
from pipelines.export.folder import Folder, plan_json
from pipelines.export.kept_out import kept_out
from pipelines.export.manifest import FORMAT, PLAN, File, Manifest
from pipelines.export.opt_outs import read_opt_outs
from pipelines.export.people import told_of_people
from pipelines.export.plan import Plan, Progress, Request, outlook, plan
from pipelines.export.recipe import need_recipe
from pipelines.export.shard import ExportShard
from pipelines.ingest.source import full_url, open_url
from pipelines.record.record import Record, recorded
from pipelines.run.stored import stored_recipe
from pipelines.shelf.people import people_digest
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SPLIT = re.compile(r"[A-Za-z0-9_]+")


class ExportOptions(Struct, frozen=True):
    """What leaves and how: see `ostraka export --help`.

    `splits`: the share of each split but train; `licences`: patterns (`CC-BY-[0-9]*`), none for all; `exclude`: a file
    with a key, SHA-256 or address a line; a shard ends after `rows` samples or `mib` MiB; `recaption_share` of the
    samples leave with their recaption in place of the caption, where they have one.
    """

    recipe: str = ""
    splits: dict[str, float] = {}
    licences: tuple[str, ...] = ()
    exclude: str = ""
    rows: int = 10_000
    mib: int = 512
    recaption_share: float = 0.0
    energon: bool = False
    replace: bool = False


class Exported(Struct, frozen=True):
    """What an export holds: where it is, samples by folder (`train/jpg`), how many were left out by reason, and how
    many entries of the opt-out list matched none of the samples that were kept."""

    to: str
    kept: int
    exported: int
    left_out: dict[str, int]
    folders: dict[str, int]
    shards: int
    size_bytes: int
    unmatched: int = 0


def export(
    shelf: Shelf, name: str, to: str, engine: Engine, options: ExportOptions, progress: Progress | None = None
) -> Exported:
    """Write what a recipe kept to a folder (by default exports/<name> on the shelf); the same call again goes on.

    Raises BadInput where the options or the folder will not do, or the recipe was not run to its end on all shards;
    Unavailable where bytes on the shelf are gone or changed.
    """
    asked = ask(shelf, name, options)
    asked = structs.replace(asked, request=structs.replace(asked.request, inputs=inputs_of(asked)))
    folder, request = Folder(to or shelf.media_url(f"exports/{name}")), asked.request
    config = {
        "name": name,
        "to": folder.url,
        "recipe": request.recipe,
        "engine": msgspec.to_builtins(engine),
        "options": request.options,
    }
    with recorded(shelf, "export", config) as record:
        found = folder.claim(request.inputs, options.replace)
        manifest = found if isinstance(found, Manifest) else _write(asked, folder, engine, found, progress, record)
        exported = exported_of(folder, manifest)
        record.count("samples", exported.exported)
        record.count("shards", exported.shards)
        return exported


def dry_run(
    shelf: Shelf, name: str, to: str, engine: Engine, options: ExportOptions, progress: Progress | None = None
) -> Exported:
    """Return what `export` would write, without writing anything; `size_bytes` is of pictures, videos and texts alone.

    Raises what `export` raises before it writes, but for what is in the folder already.
    """
    asked = ask(shelf, name, options)
    found = outlook(shelf, asked.request, asked.rule, engine, progress)
    counts = found.plan.counts
    return Exported(
        Folder(to or shelf.media_url(f"exports/{name}")).url,
        counts.kept,
        counts.exported,
        counts.left_out,
        found.samples,
        len(found.plan.shards),
        sum(found.size_bytes.values()),
        found.plan.options["exclude_unmatched"],
    )


class Asked(Struct, frozen=True):
    """What is asked for of a shelf, and what its recipe counted of concepts."""

    shelf: Shelf
    request: Request
    rule: Rule
    counted: Counted


def ask(shelf: Shelf, name: str, options: ExportOptions) -> Asked:
    """Return what is asked for; all that can be refused beforehand is refused."""
    _check(name, options)
    recipe, snapshot = need_recipe(shelf, options.recipe), shelf.snapshot()
    rule, told = _rule(options)
    told |= told_of_people(shelf)
    if options.recaption_share and "recaption" not in stored_recipe(shelf, recipe).writes():
        raise BadInput(
            f"no annotator of {recipe} writes recaptions",
            remedy="run caption-recaptioned, or a recipe of your own with Rewriter",
        )
    request = Request(name, recipe, snapshot, "", told, options.rows, options.mib)
    return Asked(shelf, request, rule, read_counts(shelf, recipe, snapshot))


def _write(
    asked: Asked, folder: Folder, engine: Engine, found: Plan | None, progress: Progress | None, record: Record
) -> Manifest:
    with record.step("plan") as add:
        planned = found or plan(asked.shelf, asked.request, asked.rule, engine, progress)
        if not planned.counts.kept:
            raise BadInput(
                f"{planned.recipe} kept no sample",
                where=asked.shelf.url,
                remedy=f"`ostraka funnel --recipe {planned.recipe}` says where they went",
            )
        if found is None:
            folder.put(PLAN, plan_json(planned))
        add(planned.counts.kept)
    with record.step("write shards") as add:
        files = write_shards(asked, folder, planned, engine, progress)
        add(planned.counts.exported)
    with record.step("card and manifest"):
        return finish(folder, planned, files, asked.counted, kept_out(asked.shelf, asked.request.recipe))


def write_shards(asked: Asked, folder: Folder, planned: Plan, engine: Engine, progress: Progress | None) -> list[File]:
    """Write the shards of a plan that are not there yet, and return all of them as a manifest lists them."""
    recipe = asked.request.recipe
    annotator_ids = stored_recipe(asked.shelf, recipe).annotator_ids()
    rule = structs.replace(asked.rule, tied=planned.tied)
    work = ExportShard(asked.shelf.url, folder.url, recipe, annotator_ids, rule, planned.shards)
    paths = [shard.path for shard in planned.shards]
    answers = engine.map(work, paths)
    return [file for _, pair in (progress("export", paths, answers) if progress else answers) for file in pair]


def exported_of(folder: Folder, manifest: Manifest) -> Exported:
    """Return what an export holds, from its manifest."""
    return Exported(
        folder.url,
        manifest.counts.kept,
        manifest.counts.exported,
        manifest.counts.left_out,
        manifest.folders(),
        len(manifest.tars()),
        sum(tar.size_bytes for tar in manifest.tars()),
        manifest.options.get("exclude_unmatched", 0),
    )


def _check(name: str, options: ExportOptions) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no export's name", remedy="use letters, digits, - and _")
    for split, share in options.splits.items():
        if not _SPLIT.fullmatch(split) or split == TRAIN:
            raise BadInput(f"{split!r} is no split's name", remedy="use letters, digits and _; the rest is train")
        if not 0 < share < 1:
            raise BadInput(f"split {split} has a share of {share:g}", remedy="give one between 0 and 1: val=0.01")
    if sum(options.splits.values()) >= 1:
        raise BadInput("the splits leave nothing for train", remedy="let their shares add up to less than 1")
    if not 0 <= options.recaption_share <= 1:
        raise BadInput(f"a share of {options.recaption_share:g} recaptions", remedy="give one from 0 to 1")
    if options.rows < 1 or options.mib < 1:
        raise BadInput("a shard holds at least one sample and one MiB", remedy="raise --rows or --mib")


def _rule(options: ExportOptions) -> tuple[Rule, dict[str, Any]]:
    """Return the rule, and the options as plan and manifest tell them."""
    opt_outs, exclude_sha256 = read_opt_outs(options.exclude)
    exclude = full_url(*open_url(options.exclude)) if options.exclude else ""
    rule = Rule(
        tuple(options.splits.items()),
        options.licences,
        exclude,
        exclude_sha256,
        recaption_share=options.recaption_share,
    )
    told = {
        "splits": dict(options.splits),
        "licences": list(options.licences),
        "exclude_sha256": exclude_sha256,
        "exclude_entries": len(opt_outs.listed),
        "rows": options.rows,
        "mib": options.mib,
        "energon": options.energon,
    }
    if options.recaption_share:
        told["recaption_share"] = options.recaption_share
    return rule, told


def inputs_of(asked: Asked) -> str:
    """Return the digest of everything that an export is made from: two exports with one digest have the same bytes.

    Raises BadInput where the recipe was not run on every shard.
    """
    shelf, request = asked.shelf, asked.request
    seen = sha256(msgspec.json.encode([FORMAT, request.name, request.recipe, request.snapshot, request.options]))
    choosing = Choosing(shelf, request.recipe, Rule())
    for shard in shelf.need_shards():
        seen.update(sha256(shelf.fs.cat_file(choosing.verdict_path(shard))).digest())
    if asked.counted.concepts:
        seen.update(sha256(asked.counted.table).digest())
    seen.update(people_digest(shelf).encode())
    return seen.hexdigest()
