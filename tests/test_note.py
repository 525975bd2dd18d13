"""Notes and vocabulary: the JSON form that lies in tables, and names that are declared once."""

from __future__ import annotations

from pkgutil import iter_modules

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.header import Header
from annotators.language import Language
from annotators.pixels import Pixels
from pipelines.shelf.notes import places_json
from schemas import vocabulary
from schemas.note import Box, Characters, Note, Quad, TimeSpan, Track, Whole
from schemas.vocabulary import Name
from schemas.vocabulary.all import FAMILIES, NAMES

FINITE = st.floats(allow_nan=False, allow_infinity=False)
PART, PTS = st.integers(0, 99), st.integers(-(2**40), 2**40)
BASE = st.tuples(st.integers(1, 1000), st.integers(1, 90_000))
POINT = st.tuples(FINITE, FINITE)
PLACES = st.one_of(
    st.just(Whole()),
    st.builds(Characters, PART, PART, PART),
    st.builds(TimeSpan, PART, PTS, PTS, BASE),
    st.builds(Box, PART, FINITE, FINITE, FINITE, FINITE),
    st.builds(Quad, PART, st.tuples(POINT, POINT, POINT, POINT)),
    st.builds(Track, PART, BASE, st.lists(st.tuples(PTS, FINITE, FINITE, FINITE, FINITE), max_size=3).map(tuple)),
)
WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
PLAIN = st.booleans() | st.integers(-(2**63), 2**63 - 1) | FINITE | WORDS
NOTES = st.builds(Note, WORDS, PLAIN | st.lists(PLAIN, max_size=3), PLACES, WORDS)


@given(st.lists(NOTES, max_size=4).map(tuple))
def test_notes_survive_the_column_that_holds_them(notes: tuple[Note, ...]) -> None:
    stored = places_json(notes)
    assert (msgspec.json.decode(stored, type=tuple[Note, ...]) if stored else ()) == notes


@pytest.mark.parametrize(
    ("note", "stored"),
    [
        (
            Note("object", "dog", Box(0, 1.0, 2.5, 3.0, 4.0)),
            '[{"name":"object","value":"dog","at":{"at":"box","part":0,"left_px":1.0,"top_px":2.5,"right_px":3.0,'
            '"bottom_px":4.0},"by":""}]',
        ),
        (
            Note("shot", 1, TimeSpan(2, 0, 3003, (1001, 30000)), "cuts@1"),
            '[{"name":"shot","value":1,"at":{"at":"time_span","part":2,"start_pts":0,"end_pts":3003,'
            '"time_base":[1001,30000]},"by":"cuts@1"}]',
        ),
    ],
)
def test_a_note_on_a_place_is_stored_as_these_bytes(note: Note, stored: str) -> None:
    assert places_json([note]) == stored


def test_every_name_is_declared_under_itself_and_built_in_annotators_write_no_other() -> None:
    declared = [(stands, one) for family in FAMILIES for stands, one in vars(family).items() if isinstance(one, Name)]
    assert [one.name for _, one in declared] == list(NAMES)
    assert [stands for stands, _ in declared] == [name.upper() for name in NAMES]
    for annotator in (Header(), Pixels(), Language()):
        assert all(NAMES[name.name] == name for name in annotator.writes)


def test_no_family_of_names_is_forgotten() -> None:
    there = {found.name for found in iter_modules(vocabulary.__path__)}
    assert {family.__name__.rpartition(".")[2] for family in FAMILIES} == there - {"all", "name"}
