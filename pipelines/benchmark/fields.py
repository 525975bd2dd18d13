"""The fields of a benchmark's records: which of them ask, which tell the answer, and which name a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from pipelines.ingest.records import each, is_empty
from schemas.errors import BadInput

CONTEXTS = ("context", "passage", "body")
ASKED = ("question", "problem", "query", "prompt", "instruction", "problem_text", "text", "caption")
TOLD = ("answer", "solution", "response", "rationale", "explanation", "detailed_solution")
PICTURES = ("image", "images", "imgname", "img", "picture", "image_path", "image_name", "file_name", "decoded_image")
IDS = ("id", "pid", "uid", "key", "unique_id", "question_id", "qid", "problem_id")


class Fields(Struct, frozen=True):
    """Names that a user gives, none for the known ones: `text` asks (`Body+Question` joins two into one question),
    `told` tells besides, `picture` names pictures and `item` the item."""

    text: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    picture: str = ""
    item: str = ""

    def check(self, names: Sequence[str], where: str) -> None:
        """Raise BadInput where none of the records has a field that was named."""
        asked = [name for one in self.text for name in one.split("+")]
        for name in (*asked, *self.told, self.picture, self.item):
            if name and name not in names:
                raise BadInput(f"no record has a field {name!r}", where=where, remedy=f"fields: {', '.join(names)}")

    def asked_of(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what a record asks, each text by itself the whole question."""
        if self.text:
            return _texts(" ".join(_said(record, name) for name in one.split("+")) for one in self.text)
        known = _known(record)
        question = next((known[name] for name in ASKED if name in known and _said(record, known[name])), "")
        contexts = [known[name] for name in CONTEXTS if name in known]
        return _texts([" ".join(_said(record, name) for name in (*contexts, question) if name)] if question else [])

    def told_of(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what a record tells besides."""
        known = _known(record)
        names = self.told or tuple(known[name] for name in TOLD if name in known)
        return _texts(_said(record, name) for name in names)

    def pictures_of(self, record: Mapping[str, Any]) -> list[Any]:
        """Return the pictures of a record: their names, or their bytes."""
        known = _known(record)
        names = (self.picture,) if self.picture else tuple(known[name] for name in PICTURES if name in known)
        return [picture for name in names for picture in _pictures(record.get(name))]

    def item_of(self, record: Mapping[str, Any]) -> str:
        """Return the id of a record, empty where it has none."""
        known = _known(record)
        names = (self.item,) if self.item else tuple(known[name] for name in IDS if name in known)
        return next((said for name in names if (said := _said(record, name))), "")


def _known(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a record by their names in lower case."""
    return {str(name).lower(): name for name in reversed(list(record))}


def _texts(texts: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text.strip()))


def _said(record: Mapping[str, Any], name: str) -> str:
    """Return a field as text, the texts of a list as one; anything else says nothing."""
    value = record.get(name)
    texts = value if isinstance(value, list) else [value]
    return " ".join(str(text).strip() for text in texts if isinstance(text, str | int) and not is_empty(text))


def _pictures(value: Any) -> Iterator[Any]:
    for one in each(value):
        said = (one.get("bytes") or one.get("path")) if isinstance(one, Mapping) else one
        if isinstance(said, str | bytes) and said:
            yield said
