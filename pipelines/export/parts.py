"""Parts as columns: the pictures, videos and texts of many samples, read together from the catalogue's JSON."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from msgspec import Struct
from numpy.typing import NDArray

from filters.columns import Lists
from schemas.form import form_name
from schemas.sample import DOCUMENT_ROLES, Image, Sample, Source, Text, joint_digest

_FIELDS = [
    ("text", pa.string()),
    ("role", pa.string()),
    ("digest", pa.string()),
    ("extension", pa.string()),
    ("size_bytes", pa.int64()),
]
_PARAGRAPH = "*"
_SCHEMA = pa.schema([("parts", pa.list_(pa.struct(_FIELDS)))])


class Parts(Struct, frozen=True):
    """The parts of samples, one after another: sample i has those from offsets[i] to offsets[i + 1].

    `flat`: a row per part; a text has its `text` and `role`, a picture or video its `digest`, `extension` and
    `size_bytes`.
    """

    offsets: NDArray[np.int64]
    flat: pa.Table

    @classmethod
    def of(cls, column: pa.Array) -> Parts:
        """Read a catalogue's `parts`."""
        if not len(column):
            return cls(np.zeros(1, np.int64), pa.schema(_FIELDS).empty_table())
        lines = pc.binary_join_element_wise('{"parts":', column, "}\n", "").buffers()[2]
        found = pj.read_json(
            pa.BufferReader(lines),
            read_options=pj.ReadOptions(use_threads=False, block_size=lines.size + 1),
            parse_options=pj.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"),
        )
        lists = found["parts"].combine_chunks()
        return cls(lists.offsets.to_numpy().astype(np.int64), pa.Table.from_struct_array(lists.values))

    def take(self, samples: NDArray[np.int64]) -> Parts:
        """Return the parts of these samples."""
        taken = Lists(self.offsets, np.arange(self.offsets[-1])).take(samples)
        return Parts(taken.offsets, self.flat.take(pa.array(taken.values)))

    def without(self, gone: Lists) -> Parts:
        """Return the parts but those at these places of each sample; places that a sample has not count for nothing."""
        at = self.offsets[gone.row_of_value()] + gone.within()
        stay = np.ones(self.offsets[-1], np.bool_)
        stay[at[at < self.offsets[gone.row_of_value() + 1]]] = False
        if stay.all():
            return self
        return Parts(np.concatenate([[0], np.cumsum(stay)])[self.offsets], self.flat.filter(pa.array(stay)))

    def empty(self) -> NDArray[np.bool_]:
        """Say of each sample whether it has no part."""
        found: NDArray[np.bool_] = self.offsets[1:] == self.offsets[:-1]
        return found

    def size_bytes(self) -> NDArray[np.int64]:
        """Return the bytes of each sample's pictures and videos, and of its texts in UTF-8."""
        texts = pc.binary_length(self.flat["text"]).cast(pa.int64())
        total = np.concatenate([[0], np.cumsum(pc.coalesce(self.flat["size_bytes"], texts).to_numpy())])
        found: NDArray[np.int64] = np.diff(total[self.offsets]).astype(np.int64)
        return found

    def forms(self) -> tuple[NDArray[np.int64], list[str]]:
        """Return each sample's form, by its place among the forms that there are, and their names."""
        extensions = pc.fill_null(self.flat["extension"], "").combine_chunks()
        extensions = pc.if_else(self._of_document_role(), _PARAGRAPH, extensions)
        lists = pa.ListArray.from_arrays(pa.array(self.offsets.astype(np.int32)), extensions)
        seen = pc.binary_join(lists, "/").dictionary_encode()
        names, forms = np.unique([_form_of(one) for one in seen.dictionary.to_pylist()], return_inverse=True)
        return forms[seen.indices.to_numpy()], names.tolist()

    def _of_document_role(self) -> pa.Array:
        """Say of each part whether it is a text that makes a sample a document."""
        return pc.is_in(self.flat["role"].combine_chunks(), pa.array(sorted(DOCUMENT_ROLES)))

    def documents(self) -> NDArray[np.bool_]:
        """Say of each sample whether it is a document."""
        roles, media = np.zeros((2, len(self.offsets) - 1), np.bool_)
        roles[self._samples()[self._of_document_role().to_numpy(zero_copy_only=False)]] = True
        media[self._samples()[self._media()]] = True
        found: NDArray[np.bool_] = roles & media
        return found

    def media(self) -> tuple[NDArray[np.int64], list[str]]:
        """Return the sample of each picture and video, and its digest."""
        at = self._media()
        return self._samples()[at], self.flat["digest"].take(pa.array(at)).to_pylist()

    def firsts(self) -> list[str]:
        """Return the digest of each sample's first picture or video, of its first text where it has neither; every
        sample must have a part."""
        at, first = self._media(), self.offsets[:-1].copy()
        first[self._samples()[at[::-1]]] = at[::-1]
        digests = self.flat["digest"].take(pa.array(first)).to_pylist()
        return [one or self._text_digest(place) for one, place in zip(digests, first.tolist(), strict=True)]

    def names(self) -> list[str]:
        """Return what copies of a sample have in common: the digest of the first picture, of a document one over the
        digests of all its parts, since unlike documents share pictures."""
        found = self.firsts()
        documents = self.documents()
        if not documents.any():
            return found
        _, digests = self.digests()
        for at in np.flatnonzero(documents).tolist():
            found[at] = joint_digest(digests[self.offsets[at] : self.offsets[at + 1]])
        return found

    def digests(self) -> tuple[NDArray[np.int64], list[str]]:
        """Return the sample of each part, and its digest."""
        found = self.flat["digest"].to_pylist()
        return self._samples(), [one or self._text_digest(place) for place, one in enumerate(found)]

    def _samples(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def _media(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.flat["text"].is_null().to_numpy())

    def _text_digest(self, place: int) -> str:
        text: Any = self.flat["text"][place].as_py()
        return sha256(text.encode()).hexdigest()


def _form_of(extensions: str) -> str:
    """Return the form of a sample whose parts have these extensions, none for a text, a mark for a document's text."""
    parts = (
        Text("", "paragraph") if one == _PARAGRAPH else Image("", 0, one) if one else Text("")
        for one in extensions.split("/")
    )
    return form_name(Sample("", tuple(parts), Source("", "")))
