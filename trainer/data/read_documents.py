"""Work: read samples from their shards and make documents of them.

What is the sample's own fault is an answer like a document; what is the machine's, or an export that has changed, is
raised and stops the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from schemas.errors import BadSample, OstrakaError, Unavailable
from schemas.names import snake_case
from schemas.sample import Sample
from trainer.data.count_shard import members_of
from trainer.data.shard_bytes import ShardBytes, Span
from trainer.documents.document import Document
from trainer.documents.encoding import Encoding

NOT_AS_COUNTED = "not_as_counted"


class Wanted(NamedTuple):
    """A sample to be read: its export's number, its tar, its bytes there, and what its lengths say of it."""

    export: int
    path: str
    start: int
    end: int
    key: str
    tokens: int
    targets: int
    patches: int


class Spoilt(NamedTuple):
    """A sample that can be no document after all."""

    reason: str
    detail: str


Made = Document | Spoilt


class ReadDocuments(NamedTuple):
    """Work: make documents of what is wanted of several exports, in the order in which it is wanted."""

    file_systems: tuple[Any, ...]
    encoding: Encoding

    @contextmanager
    def open(self) -> Iterator[Callable[[Sequence[Wanted]], list[Made]]]:
        """Yield what makes documents."""
        with ExitStack() as stack:
            readers = [stack.enter_context(ShardBytes(fs)) for fs in self.file_systems]
            yield partial(self._documents, readers)

    def _documents(self, readers: Sequence[ShardBytes], wanted: Sequence[Wanted]) -> list[Made]:
        return [self._document(one, data) for one, data in zip(wanted, _read(readers, wanted), strict=True)]

    def _document(self, wanted: Wanted, data: bytes) -> Made:
        sample, contents = members_of(data, wanted.path)
        _check_sample(wanted, sample, contents)
        try:
            document = self.encoding.encode(sample, contents)
        except BadSample as bad:
            return Spoilt(bad.reason, bad.detail)
        except (OstrakaError, ImportError, NotImplementedError):
            raise
        except MemoryError:
            raise Unavailable("there is not enough memory", where=f"sample {wanted.key}") from None
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            return Spoilt(snake_case(type(error).__name__), str(error)[:500])
        return _as_counted(wanted, document)


def _read(readers: Sequence[ShardBytes], wanted: Sequence[Wanted]) -> list[bytes]:
    """Return the bytes of what is wanted, each export asked once for all of its own."""
    found = [b""] * len(wanted)
    for number, reader in enumerate(readers):
        mine = [at for at, one in enumerate(wanted) if one.export == number]
        spans = [Span(wanted[at].path, wanted[at].start, wanted[at].end) for at in mine]
        for at, data in zip(mine, reader.read_all(spans) if spans else (), strict=True):
            found[at] = data
    return found


def _check_sample(wanted: Wanted, sample: Sample, contents: Sequence[bytes]) -> None:
    """Raise Unavailable where this is not the sample that was exported here, byte for byte."""
    parts = [part for _, part in sample.media()]
    changed = sample.key != wanted.key or any(
        sha256(content).hexdigest() != part.digest for part, content in zip(parts, contents, strict=True)
    )
    if changed:
        raise Unavailable(
            f"byte {wanted.start}: sample {wanted.key} is not what was exported",
            where=wanted.path,
            remedy="the export was changed: `ostraka verify` says where",
        )


def _as_counted(wanted: Wanted, document: Document) -> Made:
    """Return a document, unless it is not what its lengths say: then the width and height that its sample states are
    not those of its bytes, and it would not fit where it was planned."""
    made = len(document.tokens_T), int(document.is_target_T.sum()), len(document.patches_PD)
    told = wanted.tokens, wanted.targets, wanted.patches
    if made == told:
        return document
    said = "{} tokens, {} targets, {} patches"
    return Spoilt(NOT_AS_COUNTED, f"{said.format(*made)}, where its facts make {said.format(*told)}")
