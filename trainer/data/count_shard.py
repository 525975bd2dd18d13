"""Work: count what the samples of one shard will be as documents, from their json alone where that says enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from schemas.errors import BadSample, BadTar, Unavailable
from schemas.form import read
from schemas.names import snake_case
from schemas.sample import Sample, from_json
from schemas.shard import samples
from trainer.data.export_index import Export, Places, Shard
from trainer.data.length_table import NONE, ROW, LeftOut, Rows, fill
from trainer.data.shard_bytes import ShardBytes, Span
from trainer.documents.encoding import Encoding

if TYPE_CHECKING:
    from trainer.documents.length import Length


AT_ONCE = 256


class CountShard(NamedTuple):
    """Work: count one shard; the answer is its rows and what is left out."""

    export: Export
    encoding: Encoding

    @contextmanager
    def open(self) -> Iterator[Callable[[Shard], tuple[Rows, list[LeftOut]]]]:
        """Yield what counts a shard."""
        with ShardBytes(self.export.fs) as read_bytes:
            yield partial(self._count, read_bytes)

    def _count(self, read_bytes: ShardBytes, shard: Shard) -> tuple[Rows, list[LeftOut]]:
        places, tar = self.export.places(shard), self.export.path(f"{shard.path}.tar")
        rows, left_out = np.zeros(shard.samples, ROW), list[LeftOut]()
        rows["key"] = places.key_N16
        rows["start"], rows["end"] = places.span_N2.T
        rows["kind"] = NONE
        jsons = _jsons(read_bytes, tar, places)
        for row, span, json in zip(rows, places.span_N2.tolist(), jsons, strict=True):
            sample = sample_of(json, row["key"].tobytes().hex(), tar)
            try:
                fill(row, length_of(self.encoding, sample, partial(_contents, read_bytes, tar, *span)))
            except BadSample as bad:
                left_out.append(LeftOut(sample.key, bad.reason, bad.detail))
        return rows, left_out


def _jsons(read_bytes: ShardBytes, tar: str, places: Places) -> Iterator[bytes]:
    """Yield the json of each sample, some hundred read at a time."""
    spans = [Span(tar, *json) for json in places.json_N2.tolist()]
    for at in range(0, len(spans), AT_ONCE):
        yield from read_bytes.read_all(spans[at : at + AT_ONCE])


def sample_of(data: bytes, key: str, where: str) -> Sample:
    """Read a sample's json; raises Unavailable where it is not the sample that the sidecar tells of."""
    try:
        sample = from_json(data)
        if sample.key == key:
            return sample
        what = f"where sample {key} should lie, sample {sample.key} does"
    except msgspec.DecodeError as error:
        what = f"the json of sample {key} cannot be read ({error})"
    raise Unavailable(what, where=where, remedy="the export was changed: `ostraka verify` says where")


def length_of(encoding: Encoding, sample: Sample, contents: Callable[[], Sequence[bytes]]) -> Length:
    """Return what a sample counts; raises BadSample where it can be no document, or nothing of it is predicted."""
    try:
        length = encoding.length(sample, contents)
    except (BadSample, Unavailable, NotImplementedError):
        raise
    except Exception as error:
        raise BadSample(snake_case(type(error).__name__), str(error)) from error
    if not length.targets:
        raise BadSample("no_target_tokens", f"{length.tokens} tokens, none to be predicted")
    return length


def _contents(read_bytes: ShardBytes, tar: str, start: int, end: int) -> list[bytes]:
    return members_of(read_bytes.read(tar, start, end), tar)[1]


def members_of(span: bytes, where: str) -> tuple[Sample, list[bytes]]:
    """Read a sample and the bytes of its pictures and videos from its span; raises Unavailable where it is none."""
    try:
        [(_, members)] = samples(span)
        return read({extension: bytes(content) for extension, content in members.items()})
    except (BadTar, ValueError, msgspec.DecodeError) as error:
        raise Unavailable(
            f"a sample cannot be read ({error})", where=where, remedy="the export was changed: run `ostraka verify`"
        ) from None
