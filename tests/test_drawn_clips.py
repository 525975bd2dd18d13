"""Drawn clips: the frame that a note names is the one whose burnt-in number it is, in every container and codec."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.container import Container, read_container
from annotators.frames import Decoder, decoder_of, frames_at
from pipelines.engines.local import Local
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.drawn_digits import burn, read
from pipelines.ingest.drawn_set import write_clips
from pipelines.ingest.ingest import ingest
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.note import TimeSpan, Track
from schemas.sniff import HEAD_BYTES, sniff

FULL_PX = 10_000
PIECES = (Piece("pan_left", 14), Piece("zoom_in", 13, 1, "fade"), Piece("tilt_up", 9, 3))
FIRSTS = [0, 14, 27]
CLIPS = {
    one.name: one
    for one in (
        Drawing("plain", PIECES),
        Drawing("b-frames", PIECES, between=2),
        Drawing("film rate in ticks of a millisecond", PIECES, rate=(24000, 1001), container="mkv", between=2),
        Drawing("ntsc rate", PIECES, rate=(30000, 1001), between=3),
        Drawing("starts late", PIECES, start=31, between=2),
        Drawing("starts late in matroska", PIECES, start=31, container="mkv"),
        Drawing("uneven", PIECES, uneven=True, between=2),
        Drawing("uneven and late", PIECES, rate=(30000, 1001), uneven=True, start=7, container="mkv"),
        Drawing("turned", PIECES, turned_deg=90),
        Drawing("turned over", PIECES, turned_deg=180, between=2),
        Drawing("turned the other way", PIECES, turned_deg=270),
        Drawing("odd sides", PIECES, size=(255, 191), pixel_format="yuv444p"),
        Drawing("10 bit", PIECES, codec="libx265", pixel_format="yuv420p10le", between=2),
        Drawing("hevc", PIECES, codec="libx265", between=2),
        Drawing("av1", PIECES, codec="libsvtav1"),
        Drawing("avi", PIECES, codec="mpeg4", container="avi"),
        Drawing("with text", PIECES, text="OSTRAKA", between=2),
    )
}
SHIFTED = {"mpegts": "ts", "flv": "flv", "asf": "wmv", "vob": "mpg"}
"""Formats, with their extensions, whose muxers move all times by as much."""

Draw = Callable[[Drawing], Drawn]


def opened(drawn: Draw, name: str) -> tuple[Drawn, str, Container]:
    clip, extension = drawn(CLIPS[name]), CLIPS[name].container
    return clip, extension, read_container(clip.content, extension)


def numbers(clip: Drawn, extension: str, container: Container, places: list[int], decoder: Decoder) -> list[int]:
    return [read(one) for one in frames_at(clip.content, extension, container, places, FULL_PX, decoder)]


def test_a_number_is_read_as_it_was_burnt_in() -> None:
    frame = np.full((40, 90, 3), 128, np.uint8)
    for number in (0, 7, 19, 1234, 5678, 9999):
        burn(frame, number)
        noisy = frame.astype(np.float64) + np.random.default_rng(number).normal(0, 30, frame.shape)
        assert read(np.clip(noisy, 0, 255).astype(np.uint8)) == number


@pytest.mark.parametrize("decoder", ["decord", "pyav"])
@pytest.mark.parametrize("name", CLIPS)
def test_the_frame_that_a_note_names_is_the_one_whose_number_it_bears(drawn: Draw, name: str, decoder: Any) -> None:
    clip, extension, container = opened(drawn, name)
    count = CLIPS[name].frames
    assert numbers(clip, extension, container, list(range(count)), decoder) == list(range(count))
    shots = [note.at for note in clip.notes if note.name == "shot" and isinstance(note.at, TimeSpan)]
    assert all(at.time_base == container.time_base for at in shots)
    places = [container.pts.index(at.start_pts) for at in shots]
    assert numbers(clip, extension, container, places, decoder) == places == FIRSTS
    assert [container.pts.index(at.end_pts) for at in shots[:-1]] == FIRSTS[1:]
    a_rounding = 1 if container.time_base[1] == 1000 else 0
    assert abs(shots[-1].end_pts - container.end_pts) <= a_rounding


@pytest.mark.parametrize("kind", SHIFTED)
def test_containers_of_old_are_told_by_their_bytes_and_read_frame_by_frame(drawn: Draw, kind: str) -> None:
    codec = {"flv": "libx264", "asf": "mpeg4", "vob": "mpeg2video"}.get(kind, "libx264")
    clip = drawn(Drawing(kind, PIECES, rate=(25, 1), container=kind, codec=codec))
    assert sniff(clip.content[:HEAD_BYTES]) == SHIFTED[kind]
    container = read_container(clip.content, SHIFTED[kind])
    assert container.rate == (25, 1) and not container.is_variable
    every = list(range(36))
    assert numbers(clip, SHIFTED[kind], container, every, "pyav") == every


def test_text_that_moves_stands_where_its_track_says(drawn: Draw) -> None:
    clip, extension, container = opened(drawn, "with text")
    [track] = [note.at for note in clip.notes if note.name == "scene_text"]
    assert isinstance(track, Track)
    places = [container.pts.index(box[0]) for box in track.boxes]
    assert set(range(36)) - set(places) == {*range(8, 20)}, "while it fades there is no text"
    frames = frames_at(clip.content, extension, container, places, FULL_PX, "pyav")
    for frame, (_, left, top, right, bottom) in zip(frames, track.boxes, strict=True):
        plate = frame[int(top) + 3 : int(bottom) - 3, int(left) + 2 : int(right) - 2]
        assert np.median(plate) > 225


@pytest.mark.parametrize("name", ["plain", "b-frames", "uneven", "starts late", "avi"])
def test_both_decoders_give_the_same_picture(drawn: Draw, name: str) -> None:
    clip, extension, container = opened(drawn, name)
    assert decoder_of(container, "decord") == "decord"
    every = range(0, len(container.pts), 5)
    for one, other in zip(
        frames_at(clip.content, extension, container, every, 96, "decord"),
        frames_at(clip.content, extension, container, every, 96, "pyav"),
        strict=True,
    ):
        assert one.shape == (72, 96, 3)
        rounding = 0 if container.codec == "h264" else 1
        assert np.abs(one.astype(int) - other).max() <= rounding


@pytest.mark.parametrize("name", ["hevc", "10 bit", "av1", "turned", "odd sides"])
def test_what_decord_does_not_read_is_read_by_pyav(drawn: Draw, name: str) -> None:
    *_, container = opened(drawn, name)
    assert decoder_of(container, "decord") == "pyav"


@settings(max_examples=15)
@given(places=st.sets(st.integers(0, 35), min_size=1, max_size=6))
def test_any_frames_may_be_asked_for(drawn: Draw, places: set[int]) -> None:
    clip, extension, container = opened(drawn, "b-frames")
    for decoder in ("decord", "pyav"):
        assert numbers(clip, extension, container, sorted(places), decoder) == sorted(places)


def test_real_clips_come_out_of_both_decoders_alike(data: Any) -> None:
    for name in ("nasa_13013.mp4", "mdn_cc0/elf.webm", "mmaction2/basketball_structuralize.mp4"):
        content, extension = (data / "video" / name).read_bytes(), name.rsplit(".", 1)[1]
        container = read_container(content, extension)
        places = [0, 1, len(container.pts) // 2, len(container.pts) - 1]
        pairs = (frames_at(content, extension, container, places, FULL_PX, one) for one in ("decord", "pyav"))
        for one, other in zip(*pairs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_drawn_set_comes_to_the_shelf_with_its_truth_and_the_times_are_those_of_the_files(tmp_path: Path) -> None:
    path, frames = write_clips(str(tmp_path / "drawn"), "", 6)
    records = [json.loads(line) for line in Path(path).read_text().splitlines()]
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, path, Local(1))
    [piece] = (tmp_path / "shelf" / "notes").glob("source@1/*.parquet")
    told = [json.loads(row["places"]) for row in pq.read_table(piece).to_pylist()]
    assert told == [record["ostraka_notes"] for record in records] and len(told) == 6
    count = 0
    for record, notes in zip(records, told, strict=True):
        content, extension = (tmp_path / "drawn" / record["video"]).read_bytes(), record["video"].rsplit(".", 1)[1]
        container = read_container(content, extension)
        count += len(container.pts)
        starts = [note["at"]["start_pts"] for note in notes if note["name"] == "shot"]
        places = [container.pts.index(start) for start in starts]
        found = [read(one) for one in frames_at(content, extension, container, places, FULL_PX, "pyav")]
        assert found == places and starts[0] == container.pts[0]
    assert count == frames


def test_notes_of_a_manifest_that_are_none_fail_their_row(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(0))
    noted = [[{"name": "shot"}], "seen by eye", [{"name": "shot", "value": "cut", "at": {"at": "whole"}}], None]
    records = [{"image": "a.jpg", "caption": "A boat.", "ostraka_notes": one} for one in noted]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "m.jsonl"), Local(1), max_failed=1.0)
    assert shelf.catalog("000000")["failed"].to_pylist() == ["bad_notes", "bad_notes", "", ""]


def test_a_set_is_drawn_into_no_folder_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="it is there already"):
        write_clips(str(tmp_path), "", 1)
    (tmp_path / "photos").mkdir()
    with pytest.raises(BadInput, match="no photographs there"):
        write_clips(str(tmp_path / "to"), str(tmp_path / "photos"), 1)
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("name", ["photos", "photos [2024]"])
def test_photographs_are_found_from_where_one_stands(
    name: str, tmp_path: Path, picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).mkdir()
    for n in range(2):
        (tmp_path / name / f"{n}.jpg").write_bytes(picture(n))
    (tmp_path / name / "._0.jpg").write_bytes(b"what another system says of 0.jpg")
    monkeypatch.chdir(tmp_path)
    for folder, to in ((name, "near"), (str(tmp_path / name), "far")):
        write_clips(to, folder, 1)
    near, far = ({one.name: one.read_bytes() for one in (tmp_path / to).iterdir()} for to in ("near", "far"))
    assert near == far and len(near) == 2
