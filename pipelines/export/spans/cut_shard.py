"""Cutting: the spans of one shard's videos become samples in a tar of that shard, which waits to be put into shards.

Only when it is cut is it known what a span comes to, and which cannot be cut at all; so this comes before the plan, and
a shard's place is taken by its table, written last. A span costs its decoding and a copy of its bytes more.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from typing import IO, Any

import msgspec
from msgspec import Struct

from annotators.annotator import Subject
from pipelines.engines.temporary import temporary_folder
from pipelines.export.choose import Choosing, Rule
from pipelines.export.folder import CLIPS, Folder
from pipelines.export.samples import COLUMNS, Leaving, leaving
from pipelines.export.sidecar import sidecar_row
from pipelines.export.spans.clip_cutter import SPAN, WHOLE, ClipCutter, Uncopied
from pipelines.export.spans.sample import About, sample_of
from pipelines.export.spans.spans import Chosen, Refused, Wanted, chosen, notes_on_spans
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request
from pipelines.record import log
from pipelines.shelf.media import MediaReader
from pipelines.shelf.people import People
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import put_table
from schemas.form import form_name, write_exported
from schemas.note import Failed
from schemas.publish import publish
from schemas.sample import Sample, Video
from schemas.tables import CLIP_SIDECAR, PEOPLE, WAITING, Column
from schemas.tar import Writer

SAME_FRAMES = "same_frames"


class CutRule(Struct, frozen=True):
    """Which spans, what becomes of one that cannot be copied, and what the dialogues about them may be about (none:
    captions stand beside them as they are)."""

    wanted: Wanted
    uncopied: Uncopied = "encode"
    frames_per_s: float = 2.0
    forms: tuple[str, ...] = ()


class CutCounts(Struct):
    """What came of a shard: samples without a span, spans that became samples, and those that did not, by reason."""

    without: int = 0
    spans: int = 0
    left_out: dict[str, int] = {}

    def add(self, other: CutCounts) -> None:
        """Add another shard's counts."""
        self.without += other.without
        self.spans += other.spans
        both = Counter(self.left_out) + Counter(other.left_out)
        self.left_out = dict(sorted(both.items()))


def cut_path(shard: str, extension: str) -> str:
    """Return where a shard's spans lie in the folder of an export."""
    return f"{CLIPS}/{shard}.{extension}"


class CutShard(Struct, frozen=True):
    """Work: cut the spans of a shard, unless that is done, and return the counts; `dry`: count, and cut nothing."""

    shelf_url: str
    to: str
    recipe_id: str
    annotator_ids: tuple[str, ...]
    rule: Rule
    cut: CutRule
    dry: bool = False

    @contextmanager
    def open(self) -> Iterator[Callable[[str], CutCounts]]:
        """Start the child that cuts, and yield what cuts one shard."""
        shelf = Shelf(self.shelf_url)
        choosing, people = Choosing(shelf, self.recipe_id, self.rule, COLUMNS), People(shelf)
        if self.dry:
            yield lambda shard: _foreseen(_Spans(self, shelf, people, choosing, shard))
            return
        with ExitStack() as stack:
            scratch = stack.enter_context(temporary_folder("clips"))
            cutter = ClipCutter(scratch, self.cut.uncopied, self.cut.frames_per_s)
            guard = stack.enter_context(Guard(cutter))
            read = stack.enter_context(closing(MediaReader()))
            folder = Folder(self.to)
            yield lambda shard: _Cutting(_Spans(self, shelf, people, choosing, shard), guard, read, scratch).run(folder)


class _Spans:
    """The spans of one shard's videos, in the order of its rows."""

    def __init__(self, work: CutShard, shelf: Shelf, people: People, choosing: Choosing, shard: str) -> None:
        self.work, self.shelf, self.shard, self._people, self._choosing = work, shelf, shard, people, choosing
        self.counts = CutCounts()
        self._left_out = Counter[str]()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of what is cut."""
        return (*CLIP_SIDECAR, *(PEOPLE if self._people.desks else ()), *WAITING)

    def left_out(self, reason: str) -> None:
        """Count a span that stays out."""
        self._left_out[reason] += 1
        self.counts.left_out = dict(sorted(self._left_out.items()))

    def of_samples(self) -> Iterator[tuple[Leaving, str, About, list[Chosen]]]:
        """Yield each sample that leaves with its group, what is said of it, and the spans to be cut."""
        words = self._people.words(self.shard)
        noted = notes_on_spans(self.shelf, self.work.annotator_ids, self.shard, words)
        for kept in self._choosing.choose(self.shard):
            some = kept.leaving()
            gone = [some.gone.row(at).tolist() for at in range(len(some.rows))]
            samples = zip(some.rows.tolist(), gone, some.groups(), leaving(some, {}, {}, {}), strict=True)
            for row, without, group, one in samples:
                said = noted.get(row, {})
                spans = chosen(one.ingested, without, said, self.work.cut.wanted)
                self.counts.without += not spans
                for span in spans:
                    if isinstance(span, Refused):
                        self.left_out(span.reason)
                found = [span for span in spans if isinstance(span, Chosen)]
                if found:
                    yield one, group, About(said, words.get(row, ()) if self._people.desks else None), found


def _foreseen(spans: _Spans) -> CutCounts:
    spans.counts.spans = sum(len(found) for *_, found in spans.of_samples())
    return spans.counts


class _Cutting:
    """One shard that is being cut."""

    def __init__(self, spans: _Spans, guard: Guard, read: MediaReader, scratch: str) -> None:
        self._spans, self._guard, self._read, self._scratch = spans, guard, read, scratch
        self._columns: dict[str, list[Any]] = {}

    def run(self, folder: Folder) -> CutCounts:
        paths = {extension: folder.path(cut_path(self._spans.shard, extension)) for extension in ("tar", "json")}
        table = folder.path(cut_path(self._spans.shard, "parquet"))
        if folder.fs.isfile(table):
            return msgspec.json.decode(folder.fs.cat_file(paths["json"]), type=CutCounts)
        publish(folder.fs, paths["tar"], self._write)
        counts = self._spans.counts
        publish(folder.fs, paths["json"], lambda file: file.write(msgspec.json.encode(counts)))
        put_table(folder.fs, table, self._spans.columns, self._columns)
        log.event("cut", shard=self._spans.shard, spans=counts.spans, left_out=sum(counts.left_out.values()))
        return counts

    def _write(self, file: IO[bytes]) -> None:
        self._columns = {column.name: [] for column in self._spans.columns}
        tar = Writer(file)
        for one, group, said, spans in self._spans.of_samples():
            for sample, contents in self._cut(one, said, spans):
                row = sidecar_row(sample, write_exported(tar, sample, contents))
                row |= {"group": group, "form": form_name(sample)}
                for name, values in self._columns.items():
                    values.append(row[name])
                self._spans.counts.spans += 1
        tar.close()

    def _cut(self, one: Leaving, said: About, spans: Sequence[Chosen]) -> Iterator[tuple[Sample, list[bytes]]]:
        media = self._spans.shelf.media_url(one.media)
        asked = [
            Request(one.ingested, media, one.offsets, {SPAN: _numbers(number, span), WHOLE: span.whole})
            for number, span in enumerate(spans)
        ]
        seen = set[tuple[int, int, int]]()
        for span, result in zip(spans, self._guard.look(asked), strict=True):
            if isinstance(result, Failed):
                self._refuse(one, result)
                continue
            values = result.values
            contents = [self._taken(name) for name in self._files(values)]
            frames = span.part, int(str(values["cut_start_pts"])), int(str(values["cut_end_pts"]))
            if frames in seen and not span.whole:
                self._spans.left_out(SAME_FRAMES)
                continue
            seen.add(frames)
            contents = contents or [self._original(one, media, span.part)]
            digests = [sha256(content).hexdigest() for content in contents]
            sizes = [len(content) for content in contents]
            sample = sample_of(one.ingested, span, values, digests, sizes, said, self._spans.work.cut.forms)
            if sample is None:
                self._spans.left_out("no_turns")
            else:
                yield sample, contents

    def _refuse(self, one: Leaving, failed: Failed) -> None:
        self._spans.left_out(failed.reason)
        log.event("not_cut", key=one.ingested.key, reason=failed.reason, detail=failed.detail)

    def _files(self, values: Mapping[str, Any]) -> list[str]:
        return list(values["cut_files"])

    def _taken(self, name: str) -> bytes:
        path = os.path.join(self._scratch, name)
        with open(path, "rb") as file:
            content = file.read()
        os.unlink(path)
        return content

    def _original(self, one: Leaving, media: str, part: int) -> bytes:
        video = one.ingested.parts[part]
        assert isinstance(video, Video)
        return Subject(one.ingested, media, one.offsets, {}, self._read).content(video)


def _numbers(number: int, span: Chosen) -> list[int]:
    at = span.at
    return [number, span.part, *((at.start_pts, at.end_pts, *at.time_base) if at else (0, 0, 1, 1))]
