"""Labels of pictures for the knowledge classifier: a line of JSON each, by the digest of the picture's bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec
from msgspec import Struct

from schemas.errors import BadInput

LABELS = os.path.join(os.path.dirname(__file__), "data", "knowledge_labels.jsonl")
"""The labels that come with ostraka, of pictures of two OpenStax books and GIMP's manual."""


class Label(Struct, frozen=True):
    """What somebody said of a picture: its kind, whether it explains, and in which round it was said.

    `book`: what it comes from; a head is tried on the books that it never saw. `file` is for people.
    """

    digest: str
    book: str
    kind: str
    knowledge: bool
    round: int = 1
    file: str = ""


def read_labels(path: str) -> tuple[Label, ...]:
    """Read labels, in order; raises BadInput that names the line where one is none or comes twice."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"it cannot be read ({error})", where=path, remedy="give a jsonl of labels") from None
    found: dict[str, Label] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            label = msgspec.json.decode(line, type=Label)
        except msgspec.DecodeError as error:
            raise BadInput(
                f"it is no label ({error})", where=where, remedy="give digest, book, kind, knowledge"
            ) from None
        if label.digest in found:
            raise BadInput("this picture has a label already", where=where, remedy="leave one of them out")
        found[label.digest] = label
    if not found:
        raise BadInput("there is no label", where=path, remedy="give digest, book, kind, knowledge, a line each")
    return tuple(found.values())


def digest_of(labels: Iterable[Label]) -> str:
    """Return the SHA-256 of labels, whatever their order."""
    told = sorted(msgspec.json.encode(label) for label in labels)
    return sha256(b"\n".join(told)).hexdigest()


def until(labels: Sequence[Label], number: int) -> list[int]:
    """Return the places of the labels that were given by the end of a round."""
    return [at for at, label in enumerate(labels) if label.round <= number]
