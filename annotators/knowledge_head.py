"""The head of the knowledge classifier: a small JSON value that turns a picture's features into a probability.

For each feature it holds a line through a few points; the heights of the lines at a picture's features are added to
`bias`, and the logistic function makes a probability of the sum. So it can be read, needs numpy alone, and gives the
same number wherever it is opened.
"""

from __future__ import annotations

import os
from math import exp, isfinite
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.drawing_features import FEATURES
from schemas.errors import BadInput

SHIPPED = os.path.join(os.path.dirname(__file__), "data", "knowledge.json")
"""The head that comes with ostraka; the card beside it says what it was fitted on and how well it tells."""

Reads = Literal["drawing", "embedding"]
DRAWING: Reads = "drawing"
EMBEDDING: Reads = "embedding"


class Line(Struct, frozen=True):
    """A feature's line: heights at ascending places, constant before the first and behind the last."""

    feature: str
    at: tuple[float, ...]
    height: tuple[float, ...]


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """`reads`: the features of `drawing_features`, or a model's vector of the picture; `labels`: the digest of the
    labels that it was fitted on; `encoder`: the digests of the model's weights, where it reads vectors."""

    reads: Reads
    labels: str
    bias: float
    lines: tuple[Line, ...]
    encoder: str = ""

    def probability(self, features: NDArray[np.float64]) -> float:
        """Return how likely a picture of these features explains something; raises ValueError for another count."""
        if len(features) != len(self.lines):
            raise ValueError(f"{len(features)} features for a head of {len(self.lines)}")
        heights = (np.interp(value, line.at, line.height) for value, line in zip(features, self.lines, strict=True))
        total = self.bias + sum(map(float, heights))
        return 1 / (1 + exp(-max(-500.0, min(500.0, total))))


def read_head(path: str) -> Head:
    """Read a head, the shipped one where the path is empty; raises BadInput where it is none or of other features."""
    path = path or SHIPPED
    remedy = "give a head that `ostraka fit knowledge` wrote"
    try:
        with open(path, "rb") as file:
            head = msgspec.json.decode(file.read(), type=Head)
    except OSError as error:
        raise BadInput(f"it cannot be read ({error.strerror or error})", where=path, remedy=remedy) from None
    except msgspec.DecodeError as error:
        raise BadInput(f"it is no head ({error})", where=path, remedy=remedy) from None
    if head.reads == DRAWING and tuple(line.feature for line in head.lines) != FEATURES:
        raise BadInput("it was fitted on other features", where=path, remedy="fit it again: `ostraka fit knowledge`")
    if not all(_is_line(line) for line in head.lines) or not isfinite(head.bias):
        raise BadInput("one of its lines is none", where=path, remedy=remedy)
    return head


def _is_line(line: Line) -> bool:
    ascending = all(one < other for one, other in zip(line.at, line.at[1:], strict=False))
    return len(line.at) == len(line.height) > 0 and ascending and all(map(isfinite, (*line.at, *line.height)))
