"""Ingest: find out what a source is, plan its rows, make the shards that are not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.engines.engine import Engine
from pipelines.ingest.answers import Answers
from pipelines.ingest.coco import Coco, may_be_coco
from pipelines.ingest.dialogue_tables import DialogueTables, holds_dialogues
from pipelines.ingest.dialogues import Dialogues
from pipelines.ingest.document_source import DOCUMENT_SOURCES, DOCUMENTS, document_kind, document_source
from pipelines.ingest.door import IngestShard
from pipelines.ingest.exported import is_export
from pipelines.ingest.fill_ins import FillIns
from pipelines.ingest.folder import Folder
from pipelines.ingest.huggingface import HuggingFace, holds_pictures
from pipelines.ingest.json_records import first_record
from pipelines.ingest.manifest import Manifest
from pipelines.ingest.manners import Manners
from pipelines.ingest.plan import Cut, listing
from pipelines.ingest.records import RECORD_FILES
from pipelines.ingest.rolled import holds_rollouts, rollouts_below
from pipelines.ingest.scenario import find_scenario
from pipelines.ingest.scenarios import Scenarios
from pipelines.ingest.source import PICTURES, VIDEOS, Options, Source, extension_of, full_url, open_url, readable
from pipelines.ingest.tars import TAR_NAMES, Tars
from pipelines.ingest.tasks import TASK_FILES, Tasks, is_task
from pipelines.ingest.texts import TEXT_FILES, Texts
from pipelines.ingest.turns import is_dialogue
from pipelines.ingest.ui_code import UiCode
from pipelines.ingest.urls import Links
from pipelines.record.record import recorded
from pipelines.shelf.keys import write_maps
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.publish import put
from schemas.rollout import ROLLOUTS

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet", "captions.jsonl")
"""A manifest that speaks for the folder it lies in, as Hugging Face's image folders have it."""

KINDS = (
    "folder",
    "tars",
    "coco",
    "manifest",
    "dialogues",
    "huggingface",
    "urls",
    "texts",
    "ui-code",
    "tasks",
    "fill-in",
    "scenario",
    "answers",
    *DOCUMENTS,
)

_OF_A_SHELF = ("fill-in", "scenario", "answers")
"""Kinds whose source is a shelf: what they make refers to its bytes, and what they refuse is no fault of a source."""

_RECIPES: dict[type, str] = {
    Texts: "text",
    Tasks: "cot",
    Answers: "cot-answers",
    **dict.fromkeys(DOCUMENT_SOURCES, "documents"),
    **dict.fromkeys((Dialogues, DialogueTables, FillIns, Scenarios, UiCode), "instructions"),
}
"""The recipe that suits a source, where its kind tells; where most samples are videos it is theirs, else captions'."""


class Ingested(Struct, frozen=True):
    """What an ingest did: rows listed and new, what the dataset now holds (samples, and failed rows by reason), how
    many rows say something else than when they were taken, the recipe that suits such a source, and manifests that lie
    in a folder and were not read."""

    listed: int
    new: int
    counts: dict[str, int]
    changed: int = 0
    recipe: str = "caption-light"
    unread: tuple[str, ...] = ()


def ingest(
    shelf: Shelf,
    source_url: str,
    engine: Engine,
    options: Options = Options(),
    *,
    kind: str = "",
    dataset: str = "",
    licence: str = "",
    cut: Cut = Cut(),
    max_failed: float = 0.05,
    manners: Manners = Manners(),
    progress: Callable[[str, Sequence[str], Any], Any] | None = None,
) -> Ingested:
    """Bring a source's samples to a shelf; the same call again goes on, or takes what is new.

    Raises BadInput where the source is none, or a dataset's name stands for another one; TooManyFailed; Unavailable.
    """
    source, where = open_source(source_url, options, kind)
    is_rolled = isinstance(source, Tars) and holds_rollouts(*open_url(where))
    named = where.removesuffix(f"/{ROLLOUTS}") if is_rolled else full_url(*open_url(source_url))
    dataset = dataset or _dataset_of(named) + (f"-{kind}" if kind in _OF_A_SHELF else "")
    if is_made := isinstance(source, FillIns | Scenarios | Answers):
        source = msgspec.structs.replace(source, is_here=where == shelf.url)
    shelf.sweep()
    config = {"source": where, "dataset": dataset, "engine": msgspec.to_builtins(engine)}
    with recorded(shelf, "ingest", config) as record:
        with record.step("list and plan") as add, listing(source, where) as listed:
            _claim(shelf, dataset, where, {"read_as": msgspec.to_builtins(source), "licence": licence})
            planned = listed.plan(shelf, dataset, cut)
            add(planned.listed)
        by_reference = options.by_reference or is_made
        work = IngestShard(shelf.url, by_reference, licence, 1.0 if is_made else max_failed, manners)
        total: dict[str, int] = {}
        videos = 0
        with record.step("make shards") as add:
            answers = engine.map(work, planned.shards)
            for _, made in progress("ingest", planned.shards, answers) if progress else answers:
                record.failed(made.failures)
                videos += made.videos
                for name, number in made.counts.items():
                    total[name] = total.get(name, 0) + number
                    record.count(name, number)
                add(sum(made.counts.values()))
        with record.step("key map"):
            write_maps(shelf, planned.shards)
        most_are_videos = 2 * videos > total.get("samples", 0)
        recipe = "rollouts" if is_rolled else _suits(source, "video" if most_are_videos else "caption-light")
        unread = _unread(where) if isinstance(source, Folder) else ()
        return Ingested(planned.listed, planned.new, total, planned.changed, recipe, unread)


def _suits(source: Source, otherwise: str) -> str:
    """Return the recipe that suits a source; tasks that tell no responses have nothing that `cot` could grade."""
    if isinstance(source, Answers) and source.round > 0:
        return "enhance"
    if isinstance(source, Tasks) and not source.tells_responses():
        return "rl-tasks"
    return _RECIPES.get(type(source), otherwise)


def open_source(url: str, options: Options, kind: str = "") -> tuple[Source, str]:
    """Return the source that a URL is, and its full URL. Raises BadInput where nothing is there, or nothing known."""
    fs, path = open_url(url)
    if not fs.exists(path):
        raise BadInput(
            "nothing is there", where=url, remedy="give a folder, a tar, or a json, jsonl, csv or parquet file"
        )
    if not kind and (told := next((n for n in METADATA if fs.exists(f"{path}/{n}")), "")):
        path, kind = f"{path}/{told}", "manifest"
    if not kind and (rolled := rollouts_below(fs, path)):
        path, kind = rolled, "tars"
    where = full_url(fs, path)
    with readable(where):
        kind = kind or _kind_of(fs, path)
    if options.by_reference and kind != "tars":
        raise BadInput("only tars are taken by reference", where=url, remedy="leave --by-reference out")
    if options.image_pattern and kind != "dialogues":
        raise BadInput("only of dialogues a pattern says where pictures are", where=url, remedy="add --as dialogues")
    if kind in DOCUMENTS:
        return document_source(kind, where, options), where
    if kind == "answers":
        return Answers(where, options.recipe, options.most_answers, options.no_think, options.round), where
    if kind == "fill-in":
        return FillIns(where), where
    if kind == "ui-code":
        return UiCode(where), where
    if kind == "scenario":
        if not options.asks.model:
            remedy = "add --model NAME, and --endpoint URL where it is not on this machine"
            raise BadInput("no model is named", where="--as scenario", remedy=remedy)
        return Scenarios(where, find_scenario(options.scenario), options.asks), where
    if kind == "folder":
        return Folder(where), where
    if kind == "tars":
        return Tars(where, options.by_reference), where
    if kind == "coco":
        return Coco(where), where
    root = full_url(*open_url(options.root)) if options.root else ""
    if kind == "dialogues":
        named = (options.image_column, options.id_column)
        if fs.isdir(path) or (path.endswith(".parquet") and holds_pictures(fs, path)):
            return DialogueTables(where, *named, options.split), where
        return Dialogues(where, root, *named, options.base_names, options.image_pattern), where
    if kind == "tasks":
        return Tasks(where, root, options.id_column), where
    if kind == "texts":
        return Texts(where, options.caption_column, options.id_column), where
    if kind == "manifest":
        columns = (options.image_column, options.caption_column, options.id_column)
        return Manifest(where, root, *columns, options.base_names), where
    chosen = (options.caption_column, options.id_column)
    if kind == "huggingface":
        return HuggingFace(where, options.image_column, *chosen, options.split), where
    if kind == "urls":
        if find_spec("httpx") is None:
            raise BadInput("links are fetched with httpx, which is not here", remedy="pip install 'ostraka[fetch]'")
        return Links(where, options.url_column, *chosen), where
    raise BadInput(
        f"a {extension_of(path) or 'file without an extension'} is no source",
        where=url,
        remedy=f"say what it is with --as {'|'.join(KINDS)}",
    )


def _kind_of(fs: Any, path: str) -> str:
    if fs.isdir(path) and is_export(fs, path):
        return "tars"
    if found := document_kind(fs, path):
        return found
    if not fs.isdir(path):
        if path.endswith(TAR_NAMES):
            return "tars"
        if path.endswith(".parquet") and holds_dialogues(fs, path):
            return "dialogues"
        if path.endswith(".parquet") and holds_pictures(fs, path):
            return "huggingface"
        if extension_of(path) in TASK_FILES:
            first = first_record(fs, path)
            if is_task(first):
                return "tasks"
            if is_dialogue(first):
                return "dialogues"
        if extension_of(path) in TEXT_FILES:
            return "texts"
        return {"json": "coco", **dict.fromkeys(("jsonl", "csv", "tsv", "parquet"), "manifest")}.get(
            extension_of(path), ""
        )
    if fs.isdir(f"{path}/annotations") and may_be_coco(fs, path):
        return "coco"
    names = [str(entry) for entry in fs.ls(path, detail=False)]
    if any(extension_of(name) in PICTURES + VIDEOS for name in names):
        return "folder"
    if any(name.endswith(TAR_NAMES) for name in names):
        return "tars"
    if holds_dialogues(fs, path):
        return "dialogues"
    return "huggingface" if holds_pictures(fs, path) else "folder"


def _unread(url: str) -> tuple[str, ...]:
    """Return the files in a folder that may be manifests of what lies there, which nobody asked to read."""
    fs, path = open_url(url)
    names = (str(name).rsplit("/", 1)[-1] for name in fs.ls(path, detail=False))
    return tuple(sorted(name for name in names if extension_of(name) in RECORD_FILES and not name.startswith(".")))


def _dataset_of(where: str) -> str:
    name = where.rstrip("/").rsplit("/", 1)[-1]
    return name.split(".", 1)[0] or name


def _claim(shelf: Shelf, dataset: str, where: str, how: dict[str, Any]) -> None:
    """Hold a dataset's name for one source, read in one way: rows are known by it, and are planned once."""
    if "/" in dataset or dataset in ("", ".", ".."):
        raise BadInput(f"{dataset!r} is no dataset's name", remedy="give a plain name with --dataset")
    path = shelf.path("sources", f"{dataset}.json")
    claim = {"dataset": dataset, "source": where, **how}
    if put(shelf.fs, path, msgspec.json.encode(claim) + b"\n", exclusive=True):
        return
    held = msgspec.json.decode(shelf.fs.cat_file(path))
    if held != claim:
        what = "with other options" if held["source"] == where else f"from {held['source']}"
        raise BadInput(
            f"dataset {dataset!r} on this shelf came {what}",
            where=where,
            remedy="give it a name of its own with --dataset, or begin on a fresh shelf",
        )
