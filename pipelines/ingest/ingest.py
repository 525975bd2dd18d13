"""Ingest: find out what a source is, plan its rows, make the shards that are not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.engine import Engine
from pipelines.ingest.coco import Coco
from pipelines.ingest.door import IngestShard
from pipelines.ingest.folder import Folder
from pipelines.ingest.manifest import Manifest
from pipelines.ingest.plan import Cut, plan
from pipelines.ingest.source import Options, Source, extension_of, full_url, open_url
from pipelines.ingest.tars import TAR_NAMES, Tars
from pipelines.record import recorded
from pipelines.shelf import Shelf
from schemas.errors import BadInput
from schemas.publish import put

KINDS = ("folder", "tars", "coco", "manifest")


class Ingested(Struct, frozen=True):
    """What an ingest did: rows listed and new, and what the shelf now holds, samples and failed rows by reason."""

    listed: int
    new: int
    counts: dict[str, int]


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
    progress: Callable[[str, Sequence[str], Any], Any] | None = None,
) -> Ingested:
    """Bring a source's samples to a shelf; the same call again goes on, or takes what is new.

    Raises BadInput where the source is none, or a dataset's name stands for another one; TooManyFailed; Unavailable.
    """
    source, where = open_source(source_url, options, kind)
    dataset = dataset or _dataset_of(where)
    shelf.sweep()
    config = {"source": where, "dataset": dataset, "engine": msgspec.to_builtins(engine)}
    with recorded(shelf, "ingest", config) as record:
        _claim(shelf, dataset, where)
        planned = plan(shelf, source, dataset, cut)
        shards = shelf.planned()
        work = IngestShard(shelf.url, options.by_reference, licence, max_failed)
        answers = engine.map(work, shards)
        total: dict[str, int] = {}
        for _, counts in progress("ingest", shards, answers) if progress else answers:
            for name, number in counts.items():
                total[name] = total.get(name, 0) + number
                record.count(name, number)
        return Ingested(planned.listed, planned.new, total)


def open_source(url: str, options: Options, kind: str = "") -> tuple[Source, str]:
    """Return the source that a URL is, and its full URL. Raises BadInput where nothing is there, or nothing known."""
    fs, path = open_url(url)
    if not fs.exists(path):
        raise BadInput(
            "nothing is there", where=url, remedy="give a folder, a tar, or a json, jsonl, csv or parquet file"
        )
    where = full_url(fs, path)
    kind = kind or _kind_of(fs, path)
    if options.by_reference and kind != "tars":
        raise BadInput("only tars are taken by reference", where=url, remedy="leave --by-reference out")
    if kind == "folder":
        return Folder(where), where
    if kind == "tars":
        return Tars(where, options.by_reference), where
    if kind == "coco":
        return Coco(where), where
    if kind == "manifest":
        columns = (options.image_column, options.caption_column, options.id_column)
        return Manifest(where, options.root, *columns, options.base_names), where
    raise BadInput(
        f"a {extension_of(path) or 'file without an extension'} is no source",
        where=url,
        remedy=f"say what it is with --as {'|'.join(KINDS)}",
    )


def _kind_of(fs: Any, path: str) -> str:
    if not fs.isdir(path):
        if path.endswith(TAR_NAMES):
            return "tars"
        return {"json": "coco", **dict.fromkeys(("jsonl", "csv", "tsv", "parquet"), "manifest")}.get(
            extension_of(path), ""
        )
    if fs.isdir(f"{path}/annotations"):
        return "coco"
    names = [str(entry) for entry in fs.ls(path, detail=False)]
    return "tars" if names and all(n.endswith((*TAR_NAMES, ".json", ".parquet", ".idx")) for n in names) else "folder"


def _dataset_of(where: str) -> str:
    name = where.rstrip("/").rsplit("/", 1)[-1]
    return name.split(".", 1)[0] or name


def _claim(shelf: Shelf, dataset: str, where: str) -> None:
    """Hold a dataset's name for one source: rows are known by it, so another source's would be taken for these."""
    if "/" in dataset or dataset in ("", ".", ".."):
        raise BadInput(f"{dataset!r} is no dataset's name", remedy="give a plain name with --dataset")
    path = shelf.path("sources", f"{dataset}.json")
    if put(shelf.fs, path, msgspec.json.encode({"dataset": dataset, "source": where}) + b"\n", exclusive=True):
        return
    held = msgspec.json.decode(shelf.fs.cat_file(path))["source"]
    if held != where:
        raise BadInput(
            f"dataset {dataset!r} on this shelf came from {held}",
            where=where,
            remedy="give this source a name of its own with --dataset",
        )
