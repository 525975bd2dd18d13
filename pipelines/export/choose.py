"""Choosing: which kept samples of a shard leave by this door, in which split and form, and which stay and why.

The same rule answers twice: when the export is planned, and in the worker that writes a shard. So a plan holds ranges
of rows alone, whatever the size of the corpus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec
import pyarrow.compute as pc
from msgspec import Struct

from pipelines.export.groups import group_of
from pipelines.export.lines import read_lines
from pipelines.notes import read_pieces
from pipelines.shelf import Shelf
from pipelines.table import read_table
from schemas.draw import fraction
from schemas.errors import BadInput
from schemas.form import form_name
from schemas.sample import Image, Part, Sample, Source, Text, part_digest

BATCH = 1024
TRAIN = "train"
LICENCE, EXCLUDE, NOTHING_LEFT = "licence", "exclude", "nothing_left"
_SIZE = ("row", "width_px", "height_px")
_COLUMNS = ("row", "key", "parts", "dataset", "name", "uri", "licence", "parent", "meta", "media", "offsets")
_decode_parts = msgspec.json.Decoder(tuple[Part, ...])


class Rule(Struct, frozen=True):
    """Who leaves: shares of samples by split, patterns of licences (none: all of them), where the opt-outs are,
    and the groups that are tied to others."""

    splits: tuple[tuple[str, float], ...] = ()
    licences: tuple[str, ...] = ()
    exclude: str = ""
    exclude_sha256: str = ""
    tied: dict[str, str] = {}


class OptOuts(Struct, frozen=True):
    """Keys, digests and addresses that nobody may export."""

    listed: frozenset[str] = frozenset()

    def naming(self, sample: Sample) -> frozenset[str]:
        """Return the entries that name a sample, its parent, its address or one of its parts."""
        if not self.listed:
            return frozenset()
        names = (sample.key, sample.source.parent, sample.source.uri, *map(part_digest, sample.parts))
        return self.listed.intersection(names)


class Chosen(Struct, frozen=True):
    """A kept sample: as ingested and where its bytes are; as exported and to which folder, or why it is left out,
    and the opt-outs that name it."""

    row: int
    ingested: Sample
    media: str
    offsets: tuple[int, ...]
    exported: Sample
    folder: str
    left_out: str = ""
    opt_outs: frozenset[str] = frozenset()


def read_opt_outs(url: str, sha256_hex: str = "") -> tuple[OptOuts, str]:
    """Read an opt-out list, a key, SHA-256 or address a line, and return it with its file's SHA-256."""
    if not url:
        return OptOuts(), ""
    lines, digest = read_lines(url, "the opt-out list", sha256_hex)
    return OptOuts(frozenset(_entry(url, number, line) for number, line in lines)), digest


def _entry(url: str, number: int, line: str) -> str:
    """Return a key, digest or address in the one form they are compared in, without the remark behind it.

    Raises BadInput for anything else: a line that cannot be understood must not be an opt-out that nobody honours.
    """
    said = line.split(" #", maxsplit=1)[0].split("\t#", maxsplit=1)[0].strip()
    plain = said.lower().removeprefix("sha256:").replace("-", "")
    if len(plain) in (32, 64) and all(digit in "0123456789abcdef" for digit in plain):
        return plain
    if "://" in said:
        return said
    raise BadInput(
        f"line {number} is no key, SHA-256 or address: {said[:80]!r}",
        where=url,
        remedy="write 32 or 64 hex digits, or an address with ://",
    )


class Choosing:
    """Chooses on one shelf under one recipe and one rule."""

    def __init__(self, shelf: Shelf, recipe_id: str, annotator_ids: tuple[str, ...], rule: Rule) -> None:
        self._shelf, self._recipe_id, self._annotator_ids, self._rule = shelf, recipe_id, annotator_ids, rule
        self._patterns = tuple(pattern.lower() for pattern in rule.licences)
        self._opt_outs, _ = read_opt_outs(rule.exclude, rule.exclude_sha256)

    def choose(self, shard: str, first: int = 0, end: int | None = None) -> Iterator[Chosen]:
        """Yield the kept samples among rows [first, end) of a shard, in order, those left out with their reason."""
        catalog = self._shelf.catalog(shard, list(_COLUMNS))
        end = catalog.num_rows if end is None else end
        verdicts = self.verdicts(shard, ["outcome", "left_out"]).slice(first, end - first)
        sizes = self._sizes(shard)
        kept = pc.indices_nonzero(pc.equal(verdicts["outcome"], "kept"))
        gone = verdicts["left_out"].take(kept).to_pylist()
        rows = catalog.slice(first, end - first).take(kept)
        for begin in range(0, len(kept), BATCH):
            batch = rows.slice(begin, BATCH).to_pylist()
            for row, places in zip(batch, gone[begin : begin + BATCH], strict=True):
                yield self._chosen(row, frozenset(places), sizes)

    def verdicts(self, shard: str, columns: list[str]) -> Any:
        """Return columns of a shard's verdicts."""
        return read_table(self._shelf.fs, self.verdict_path(shard), columns)

    def verdict_path(self, shard: str) -> str:
        """Return where a shard's verdicts lie; raises BadInput where they are not there."""
        path = self._shelf.path("verdicts", self._recipe_id, f"{shard}.parquet")
        if not self._shelf.fs.exists(path):
            raise BadInput(
                f"shard {shard} has no verdicts of {self._recipe_id}",
                where=self._shelf.url,
                remedy=f"run `ostraka run {self._recipe_id.split('@')[0]}` first",
            )
        return path

    def _sizes(self, shard: str) -> Mapping[int, tuple[int, int]]:
        """Return width and height of the first picture of each row, where the recipe has an annotator that noted it."""
        for annotator_id in self._annotator_ids:
            found: dict[int, tuple[int, int]] = {}
            for piece in read_pieces(self._shelf, annotator_id, shard):
                if not {*_SIZE} <= {*piece.column_names}:
                    break
                rows, widths, heights = (piece[name].to_pylist() for name in _SIZE)
                noted = zip(rows, widths, heights, strict=True)
                found.update({row: (width, height) for row, width, height in noted if width and height})
            if found:
                return found
        return {}

    def _chosen(self, row: dict[str, Any], gone: frozenset[int], sizes: Mapping[int, tuple[int, int]]) -> Chosen:
        source = Source(row["dataset"], row["name"], row["uri"], row["licence"], row["parent"], row["meta"])
        ingested = Sample(row["key"].hex, _decode_parts.decode(row["parts"]), source)
        sized = _with_size(ingested.parts, sizes.get(row["row"]))
        exported = Sample(ingested.key, tuple(p for n, p in enumerate(sized) if n not in gone), source)
        opt_outs = self._opt_outs.naming(ingested)
        left_out = EXCLUDE if opt_outs else self._why_left_out(exported)
        folder = "" if left_out else f"{self._split(exported)}/{form_name(exported)}"
        return Chosen(row["row"], ingested, row["media"], tuple(row["offsets"]), exported, folder, left_out, opt_outs)

    def _why_left_out(self, exported: Sample) -> str:
        licence = exported.source.licence.lower()
        if self._patterns and not any(fnmatchcase(licence, pattern) for pattern in self._patterns):
            return LICENCE
        return "" if exported.parts else NOTHING_LEFT

    def _split(self, sample: Sample) -> str:
        """Return a sample's split: copies of a picture, and the children of one parent, draw the same number."""
        if not self._rule.splits:
            return TRAIN
        group = group_of(sample)
        drawn = fraction(self._rule.tied.get(group, group), "split")
        for name, share in self._rule.splits:
            if drawn < share:
                return name
            drawn -= share
        return TRAIN


def _with_size(parts: tuple[Part, ...], size: tuple[int, int] | None) -> tuple[Part, ...]:
    """Write the noted width and height into the first picture."""
    first = next((place for place, part in enumerate(parts) if isinstance(part, Image)), None)
    if size is None or first is None:
        return parts
    sized = msgspec.structs.replace(parts[first], width_px=size[0], height_px=size[1])
    return (*parts[:first], sized, *parts[first + 1 :])


def media_bytes(sample: Sample) -> int:
    """Return the bytes of a sample's pictures and videos, and of its texts."""
    return sum(len(part.text.encode()) if isinstance(part, Text) else part.size_bytes for part in sample.parts)
