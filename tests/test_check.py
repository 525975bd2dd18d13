"""An annotator is held to its word."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from annotators.annotator import Annotator
from annotators.check import check
from schemas.errors import BadSample, Unavailable
from schemas.note import Box, Note, Noted
from schemas.vocabulary import Name
from schemas.vocabulary.people import OBJECT


class Says(Annotator, frozen=True):
    writes: ClassVar = (
        Name("count", "uint32", "", "how many"),
        Name("share", "float64", "", "how much"),
        Name("names", "list<string>", "", "which"),
        Name("whole", "bool", "", "whether all"),
        Name("halves", "list<uint16>", "", "16 bits each"),
        Name("vector", "list<float32>", "", "of single precision"),
    )
    places: ClassVar = (OBJECT,)


GOOD = {"count": 3, "share": 0.5, "names": ["a"], "whole": True, "halves": [0, 2**16 - 1], "vector": [0.5, 1]}


@pytest.mark.parametrize(
    "values",
    [
        GOOD,
        {**GOOD, "share": 1},
        {**GOOD, "names": []},
        {**GOOD, "count": 2**32 - 1},
        {**GOOD, "vector": [3.4e38, float("inf")]},
    ],
)
def test_what_fits_passes(values: dict[str, Any]) -> None:
    check(Says(), Noted(values, (Note("object", "cat", Box(0, 0, 0, 1, 1)),)))
    check(Says(), BadSample("out_of_focus"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"count": -1}, "it wrote -1 as count"),
        ({"count": 2**32}, "as count"),
        ({"count": True}, "it wrote True as count"),
        ({"count": 1.0}, "it wrote 1.0 as count"),
        ({"share": np.float32(0.5)}, "as share"),
        ({"share": None}, "it wrote None as share"),
        ({"names": ["a", 1]}, "as names"),
        ({"names": "a"}, "as names"),
        ({"whole": 1}, "it wrote 1 as whole"),
        ({"halves": [2**16]}, "as halves"),
        ({"halves": [-1]}, "as halves"),
        ({"vector": [1e39]}, "as vector"),
        ({"vector": [np.float32(0.5)]}, "as vector"),
        ({"other": 1}, "it wrote other"),
    ],
)
def test_what_does_not_fit_is_the_annotators_fault(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        check(Says(), Noted({**GOOD, **changed}))


def test_what_is_missing_or_said_of_an_undeclared_place_is_the_annotators_fault() -> None:
    with pytest.raises(Unavailable, match="it wrote no names, whole, halves, vector"):
        check(Says(), Noted({"count": 1, "share": 0.0}))
    with pytest.raises(Unavailable, match="it wrote shot on places"):
        check(Says(), Noted(GOOD, (Note("shot", 1),)))


@pytest.mark.parametrize("reason", ["", "Out of focus", "9lives", "a-b"])
def test_a_failure_without_a_reason_in_snake_case_is_the_annotators_fault(reason: str) -> None:
    with pytest.raises(Unavailable, match="for the reason"):
        check(Says(), BadSample(reason))
