"""Fitting a classifier's head: labels find their pictures on a shelf, the head and its card go to a folder."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.knowledge_card import card
from annotators.knowledge_features import seeing
from annotators.knowledge_fit import Trial, fit_head, least_sure, try_books
from annotators.knowledge_head import Head
from annotators.knowledge_labels import LABELS, Label, read_labels
from pipelines.shelf.pictures import pictures
from pipelines.shelf.shelf import Shelf
from pipelines.store.address import file_system
from schemas.errors import BadInput
from schemas.publish import put

HEAD, CARD, NEXT = "knowledge.json", "knowledge.md", "next.jsonl"

See = Callable[[bytes], NDArray[np.float64] | None]


class Fitted(Struct, frozen=True):
    """What was made: the head and the file of what to label next, labels used, labels without a picture, pictures asked
    about, and how each book was told."""

    head: str
    following: str
    labels: int
    missing: int
    asked: int
    trials: list[Trial]


class _Seen(Struct, frozen=True):
    """Labels that have a picture, a row of features each; and the pictures without a label, by digest."""

    labels: list[Label]
    features_NF: NDArray[np.float64]
    others: dict[str, tuple[str, NDArray[np.float64]]]


def fit_knowledge(shelf: Shelf, to: str, labels_path: str = "", encoder: str = "", following: int = 0) -> Fitted:
    """Fit the knowledge classifier's head and write it; `following` is how many pictures to name for the next round.

    Raises BadInput where the labels cannot be read, or where the shelf has none of their pictures.
    """
    labels = read_labels(labels_path or LABELS)
    with seeing(encoder) as eyes:
        seen = _look(shelf, labels, eyes.features, others=bool(following))
        if not seen.labels:
            what = f"none of the {len(labels)} labelled pictures is there"
            raise BadInput(what, where=shelf.url, remedy="ingest the pictures that the labels are of")
        head = fit_head(seen.features_NF, seen.labels, eyes.reads, eyes.encoder)
        trials = try_books(seen.features_NF, seen.labels, eyes.reads)
    fs, folder = file_system(to)
    fs.makedirs(folder, exist_ok=True)
    put(fs, f"{folder}/{HEAD}", _pretty(head))
    put(fs, f"{folder}/{CARD}", card(head, seen.labels, trials).encode())
    asked = _asked(head, seen, following)
    if following:
        put(fs, f"{folder}/{NEXT}", b"".join(msgspec.json.encode(one) + b"\n" for one in asked))
    paths = os.path.join(to, HEAD), os.path.join(to, NEXT)
    return Fitted(*paths, len(seen.labels), len(labels) - len(seen.labels), len(asked), trials)


def _look(shelf: Shelf, labels: tuple[Label, ...], see: See, *, others: bool) -> _Seen:
    known, features, unlabelled = {label.digest for label in labels}, dict[str, NDArray[np.float64]](), {}
    for digest, name, data in pictures(shelf):
        if digest not in known and not others:
            continue
        found = see(data)
        if found is None:
            continue
        if digest in known:
            features[digest] = found
        else:
            unlabelled[digest] = (name, found)
    used = [label for label in labels if label.digest in features]
    return _Seen(used, np.array([features[label.digest] for label in used]), unlabelled)


def _asked(head: Head, seen: _Seen, count: int) -> list[dict[str, object]]:
    told = {digest: head.probability(features_F) for digest, (_, features_F) in seen.others.items()}
    return [
        {"digest": digest, "file": seen.others[digest][0], "knowledge_value": round(value, 4)}
        for digest, value in least_sure(told, count)
    ]


def _pretty(head: Head) -> bytes:
    """Return a head with a line of JSON for each of its lines, so that a change can be read."""
    lines = ",\n  ".join(msgspec.json.encode(line).decode() for line in head.lines)
    rest = msgspec.json.encode({"reads": head.reads, "encoder": head.encoder, "labels": head.labels, "bias": head.bias})
    return f'{rest.decode()[:-1]},"lines":[\n  {lines}\n]}}\n'.encode()
