"""Text tracks: what moves over the view is one text, spelled as it was drawn, when and where it was drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.annotator import Look, Subject
from annotators.container import Container, read_container
from annotators.ocr_engine import Line
from annotators.sampled import sampled
from annotators.text_joining import Joining, Moment, voted
from annotators.texttracks import TextTracks
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from schemas.errors import BadSample
from schemas.note import Note, Noted, QuadTrack, Track
from schemas.sample import Sample, Source, Video

Draw = Callable[[Drawing], Drawn]
PER_S = 6.0
STAYS = (Piece("static", 36, 4), Piece("zoom_in", 24, 4))
FADES = (Piece("static", 30, 4), Piece("static", 30, 4, "fade"))


def subject(content: bytes, extension: str, firsts: list[int]) -> Subject:
    sample = Sample("0" * 32, (Video(sha256(content).hexdigest(), len(content), extension),), Source("d", "n"))
    notes = {"shot_first_frames": firsts}
    return Subject(sample, "m", (0,), notes, lambda url, offset, size_bytes: content[offset : offset + size_bytes])


@pytest.fixture(scope="module")
def look() -> Iterator[Look]:
    with TextTracks(frames_per_s=PER_S).open() as opened:
        yield opened


def tracks(look: Look, content: bytes, extension: str, firsts: list[int]) -> tuple[Noted, list[Note]]:
    [noted] = look([subject(content, extension, firsts)])
    assert isinstance(noted, Noted)
    return noted, [note for note in noted.places if note.name == "text_track"]


def at_of(note: Note) -> QuadTrack:
    assert isinstance(note.at, QuadTrack)
    return note.at


@pytest.mark.parametrize(
    "drawing",
    [
        Drawing("text over a cut", STAYS, text="OSTRAKA", numbered=False, between=2),
        Drawing(
            "text over a cut, uneven and late",
            STAYS,
            text="PNYX",
            numbered=False,
            uneven=True,
            start=9,
            container="mkv",
        ),
        Drawing("text over a cut, turned", STAYS, text="AGORA", numbered=False, turned_deg=90),
    ],
    ids=lambda drawing: drawing.name,
)
def test_a_text_that_moves_is_a_track_a_shot_as_it_was_spelled_and_where_it_was_drawn(
    look: Look, drawn: Draw, drawing: Drawing
) -> None:
    clip = drawn(drawing)
    noted, found = tracks(look, clip.content, drawing.container, [0, 36])
    truth = next(note.at for note in clip.notes if note.name == "scene_text")
    assert isinstance(truth, Track)
    plates = {pts: box for pts, *box in truth.boxes}
    container = read_container(clip.content, drawing.container)
    assert [note.value for note in found] == [drawing.text] * 2 == noted.values["text_tracks"]
    spans = [(at_of(note).start_pts, at_of(note).end_pts) for note in found]
    assert spans == [(container.pts[0], container.pts[36]), (container.pts[36], container.end_pts)]
    assert noted.values["text_track_first_frames"] == [0, 36]
    for note in found:
        assert len(at_of(note).quads) >= 5
        for pts, corners in at_of(note).quads:
            left, top, right, bottom = plates[pts]
            across, down = zip(*corners, strict=True)
            assert left - 6 <= min(across) and max(across) <= right + 6, "it stands where the plate is at that time"
            assert top - 6 <= min(down) and max(down) <= bottom + 6
            assert corners[0][0] < corners[1][0] and corners[0][1] < corners[3][1], "from the top left, clockwise"
    assert min(noted.values["text_track_confidences"]) > 0.8


def test_a_text_ends_within_half_the_time_between_two_frames(look: Look, drawn: Draw) -> None:
    """While it fades nothing is written: 24 frames with the text, 12 without, 24 with it."""
    clip = drawn(Drawing("text and a fade", FADES, text="STOA", numbered=False))
    _, found = tracks(look, clip.content, "mp4", [0, 30])
    container = read_container(clip.content, "mp4")
    half = 1 / PER_S / 2 + 1 / 24
    ends = [container.seconds(pts) for note in found for pts in (at_of(note).start_pts, at_of(note).end_pts)]
    assert np.abs(np.array(ends) - np.array([0, 24, 36, 60]) / 24).max() <= half


def test_a_clip_without_text_has_no_track(look: Look, drawn: Draw) -> None:
    clip = drawn(Drawing("no text", (Piece("static", 24, 4),), numbered=False))
    noted, found = tracks(look, clip.content, "mp4", [0])
    assert not found and set(map(tuple, noted.values.values())) == {()}


def test_a_file_whose_frames_do_not_come_out_is_a_bad_sample_and_the_next_is_read(look: Look, drawn: Draw) -> None:
    clip = drawn(Drawing("text over a cut", STAYS, text="OSTRAKA", numbered=False, between=2))
    torn, good = look([subject(clip.content[:4000], "mp4", [0]), subject(clip.content, "mp4", [0, 36])])
    assert isinstance(torn, BadSample) and isinstance(good, Noted)


def test_a_subtitle_of_a_real_clip_is_read_and_lasts_as_long_as_it_stands(data: Path) -> None:
    content = (data / "video" / "data_juicer" / "video1.mp4").read_bytes()
    with TextTracks(frames_per_s=1.0).open() as once_a_second:
        noted, found = tracks(once_a_second, content, "mp4", [0, 144, 237])
    said = noted.values["text_tracks"]
    assert isinstance(said, list)
    subtitle = said.index("我一下就把你们逮住了")
    assert noted.values["text_track_languages"][subtitle] == "zh"  # type: ignore[index]
    at = at_of(found[subtitle])
    start_s, end_s = (pts * at.time_base[0] / at.time_base[1] for pts in (at.start_pts, at.end_pts))
    assert 0.5 <= start_s <= 1.5 and 2.5 <= end_s <= 3.5 and len(at.quads) == 2


WORDS = ("EXIT", "PLATFORM 9", "Nike", "HOTEL ATHENA", "STOP", "3.50")


def line(text: str, left: float, top: float, score: float = 0.95) -> Line:
    right, bottom = left + 14 * len(text), top + 24
    return Line(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), text, score)


@settings(max_examples=40)
@given(st.data())
def test_texts_that_move_are_told_apart_through_gaps_and_misreadings(draw: st.DataObject) -> None:
    """Each goes on a straight line in a band of its own, from one moment to the next at most half its width."""
    words = draw.draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5, unique=True))
    paces = [draw.draw(st.tuples(st.floats(-28, 28), st.floats(-3, 3))) for _ in words]
    unseen = draw.draw(st.sets(st.tuples(st.integers(0, len(words) - 1), st.integers(1, 10)), max_size=6))
    unseen -= {(which, place + 1) for which, place in unseen}
    moments = []
    for place in range(12):
        lines = []
        for which, (word, (right, down)) in enumerate(zip(words, paces, strict=True)):
            text = word[:-1] + "?" if (which + place) % 5 == 0 else word
            if (which, place) not in unseen:
                lines.append(line(text, 500 + place * right, 100 + 80 * which + place * down, 0.7))
        moments.append(Moment(place / 2, draw.draw(st.permutations(lines))))
    found = Joining().tracks(moments)
    told = {voted([one.line for one in track])[0]: [one.moment for one in track] for track in found}
    assert told == {
        word: [place for place in range(12) if (which, place) not in unseen] for which, word in enumerate(words)
    }


def test_of_two_texts_in_one_place_one_ends_where_the_other_begins() -> None:
    said = ["Where were you on Monday?"] * 3 + ["Where was he on Sunday?!"] * 3
    found = Joining().tracks(Moment(place / 2, [line(text, 100, 400)]) for place, text in enumerate(said))
    assert [[one.line.text for one in track] for track in found] == [said[:3], said[3:]]


def test_a_fast_text_that_is_unseen_for_a_while_is_found_where_it_would_be() -> None:
    places = (0, 1, 4, 5)
    [track] = Joining().tracks(Moment(n / 2, [line("EXIT", 112 * n, 40)]) for n in places)
    assert [one.time_s for one in track] == [n / 2 for n in places]


def test_two_texts_that_say_the_same_go_their_ways() -> None:
    moments = [Moment(n / 2, [line("SALE", 100 + 30 * n, 100), line("SALE", 400 - 30 * n, 160)]) for n in range(9)]
    for track in Joining().tracks(moments):
        assert len(track) == 9 and len({float(one.line.corners[0][1]) for one in track}) == 1


def test_the_whole_assignment_counts_and_not_the_nearest_first() -> None:
    """The first of two equal texts stands now where the second stood: taken for it, the first would have ended."""
    before = Moment(0.0, [line("GATE", 0, 0), line("GATE", 60, 0)])
    after = Moment(0.5, [line("GATE", 50, 0), line("GATE", 230, 0)])
    steps = sorted(tuple(float(one.line.corners[0][0]) for one in track) for track in Joining().tracks([before, after]))
    assert steps == [(0.0, 50.0), (60.0, 230.0)]


def test_a_text_unseen_for_longer_than_a_gap_is_another() -> None:
    times = (0.0, 0.5, 1.9, 3.5)
    found = Joining(gap_s=1.5).tracks(Moment(time_s, [line("OPEN", 50, 50)]) for time_s in times)
    assert [[one.time_s for one in track] for track in found] == [[0.0, 0.5, 1.9], [3.5]]


@given(st.lists(st.tuples(st.sampled_from(["HARBOUR", "HARB0UR", "HARBUUR", "ARBOUR"]), st.floats(0.6, 1)), min_size=1))
def test_what_is_voted_was_read_and_a_majority_wins(readings: list[tuple[str, float]]) -> None:
    lines = [line(text, 0, 0, score) for text, score in readings]
    text, sure = voted(lines)
    assert text in {one.text for one in lines} and 0 < sure <= 1
    more = [*lines, *[line("HARBOUR", 0, 0, 1.0)] * (2 * len(lines))]
    assert voted(more)[0] == "HARBOUR"


def container_of(lasts: list[int], time_base: tuple[int, int], start: int) -> Container:
    pts = tuple(start + sum(lasts[:place]) for place in range(len(lasts)))
    end = start + sum(lasts)
    return Container("mov", "h264", "yuv420p", 64, 48, 0, time_base, pts, end, 0.0, (24, 1), True, 1, 0)


@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=60),
    st.sets(st.integers(1, 59), max_size=5),
    st.floats(0.1, 50),
    st.integers(1, 80),
    st.integers(-500, 500),
)
def test_the_pieces_of_shots_cover_them_once_and_each_is_looked_at_in_itself(
    lasts: list[int], cuts: set[int], per_s: float, most: int, start: int
) -> None:
    container = container_of(lasts, (1, 1000), start)
    firsts = [0, *sorted(cut for cut in cuts if cut < len(lasts))]
    pieces = sampled(container, firsts, per_s, most)
    assert [shot[0].first for shot in pieces] == firsts
    every = [piece for shot in pieces for piece in shot]
    assert all(one.end == other.first for one, other in pairwise(every)) and every[-1].end == len(lasts)
    assert all(one.first <= one.looked_at < one.end for one in every)
    assert len(every) <= min(per_s * container.duration_s, most) + 1.5 * len(firsts)


def test_of_even_frames_the_middle_one_of_each_piece_is_looked_at() -> None:
    container = container_of([10] * 24, (1, 240), 7)
    [shot] = sampled(container, [0], 4.0, 99)
    assert [(piece.first, piece.looked_at, piece.end) for piece in shot] == [
        (0, 3, 6),
        (6, 9, 12),
        (12, 15, 18),
        (18, 21, 24),
    ]
    [few] = sampled(container, [0], 4.0, 2)
    assert [piece.looked_at for piece in few] == [6, 18]


def test_what_changes_how_it_works_and_not_what_it_writes_is_in_no_identity(tmp_path: Path) -> None:
    assert TextTracks(limit_s=5.0).given(str(tmp_path)).identity() == TextTracks().identity()
    different: list[Any] = [TextTracks(frames_per_s=1.0), TextTracks(joining=Joining(gap_s=9.0))]
    assert all(one.identity() != TextTracks().identity() for one in different)
