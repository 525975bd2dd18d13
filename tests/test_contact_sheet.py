"""Contact sheets: which frames stand on one and under which time, what is drawn on them, and what the command says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins
from PIL import Image, ImageDraw

from pipelines.cli import main
from pipelines.engines.local import Local
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.drawn_digits import read
from pipelines.ingest.ingest import ingest
from pipelines.query.films.clock import clock
from pipelines.query.films.contact_sheets import lanes_in, latest_notes, request_of, sheet_of, videos
from pipelines.query.films.lanes import lanes_of
from pipelines.query.films.motion_signs import draw_sign
from pipelines.query.films.sheet_frames import places
from pipelines.query.films.stills import Clip, Filmed
from pipelines.query.show import sample_at
from pipelines.query.views import connect
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.camera import TOLD
from schemas.note import Note, TimeSpan

PIECES = (Piece("pan_left", 14), Piece("zoom_in", 13, 1, "fade"), Piece("tilt_up", 9, 3))
CLIPS = (
    Drawing("b-frames", PIECES, between=2, text="OSTRAKA"),
    Drawing("uneven", PIECES, uneven=True, between=2),
    Drawing("late", PIECES, rate=(24000, 1001), start=31, container="mkv", between=2),
    Drawing("turned", PIECES, turned_deg=90),
    Drawing("hevc", PIECES, codec="libx265", between=2),
)
PLATE, MARK = (250, 250, 240), (230, 57, 140)


@pytest.fixture(scope="module")
def shelf(
    tmp_path_factory: pytest.TempPathFactory, drawn: Callable[[Drawing], Drawn], picture: Callable[..., bytes]
) -> Shelf:
    folder = tmp_path_factory.mktemp("clips")
    records: list[dict[str, Any]] = []
    for drawing in CLIPS:
        clip, name = drawn(drawing), f"{drawing.name}.{drawing.container}"
        (folder / name).write_bytes(clip.content)
        records.append({"id": drawing.name, "video": name, "ostraka_notes": to_builtins(list(clip.notes))})
    (folder / "words.mp4").write_bytes(drawn(CLIPS[0]).content[:3000])
    (folder / "photo.jpg").write_bytes(picture(0))
    records += [{"id": "cut", "video": "words.mp4"}, {"id": "photo", "video": "photo.jpg"}]
    (folder / "clips.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    made = Shelf(str(tmp_path_factory.mktemp("shelf")))
    ingest(made, str(folder / "clips.jsonl"), Local(1))
    return made


@pytest.fixture(scope="module")
def filmed() -> Iterator[Filmed]:
    with Filmed(10_000) as one:
        yield one


def sheet(shelf: Shelf, filmed: Filmed, name: str) -> Any:
    with connect(shelf, "samples") as db:
        [place], _ = videos(db, shelf, [name], 1)
        shown = sample_at(db, shelf, place.key)
        lanes = lanes_in(shelf, latest_notes(shelf), place, shown.sample)
        return sheet_of(filmed, request_of(shelf, shown), lanes, name, 12)


@pytest.mark.parametrize("name", [one.name for one in CLIPS])
def test_the_frame_under_a_time_is_the_one_of_that_time(shelf: Shelf, filmed: Filmed, name: str) -> None:
    made = sheet(shelf, filmed, name)
    numbers = [read(np.asarray(picture)) for _, picture in made.frames]
    assert numbers == [made.clip.pts.index(pts) for pts, _ in made.frames]
    assert {0, 13, 14, 26, 27, 35} <= set(numbers) and len(numbers) <= 12
    assert [made.clip.place(span.start_pts) for span in made.lanes[0].spans] == [0, 14, 27]


def test_text_is_marked_where_it_stands_and_not_while_it_is_gone(shelf: Shelf, filmed: Filmed) -> None:
    made = sheet(shelf, filmed, "b-frames")
    [text] = [lane for lane in made.lanes if lane.name == "scene_text"]
    for pts, picture in made.frames:
        corners = text.spans[0].corners_at(pts)
        assert bool(corners) == (made.clip.pts.index(pts) not in range(8, 20))
        if corners:
            left, top = map(int, corners[0])
            pixels = np.asarray(picture)[top + 3 : top + 25, left + 2 : left + 90].astype(int)
            assert np.abs(np.median(pixels, (0, 1)) - PLATE).max() < 25
    drawn = np.asarray(made.draw())
    assert (drawn == MARK).all(-1).sum() > 4 * 200


spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 30), st.sampled_from(["pan_left", "zoom_in"])), max_size=9
)


@given(spans)
def test_spans_that_overlap_stand_in_rows_of_their_own_with_what_is_said_of_each(
    told: list[tuple[int, int, str]],
) -> None:
    notes = [
        {**to_builtins(Note(name, value, TimeSpan(0, start, start + long, (1, 24)))), "by": "cameramotion@1"}
        for number, (start, long, motion) in enumerate(told)
        for name, value in (("camera_motion", motion), ("camera_motion_confidence", number / 10), ("camera_speed", 2.0))
    ]
    lanes = lanes_of(notes)
    assert len(lanes) == min(1, len(told))
    for lane in lanes:
        said = sorted((span.start_pts, span.end_pts, span.says, span.sure) for span in lane.spans)
        assert said == sorted((start, start + long, motion, n / 10) for n, (start, long, motion) in enumerate(told))
        for row in range(lane.rows):
            mine = [span for span in lane.spans if span.row == row]
            assert mine and all(one.end_pts <= other.start_pts for one, other in pairwise(mine))


def test_what_is_said_of_a_track_of_text_belongs_to_it_and_what_is_said_elsewhere_does_not() -> None:
    quads = [[pts, [[1, 2], [9, 2], [9, 5], [1, 5]]] for pts in (0, 10, 20, 90, 100)]
    at = {"at": "quad_track", "part": 0, "start_pts": 0, "end_pts": 110, "time_base": [1, 24], "quads": quads}
    elsewhere = to_builtins(TimeSpan(0, 5, 9, (1, 24)))
    said = [
        ("text_track", "EXIT", at, "texttracks@1"),
        ("text_track_confidence", 0.5, at, "texttracks@1"),
        ("text_track_language", "en", at, "texttracks@1"),
        ("text_track_confidence", 0.25, elsewhere, "texttracks@1"),
        ("black", True, elsewhere, "integrity@1"),
    ]
    lanes = lanes_of({"name": name, "value": value, "at": at, "by": by} for name, value, at, by in said)
    assert [(lane.name, lane.by) for lane in lanes] == [
        ("text_track", "texttracks"),
        ("black", "integrity"),
        ("text_track_confidence", "texttracks"),
    ]
    [track] = lanes[0].spans
    assert (track.says, track.sure, track.told) == ("EXIT", 0.5, (("confidence", "0.5"), ("language", "en")))
    assert [bool(track.corners_at(pts)) for pts in (0, 29, 31, 89, 90, 109, 110)] == [
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]
    assert lanes[1].spans[0].says == "black"


@given(st.integers(1, 300), st.sets(st.integers(0, 320), max_size=40), st.integers(1, 60))
def test_a_sheet_has_both_ends_of_every_shot_or_where_they_begin(count: int, firsts: set[int], most: int) -> None:
    clip = Clip(tuple(range(100, 100 + 2 * count, 2)), 100 + 2 * count, (1, 24), (12, 1), "h264", 64, 48)
    found = places(clip, sorted(firsts), most)
    assert found == sorted(set(found)) and 1 <= len(found) <= most and set(found) <= set(range(count))
    begin = {0, *(first for first in firsts if first < count)}
    both = begin | {first - 1 for first in begin if first} | {count - 1}
    assert both <= set(found) if len(both) <= most else set(found) <= begin


@pytest.mark.parametrize("motion", TOLD)
def test_each_motion_has_a_sign_of_its_own(motion: str) -> None:
    def sign(name: str) -> bytes:
        canvas = Image.new("L", (60, 60))
        assert draw_sign(ImageDraw.Draw(canvas), name, (6, 6), 48, 255)  # type: ignore[arg-type]
        return canvas.tobytes()

    assert [other for other in TOLD if sign(other) == sign(motion)] == [motion]


@pytest.mark.parametrize(
    ("motion", "to"), [("pan_left", "left"), ("pan_right", "right"), ("tilt_up", "up"), ("tilt_down", "down")]
)
def test_an_arrow_is_heavier_where_it_points_to(motion: str, to: str) -> None:
    canvas = Image.new("L", (60, 60))
    draw_sign(ImageDraw.Draw(canvas), motion, (6, 6), 48, 255)  # type: ignore[arg-type]
    ink = np.asarray(canvas).astype(int)
    halves = {"left": ink[:, :30], "right": ink[:, 30:], "up": ink[:30], "down": ink[30:]}
    against = {"left": "right", "right": "left", "up": "down", "down": "up"}[to]
    assert halves[to].sum() > 1.2 * halves[against].sum()


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00.000"), (59.9996, "1:00.000"), (3599.5, "59:59.500"), (7261.25, "2:01:01.250")]
)
def test_a_time_is_read_as_people_write_it(seconds: float, said: str) -> None:
    assert clock(seconds) == said


Said = Callable[..., tuple[int, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def call(*arguments: str) -> tuple[int, str]:
        try:
            main(arguments)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def test_the_command_writes_a_sheet_of_each_video_and_says_of_which_there_is_none(
    shelf: Shelf, said: Said, tmp_path: Path
) -> None:
    code, told = said("contact-sheet", "--shelf", shelf.url, "--to", str(tmp_path / "sheets"), "--most", "4")
    assert code == 0 and "2 more are there: --most 6, or name them" in told
    assert len(list((tmp_path / "sheets").iterdir())) == 4
    for path in (tmp_path / "sheets").iterdir():
        with Image.open(path) as made:
            assert made.format == "PNG" and made.width >= 720
    code, told = said("contact-sheet", "cut", "--shelf", shelf.url, "--to", str(tmp_path / "none"))
    assert code == 0 and "clips/cut: none: unreadable_container" in told and not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    code, told = said("contact-sheet", "late", "--shelf", shelf.url, "--to", str(tmp_path / "file"))
    assert code == 2 and "give another --to" in told
    code, told = said("contact-sheet", "photo", "--shelf", shelf.url)
    assert code == 2 and "has no video" in told
    code, told = said("contact-sheet", "b-frames", "--shelf", shelf.url, "--font", "none.ttf", "--to", str(tmp_path))
    assert code == 2 and "give a .ttf or .otf file" in told


def test_why_tells_spans_lane_by_lane(shelf: Shelf, said: Said) -> None:
    run(shelf, find_recipe("whole"), Local(1))
    code, told = said("why", "b-frames", "--shelf", shelf.url)
    assert code == 0
    assert "shot by source, 3 spans: 0:00.000-0:00.583 start, 0:00.583-0:01.125 fade, 0:01.125-0:01.500 cut" in told
    assert "camera_motion by source, 3 spans: 0:00.000-0:00.583 pan_left, 0:00.583-0:01.125 zoom_in" in told


def test_spans_are_rows_of_a_view(shelf: Shelf) -> None:
    with connect(shelf) as db:
        query = "SELECT text, start_pts, end_pts, round(end_s - start_s, 4) FROM spans JOIN samples USING (shard, row) "
        found = db.execute(query + "WHERE spans.name = 'shot' AND samples.name = 'late' ORDER BY start_pts").fetchall()
    assert [text for text, *_ in found] == ["start", "fade", "cut"]
    assert [end for *_, end, _ in found][:2] == [start for _, start, *_ in found][1:]
    assert found[0][1] == 1293 and [seconds for *_, seconds in found] == [0.584, 0.542, 0.375]
