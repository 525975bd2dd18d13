"""Registering: benchmarks that a user has as files become tables in one folder, which a recipe is given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack

from msgspec import Struct

from annotators.benchmark_texts import BenchmarkTexts
from pipelines.benchmark.embedded import Embedding
from pipelines.benchmark.fields import Fields
from pipelines.benchmark.items import Reading
from pipelines.ingest.source import full_url, open_url
from schemas.benchmark import SUFFIX, Benchmark, Head, Item, to_lines
from schemas.errors import BadInput
from schemas.publish import put

KNOWN = Fields()
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Registered(Struct, frozen=True):
    """A benchmark as it was registered: its items, their texts and their pictures, the questions that are looked for as
    a whole because they are short or their benchmark's form, and what was left out by reason."""

    name: str
    path: str
    items: int
    texts: int
    whole: int
    pictures: int
    left_out: dict[str, int]


def register(
    urls: Sequence[str],
    to: str,
    fields: Fields = KNOWN,
    name: str = "",
    pictures: str = "",
    embedding: Embedding | None = None,
) -> list[Registered]:
    """Write a table for each benchmark into a folder, over one of the same name; raises BadInput before any is written
    where one cannot be read. `embedding`: a model that embeds the pictures too."""
    names = [name or _name_of(url) for url in urls]
    twice = [one for one in names if names.count(one) > 1]
    if twice:
        raise BadInput(f"{len(twice)} benchmarks are called {twice[0]}", remedy="register them one by one, with --name")
    fs, root = open_url(to)
    if fs.isfile(root):
        raise BadInput("this is a file", where=to, remedy="give a folder with --to")
    with ExitStack() as stack:
        embed = stack.enter_context(embedding.open()) if embedding else None
        read = [Reading(url, fields, pictures, embed) for url in urls]
        tables = [(one, reading.items(), reading.left_out) for one, reading in zip(names, read, strict=True)]
    found = []
    for one, items, left_out in tables:
        path = f"{root}/{one}{SUFFIX}"
        embedded_by = embedding.by if embedding and any(item.pictures for item in items) else ""
        put(fs, path, to_lines(one, items, embedded_by))
        found.append(_registered(one, full_url(fs, path), items, dict(sorted(left_out.items()))))
    return found


def _registered(name: str, path: str, items: Sequence[Item], left_out: dict[str, int]) -> Registered:
    whole = BenchmarkTexts([Benchmark(Head(name, len(items)), tuple(items))]).whole
    return Registered(
        name,
        path,
        len(items),
        sum(len(item.asked) + len(item.told) for item in items),
        sum(map(len, whole.values())),
        sum(len(item.pictures) for item in items),
        left_out,
    )


def _name_of(url: str) -> str:
    last = open_url(url)[1].rsplit("/", 1)[-1]
    name = last.rsplit(".", 1)[0] if "." in last[1:] else last
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} is no name of a benchmark", where=url, remedy="say --name with letters, digits, . _ -"
        )
    return name
