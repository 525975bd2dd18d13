"""The sheet: samples of an export as a reader meets them, one HTML page that needs nothing else.

Some samples of each kind, those with the smallest keyed draw, with their pictures in place, parts in their order and
dialogues as turns. Everything of a sample is text to the page, which holds no script; its policy forbids every request.
Only sidecars and the drawn samples are read, so a sheet of a large export costs seconds.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from html import escape
from importlib import resources

from msgspec import Struct, structs

from pipelines.export.folder import Folder
from pipelines.export.sheet_parts import Shown, article
from pipelines.guard.talk import Request
from pipelines.query.clip_frames import clip_frames
from pipelines.query.thumbnails import thumbnails
from pipelines.shelf.media import MediaReader
from pipelines.shelf.table import read_table
from pipelines.store.address import file_system
from schemas.draw import fraction
from schemas.errors import BadInput, BadTar
from schemas.form import read
from schemas.kind import KINDS
from schemas.note import Failed
from schemas.publish import put
from schemas.sample import Image, Sample

SEED = "sheet"
PICTURES_BYTES = 12_000_000
LEAST_PICTURE_BYTES, MOST_PICTURE_BYTES = 4_000, 60_000

_COLUMNS = ["key", "kind", "members", "offsets", "sizes"]


class Drawn(Struct, frozen=True):
    """A sample that was drawn: its tar, relative to the export, and where each of its members lies."""

    key: str
    tar: str
    members: tuple[tuple[str, int, int], ...]


def write_sheet(folder_url: str, path: str, count: int, kinds: Sequence[str] = ()) -> tuple[int, dict[str, int]]:
    """Write a sheet of at most `count` samples of each kind; return its size in bytes and how many of each there are.

    Raises BadInput where there is no export or none of these kinds in it, BadTar where a sample is not as stated.
    """
    folder = Folder(folder_url)
    drawn = draw(folder, count, kinds)
    if not any(drawn.values()):
        there = ", ".join(folder.need_manifest().kinds) or "no sample"
        asked = f" of kind {', '.join(kinds)}" if kinds else ""
        raise BadInput(f"there is no sample{asked} to show", where=folder.url, remedy=f"it holds {there}")
    page = _page(folder, drawn)
    fs, target = file_system(os.path.abspath(path) if "://" not in path else path)
    put(fs, target, page)
    return len(page), {kind: len(some) for kind, some in drawn.items()}


def draw(folder: Folder, count: int, kinds: Sequence[str]) -> dict[str, list[Drawn]]:
    """Return, by kind, the samples whose keys draw the least; what is held is these, never all of them."""
    held: dict[str, list[tuple[float, str, Drawn]]] = {}
    for tar in folder.need_manifest().tars():
        table = read_table(folder.fs, folder.path(f"{tar.path[:-4]}.parquet"), _COLUMNS)
        rows = zip(*(table[name].to_pylist() for name in ("key", "kind")), strict=True)
        for at, (key, kind) in enumerate(rows):
            if kinds and kind not in kinds:
                continue
            some = held.setdefault(kind, [])
            entry = -fraction(key, SEED), key
            if len(some) < count or entry > some[0][:2]:
                [row] = table.slice(at, 1).to_pylist()
                one = Drawn(key, tar.path, tuple(zip(row["members"], row["offsets"], row["sizes"], strict=True)))
                (heapq.heappush if len(some) < count else heapq.heapreplace)(some, (*entry, one))
    return {kind: [one for _, _, one in sorted(held[kind], reverse=True)] for kind in KINDS if kind in held}


def _page(folder: Folder, drawn: dict[str, list[Drawn]]) -> bytes:
    manifest = folder.need_manifest()
    with closing(MediaReader()) as reader:
        samples = {one.key: _read(folder, one, reader) for some in drawn.values() for one in some}
    shown = dict(zip(samples, _seen(folder, samples, drawn), strict=True))
    body = []
    for kind, some in drawn.items():
        of = manifest.kinds[kind]
        told = f"{len(some)} of {of.samples:,} samples, about {of.estimated_tokens:,} tokens in all"
        body.append(f'<section class="{kind}"><h2>{kind}</h2><p class="quiet">{told}</p><div class="samples">')
        body += [article(samples[one.key], one.tar, shown[one.key]) for one in some]
        body.append("</div></section>")
    template = resources.files("pipelines.export").joinpath("sheet.html").read_text("utf-8")
    name = escape(manifest.name)
    return template.replace("@name@", name).replace("@body@", "\n".join(body)).encode()


def _read(folder: Folder, one: Drawn, reader: MediaReader) -> Sample:
    """Read a sample from its tar; raises BadTar where a picture or clip has not the bytes that are stated."""
    url = _url(folder, one)
    sample, contents = read({name: reader(url, offset, size) for name, offset, size in one.members})
    for (_, part), content in zip(sample.media(), contents, strict=True):
        if sha256(content).hexdigest() != part.digest:
            remedy = f"ostraka verify {folder.url}"
            raise BadTar(f"{part.extension} of {sample.key} is not as its JSON states it", where=url, remedy=remedy)
    return sample


def _url(folder: Folder, one: Drawn) -> str:
    return f"{folder.url}/{one.tar}"


def _seen(folder: Folder, samples: dict[str, Sample], drawn: dict[str, list[Drawn]]) -> Iterator[dict[int, Shown]]:
    """Yield, for each sample, what is shown of its pictures and clips by their places."""
    lies = {one.key: one for some in drawn.values() for one in some}
    asked: dict[bool, list[Request]] = {True: [], False: []}
    for key, sample in samples.items():
        offsets = [offset for _, offset, _ in lies[key].members]
        for (_, part), offset in zip(sample.media(), offsets, strict=False):
            only = structs.replace(sample, parts=(part,))
            asked[isinstance(part, Image)].append(Request(only, _url(folder, lies[key]), (offset,)))
    most = PICTURES_BYTES * 3 // 4 // max(1, sum(map(len, asked.values())))
    most_bytes = min(max(most, LEAST_PICTURE_BYTES), MOST_PICTURE_BYTES)
    found = {True: thumbnails(asked[True], most_bytes), False: clip_frames(asked[False], most_bytes)}
    for sample in samples.values():
        yield {place: _shown(next(found[isinstance(part, Image)])) for place, part in sample.media()}


def _shown(found: object) -> Shown:
    if isinstance(found, Failed):
        return Shown(why=found.reason)
    values = found.values  # type: ignore[attr-defined]
    return Shown(values["thumbnail"], values["thumbnail_width_px"], values["thumbnail_height_px"])
