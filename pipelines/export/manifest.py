"""The manifest of an export: what is in it, from what, by which rules, and the digest of every file.

It holds no clock and no path outside the export, so the same corpus gives the same bytes; it is written last, and its
presence says that the export is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from pipelines.export.concepts import Concepts
from pipelines.run.funnel import Stage
from schemas.errors import BadInput
from schemas.form import MANIFEST

PLAN, CARD, CROISSANT = "plan.json", "README.md", "croissant.json"
CONCEPTS = "concepts.parquet"
FORMAT = 1


class Counts(Struct, frozen=True):
    """Kept by the recipe = exported + all that were left out, by reason."""

    kept: int
    exported: int
    left_out: dict[str, int]


class File(Struct, frozen=True):
    """A file of the export; `samples` is how many it holds, for a shard's tar and its sidecar."""

    path: str
    size_bytes: int
    sha256: str
    samples: int = 0


class KeptOut(Struct, frozen=True):
    """What was found of a benchmark that was kept out: its items, how many of them samples held that were dropped, and
    those samples by reason; the longest run of words that one shared with it."""

    benchmark: str
    items: int
    items_found: int
    by_text: int
    by_question: int
    by_picture: int
    by_alike: int
    longest_words: int


class OfKind(Struct, frozen=True):
    """Samples of one kind, and about how many tokens they are."""

    samples: int
    estimated_tokens: int


class Mixed(Struct, frozen=True):
    """A part of a mix, whose shards bear its name: its recipe, its weight (0: as many as it has samples), and all that
    is told of an export of one recipe alone."""

    name: str
    recipe: str
    snapshot: str
    weight: int
    counts: Counts
    funnel: tuple[Stage, ...]
    steps: tuple[tuple[str, str, str], ...] = ()
    benchmarks: tuple[KeptOut, ...] = ()
    kinds: dict[str, OfKind] = {}


class About(Struct, frozen=True, kw_only=True):
    """What is told of an export before and after it is written."""

    format: int = FORMAT
    name: str
    recipe: str
    snapshot: str
    inputs: str
    options: dict[str, Any]
    counts: Counts
    funnel: tuple[Stage, ...]
    licences: dict[str, int]
    datasets: dict[str, int]
    steps: tuple[tuple[str, str, str], ...] = field(default=())
    mix: tuple[Mixed, ...] = ()


class Manifest(About, frozen=True, kw_only=True):
    """The manifest: about the export, what balance did to concepts, the benchmarks that were kept out, its kinds, and
    its files in the order of their paths."""

    kinds: dict[str, OfKind] = {}
    concepts: tuple[Concepts, ...] = ()
    benchmarks: tuple[KeptOut, ...] = ()
    files: tuple[File, ...]

    def tars(self) -> list[File]:
        """Return the shards' tars."""
        return [file for file in self.files if file.path.endswith(".tar")]

    def of_part(self, name: str) -> list[File]:
        """Return the tars of a part of a mix."""
        return [tar for tar in self.tars() if stem_of(tar.path) == name]

    def folders(self) -> dict[str, int]:
        """Return the samples in each folder, `split/form`."""
        found: dict[str, int] = {}
        for tar in self.tars():
            folder = tar.path.rsplit("/", 1)[0]
            found[folder] = found.get(folder, 0) + tar.samples
        return found


def stem_of(path: str) -> str:
    """Return the name that a shard bears: the export's, or that of a part of a mix."""
    return path.rsplit("/", 1)[-1].rsplit("-", 1)[0]


def about_json(about: About) -> bytes:
    """Return a plan or a manifest as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(about), indent=1) + b"\n"


def read_manifest(fs: Any, folder: str) -> Manifest | None:
    """Return an export's manifest, None where there is none; raises BadInput where it is malformed."""
    path = f"{folder}/{MANIFEST}"
    try:
        found = msgspec.json.decode(fs.cat_file(path), type=Manifest)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise BadInput(
            f"the manifest is malformed: {error}", where=path, remedy="export again, with --replace"
        ) from None
    if found.format != FORMAT:
        raise BadInput(f"the manifest has format {found.format}, this ostraka reads {FORMAT}", where=path)
    return found


def by_path(files: Sequence[File]) -> tuple[File, ...]:
    """Return files in the order of their paths."""
    return tuple(sorted(files, key=lambda file: file.path))
