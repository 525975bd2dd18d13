"""What an annotator is: a frozen value that opens once per worker and writes the notes it names.

A whole annotator of your own:

    class Brightness(Annotator, frozen=True):
        writes: ClassVar = (Name("brightness", "float64", "", "mean luma", 0, 1),)

        def look(self, subject: Subject) -> Noted:
            with Image.open(BytesIO(subject.content())) as picture:
                return Noted({"brightness": ImageStat.Stat(picture.convert("L")).mean[0] / 255})
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from schemas.errors import BadInput, BadSample, Unavailable
from schemas.note import Noted
from schemas.sample import Image, Media, Sample, Video
from schemas.vocabulary import Name


class Needs(Struct, frozen=True):
    """What one worker of an annotator takes; `limit_s` and `memory_mib` are what one sample may take at most."""

    cpus: int = 1
    gpus: int = 0
    limit_s: float = 30.0
    memory_mib: int = 3072


class Bytes(Protocol):
    """Reads bytes of a tar: `size_bytes` of them from `offset` on."""

    def __call__(self, url: str, offset: int, size_bytes: int, /) -> bytes: ...


class Subject:
    """A sample as an annotator sees it: its parts, its bytes on demand, and the notes that the annotator reads."""

    def __init__(
        self, sample: Sample, media: str, offsets: Sequence[int], notes: Mapping[str, Any], read: Bytes
    ) -> None:
        self.sample, self.notes = sample, notes
        self._media, self._offsets, self._read = media, offsets, read

    def picture(self) -> Image:
        """Return the first picture; raises BadSample("no_picture")."""
        for _, part in self.sample.media():
            if isinstance(part, Image):
                return part
        raise BadSample("no_picture", "the sample has no picture")

    def video(self) -> tuple[int, Video]:
        """Return the first video and its place among the parts; raises BadSample("no_video")."""
        for place, part in self.sample.media():
            if isinstance(part, Video):
                return place, part
        raise BadSample("no_video", "the sample has no video")

    def content(self, part: Media | None = None) -> bytes:
        """Return the original bytes of a part, by default the first picture's.

        Raises Unavailable where they are not the bytes that were ingested.
        """
        part = part or self.picture()
        data = self.head(part.size_bytes, part)
        if sha256(data).hexdigest() != part.digest:
            raise Unavailable(
                f"the bytes of sample {self.sample.key} are not those that were ingested",
                where=self._media,
                remedy="restore the file, or ingest it again under a new dataset name",
            )
        return data

    @property
    def tar(self) -> str:
        """The name of the tar that holds its bytes, without folder and suffix; empty where none does."""
        return self._media.split("?")[0].rsplit("/", 1)[-1].split(".")[0]

    def head(self, size_bytes: int, part: Media | None = None) -> bytes:
        """Return the first bytes of a part, unchecked."""
        part = part or self.picture()
        place = next(n for n, (_, other) in enumerate(self.sample.media()) if other is part)
        return self._read(self._media, self._offsets[place], min(size_bytes, part.size_bytes))


Look = Callable[[Sequence[Subject]], Sequence[Noted | BadSample]]


class Annotator(Struct, frozen=True):
    """Write `look`; override `open` where something is loaded once per worker, or where whole batches are looked at.

    `writes`: the notes, all of which every sample gets that does not fail. `reads`: notes of annotators that stand
    earlier in the recipe. `made_with`: packages whose version changes what is written. `version`: raised by hand when
    the code writes other values for the same picture (NUMERICS in the changelog). `weights`: digests of loaded files.
    `extra`: the extra of ostraka that installs what it is made with. `cases`: the note that says which case a sample
    was, whose values a funnel counts; of several, with a space between, the values together, and of lists each item.
    `items`: its lists that speak of the same things, each by a word for one of its items; a story tells them thing by
    thing, and the last one's below the others.
    """

    writes: ClassVar[tuple[Name, ...]] = ()
    reads: ClassVar[tuple[str, ...]] = ()
    places: ClassVar[tuple[Name, ...]] = ()
    made_with: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    cases: ClassVar[str] = ""
    items: ClassVar[Mapping[str, str]] = {}
    version: ClassVar[int] = 1

    @property
    def batch(self) -> int:
        """How many samples are looked at together; it may depend on the annotator's fields."""
        return 1

    @property
    def needs(self) -> Needs:
        """What a worker takes, and what one sample may take; it may depend on the annotator's fields."""
        return Needs()

    @property
    def name(self) -> str:
        """The name in paths and funnels: the class's, in lower case."""
        return type(self).__name__.lower()

    def weights(self) -> tuple[str, ...]:
        """Return the digests of the weights; they are part of the fingerprint."""
        return ()

    def identity(self) -> Annotator:
        """Return it as its fingerprint sees it: without fields that change how it works and never what it writes."""
        return self

    def check_read(self, ids: Sequence[str]) -> None:
        """Raise BadInput where notes that it reads are by annotators (name@fingerprint) whose notes mean nothing to
        it."""

    def given(self, weights: str) -> Annotator:
        """Return it with the weights at a path; raises BadInput where it takes none."""
        raise BadInput("it takes no weights", where=f"annotator {self.name}", remedy=f"leave {weights} out")

    def kept_in(self, folder: str) -> Annotator:
        """Return it with a folder (path or URL) where it may keep, over all runs, what must not be asked twice."""
        return self

    def foresee(self, sample: Sample) -> dict[str, int]:
        """Return what it may at most spend on a sample, by the names of its counts; nothing where it is free."""
        return {}

    def look(self, subject: Subject) -> Noted:
        """Look at one sample; raises BadSample where the sample itself cannot be looked at."""
        raise NotImplementedError(f"{type(self).__name__} has no look()")

    @contextmanager
    def open(self) -> Iterator[Look]:
        """Open once per worker and yield what looks at a batch of at most `batch` samples."""
        yield self._one_by_one

    def _one_by_one(self, subjects: Sequence[Subject]) -> list[Noted | BadSample]:
        found: list[Noted | BadSample] = []
        for subject in subjects:
            try:
                found.append(self.look(subject))
            except BadSample as bad:
                found.append(bad)
        return found
