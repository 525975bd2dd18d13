"""Export of spans: a training sample for each chosen span of the videos that a recipe kept. Only here is a video cut.

First all spans are cut, shard by shard of the shelf, then planned, then put into shards; what waits between lies in the
export's own folder, so that a run that was stopped goes on, and takes as many bytes again until the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec
from msgspec import structs

from pipelines.engines.engine import Engine
from pipelines.export.export import Asked, Exported, ExportOptions, ask, exported_of, inputs_of
from pipelines.export.finish import finish
from pipelines.export.folder import Folder, plan_json
from pipelines.export.kept_out import kept_out
from pipelines.export.manifest import PLAN, File, Manifest
from pipelines.export.plan import Plan, Progress, outlook
from pipelines.export.spans.clip_index import need_av
from pipelines.export.spans.cut_shard import CutCounts, CutRule, CutShard
from pipelines.export.spans.plan import PutShard, plan_spans
from pipelines.export.spans.spans import NAMED, VIDEOS, Wanted, notes_on_spans
from pipelines.export.spans.turns import FORMS
from pipelines.query.places import places_of
from pipelines.record.record import Record, recorded
from pipelines.run.stored import stored_recipe
from pipelines.shelf.notes import SOURCE_NOTES
from pipelines.shelf.people import People
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.note import TimeSpan

CUTTING = "cutting"
"""Among the options of a plan: that spans are still being cut, and nothing is planned."""


def export_spans(
    shelf: Shelf,
    name: str,
    to: str,
    engine: Engine,
    options: ExportOptions,
    cut: CutRule,
    progress: Progress | None = None,
) -> Exported:
    """Write the spans of what a recipe kept to a folder; the same call again goes on. Raises what `export` raises."""
    asked = ask_spans(shelf, name, options, cut)
    inputs = sha256(f"{inputs_of(asked)} {_notes_digest(shelf, asked.request.recipe)}".encode()).hexdigest()
    asked = structs.replace(asked, request=structs.replace(asked.request, inputs=inputs))
    folder = Folder(to or shelf.media_url(f"exports/{name}"))
    config = {
        "name": name,
        "to": folder.url,
        "recipe": asked.request.recipe,
        "engine": msgspec.to_builtins(engine),
        "options": asked.request.options,
    }
    with recorded(shelf, "export", config) as record:
        found = folder.claim(inputs, options.replace)
        manifest = found if isinstance(found, Manifest) else _write(asked, cut, folder, engine, found, progress, record)
        exported = exported_of(folder, manifest)
        record.count("samples", exported.exported)
        record.count("shards", exported.shards)
        return exported


def dry_run_spans(
    shelf: Shelf,
    name: str,
    to: str,
    engine: Engine,
    options: ExportOptions,
    cut: CutRule,
    progress: Progress | None = None,
) -> Exported:
    """Return how many spans would be cut, without cutting any; what cannot be cut is not known before."""
    asked = ask_spans(shelf, name, options, cut)
    videos = outlook(shelf, asked.request, asked.rule, engine, progress)
    counts = _cut(asked, cut, "", engine, progress, dry=True)
    url = Folder(to or shelf.media_url(f"exports/{name}")).url
    kept = counts.spans + sum(counts.left_out.values())
    size_bytes = sum(videos.size_bytes.values())
    unmatched = videos.plan.options["exclude_unmatched"]
    return Exported(url, kept, counts.spans, counts.left_out, {"spans": counts.spans}, 0, size_bytes, unmatched)


def ask_spans(shelf: Shelf, name: str, options: ExportOptions, cut: CutRule) -> Asked:
    """Return what is asked for; all that can be refused beforehand is refused."""
    need_av()
    if options.recaption_share:
        raise BadInput("a span has no recaption", remedy="leave --recaption-share out, or --spans")
    if unknown := sorted({*cut.forms} - {*FORMS}):
        raise BadInput(f"no dialogue is about {', '.join(unknown)}", remedy=f"say --turns {' or '.join(FORMS)}")
    if cut.wanted.most_s and cut.wanted.most_s < cut.wanted.least_s:
        raise BadInput(f"spans of at least {cut.wanted.least_s:g} s and at most {cut.wanted.most_s:g} s")
    asked = ask(shelf, name, options)
    _need_notes(shelf, asked.request.recipe, cut.wanted)
    told = msgspec.to_builtins(cut)
    return structs.replace(
        asked, request=structs.replace(asked.request, options={**asked.request.options, "spans": told})
    )


def wanted_of(said: Sequence[str], least_s: float, most_s: float) -> Wanted:
    """Return which spans are meant by what was said: shots, captions, videos, or notes' own names."""
    return Wanted(tuple(dict.fromkeys(NAMED.get(one, one) for one in said)), float(least_s), float(most_s))


def _need_notes(shelf: Shelf, recipe_id: str, wanted: Wanted) -> None:
    """Raise BadInput where no sample bears a note of a name that spans are asked by."""
    names = {name for name in wanted.names if name != VIDEOS}
    there, people = set[str](), People(shelf)
    ids = stored_recipe(shelf, recipe_id).annotator_ids()
    for shard in shelf.need_shards() if names else ():
        for said in notes_on_spans(shelf, ids, shard, people.words(shard)).values():
            there |= {name for name, notes in said.items() if any(isinstance(one.at, TimeSpan) for one in notes)}
        if names <= there:
            return
    if missing := sorted(names - there):
        found = f"there are {', '.join(sorted(there))}" if there else "there are none on spans"
        raise BadInput(
            f"no time span bears a note called {' or '.join(missing)}",
            where=shelf.url,
            remedy=f"{found}; shots are noted by `ostraka run video`, `--spans {VIDEOS}` takes whole videos",
        )


def _noting(shelf: Shelf, recipe_id: str) -> tuple[str, ...]:
    return (SOURCE_NOTES, *stored_recipe(shelf, recipe_id).annotator_ids())


def _notes_digest(shelf: Shelf, recipe_id: str) -> str:
    """Return a digest of all notes on places that an export of spans may read."""
    seen = sha256()
    for shard in shelf.need_shards():
        for row, told in sorted(places_of(shelf, _noting(shelf, recipe_id), shard).items()):
            seen.update(msgspec.json.encode([shard, row, told]))
    return seen.hexdigest()


def _write(
    asked: Asked,
    cut: CutRule,
    folder: Folder,
    engine: Engine,
    found: Plan | None,
    progress: Progress | None,
    record: Record,
) -> Manifest:
    planned = found
    if planned is None or planned.options.get(CUTTING):
        planned = _planned(asked, cut, folder, engine, planned, progress, record)
    with record.step("write shards") as add:
        files = _put(asked, folder, planned, engine, progress)
        add(planned.counts.exported)
    with record.step("card and manifest"):
        folder.drop_clips()
        return finish(folder, planned, files, asked.counted, kept_out(asked.shelf, asked.request.recipe))


def _planned(
    asked: Asked,
    cut: CutRule,
    folder: Folder,
    engine: Engine,
    videos: Plan | None,
    progress: Progress | None,
    record: Record,
) -> Plan:
    """Cut all spans and plan their shards; before the first is cut, the folder is said to be this export's."""
    if videos is None:
        videos = outlook(asked.shelf, asked.request, asked.rule, engine, progress).plan
        videos = structs.replace(videos, options={**videos.options, CUTTING: True}, shards=())
        folder.put(PLAN, plan_json(videos))
    with record.step("cut") as add:
        counts = _cut(asked, cut, folder.url, engine, progress)
        add(counts.spans)
    with record.step("plan") as add:
        options = {name: value for name, value in videos.options.items() if name != CUTTING}
        videos = structs.replace(videos, options=options)
        planned = plan_spans(folder, videos, asked.request, asked.rule, asked.shelf.need_shards(), counts)
        folder.put(PLAN, plan_json(planned))
        add(planned.counts.exported)
    return planned


def _cut(
    asked: Asked, cut: CutRule, to: str, engine: Engine, progress: Progress | None, *, dry: bool = False
) -> CutCounts:
    recipe, shards = asked.request.recipe, asked.shelf.need_shards()
    annotator_ids = stored_recipe(asked.shelf, recipe).annotator_ids()
    work = CutShard(asked.shelf.url, to, recipe, annotator_ids, structs.replace(asked.rule, splits=()), cut, dry)
    answers = engine.map(work, shards)
    whole = CutCounts()
    for _, counts in progress("cut", shards, answers) if progress else answers:
        whole.add(counts)
    return whole


def _put(asked: Asked, folder: Folder, planned: Plan, engine: Engine, progress: Progress | None) -> list[File]:
    work = PutShard(folder.url, structs.replace(asked.rule, tied=planned.tied), planned.shards)
    paths = [shard.path for shard in planned.shards]
    answers = engine.map(work, paths)
    return [file for _, pair in (progress("export", paths, answers) if progress else answers) for file in pair]
