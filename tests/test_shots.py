"""Shots: cuts and fades stand at the frames at which they were drawn, with the votes of those who saw them."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from annotators.annotator import Subject
from annotators.check import check
from annotators.shots import Shots
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from schemas.errors import BadInput
from schemas.note import Noted, TimeSpan
from schemas.sample import Sample, Source, Video

Draw = Callable[[Drawing], Drawn]


def looked(content: bytes, extension: str = "mp4", shots: Shots = Shots()) -> Noted:
    part = Video(sha256(content).hexdigest(), len(content), extension)
    sample = Sample("0" * 32, (part,), Source("", ""))
    noted = shots.look(
        Subject(sample, "", (0,), {}, lambda url, offset, size_bytes: content[offset : offset + size_bytes])
    )
    check(shots, noted)
    return noted


CUTS = (Piece("pan_left", 30), Piece("static", 26, 1), Piece("zoom_in", 31, 2), Piece("tilt_up", 28, 3))


@pytest.mark.parametrize(
    "drawing",
    [
        Drawing("cut", CUTS),
        Drawing("cut, b-frames, late", CUTS, between=2, start=11, container="mkv"),
        Drawing("cut, uneven", CUTS, uneven=True, rate=(30000, 1001)),
        Drawing("cut, turned", CUTS, turned_deg=90),
    ],
    ids=lambda one: one.name,
)
def test_cuts_are_at_their_frames_and_the_spans_are_the_times_of_the_truth(drawn: Draw, drawing: Drawing) -> None:
    clip = drawn(drawing)
    noted = looked(clip.content, drawing.container)
    assert noted.values["shot_first_frames"] == [0, 30, 56, 87]
    assert noted.values["shot_begins"] == ["start", "cut", "cut", "cut"]
    told = [note.at for note in noted.places if note.name == "shot"]
    truth = [note.at for note in clip.notes if note.name == "shot"]
    assert [at.start_pts for at in told if isinstance(at, TimeSpan)] == [
        at.start_pts for at in truth if isinstance(at, TimeSpan)
    ]
    assert [at.end_pts for at in told[:-1] if isinstance(at, TimeSpan)] == [
        at.end_pts for at in truth[:-1] if isinstance(at, TimeSpan)
    ]


def test_a_fade_is_one_boundary_in_its_black(drawn: Draw) -> None:
    pieces = Piece("pan_left", 40), Piece("zoom_in", 40, 1, "fade"), Piece("tilt_up", 40, 2)
    noted = looked(drawn(Drawing("fades", pieces, fade=10, numbered=False)).content)
    assert noted.values["shot_begins"] == ["start", "fade", "cut"]
    _, fade, cut = noted.values["shot_first_frames"]  # type: ignore[misc]
    assert cut == 80 and abs(fade - 40) <= 2


def test_a_move_without_a_cut_is_one_shot(drawn: Draw) -> None:
    for move in ("pan_left", "zoom_out", "shake", "static"):
        assert looked(drawn(Drawing(move, (Piece(move, 48),))).content).values["shot_first_frames"] == [0]


def test_votes_say_who_agrees_and_too_few_make_no_boundary() -> None:
    seen = {"adaptive": [50, 100], "content": [51, 140], "hash": [50], "fade": [300]}
    assert [(one.place, one.votes) for one in Shots(agree=1).agreed(seen, 12, 24)] == [
        (50, 1.0),
        (100, 0.333333),
        (140, 0.333333),
        (300, 0.0),
    ]
    assert [one.place for one in Shots(agree=2).agreed(seen, 12, 24)] == [50, 300]


def test_a_cut_into_the_black_of_a_fade_is_the_fades() -> None:
    seen = {"adaptive": [280], "content": [280, 330], "hash": [280, 330], "fade": [300]}
    assert [(one.place, one.begins) for one in Shots().agreed(seen, 12, 24)] == [(300, "fade"), (330, "cut")]


def test_a_detector_over_our_frames_sees_what_pyscenedetect_sees_over_its_own(data: Path) -> None:
    folder = data / "video" / "pyscenedetect"
    [golden] = json.loads((folder / "goldens" / "fades.mp4.ThresholdDetector.default.json").read_text()).values()
    shots = Shots(black_level=12)
    assert looked((folder / "fades.mp4").read_bytes(), shots=shots).values["shot_first_frames"] == [0, *golden]


def test_a_scene_in_space_that_is_dark_all_along_fades_nowhere(data: Path) -> None:
    content = (data / "video" / "nasa_13013.mp4").read_bytes()
    assert "fade" in looked(content, shots=Shots(black_level=12)).values["shot_begins"]  # type: ignore[operator]
    assert "fade" not in looked(content).values["shot_begins"]  # type: ignore[operator]


def test_weights_are_refused_with_what_to_do() -> None:
    with pytest.raises(BadInput, match=r"no trained detector of shots is read; leave transnet\.pth out"):
        Shots().given("transnet.pth")
