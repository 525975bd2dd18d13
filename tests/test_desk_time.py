"""Time at the desk: the editor's frame n is the one that bears number n - 1, whatever the source's times are."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.container import read_container
from annotators.desk.label_studio.codec import Keyframe, Range, to_keyframes, to_range, to_span, to_track
from annotators.desk.label_studio.frame_map import FrameMap, from_json, proxy_rate, to_json
from annotators.desk.label_studio.proxy import Proxy, make_proxy
from pipelines.ingest.drawn_clips import Drawing, Drawn
from pipelines.ingest.drawn_digits import read
from schemas.errors import BadInput, BadSample
from schemas.note import TimeSpan, Track

spec = importlib.util.spec_from_file_location("drawn_times", Path(__file__).parent / "drawn_times.py")
assert spec and spec.loader
drawn_times = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drawn_times)
CLIPS: dict[str, Drawing] = drawn_times.CLIPS

Draw = Callable[[Drawing], Drawn]


def proxied(drawn: Draw, name: str) -> tuple[Drawn, Proxy]:
    clip = drawn(CLIPS[name])
    return clip, make_proxy(clip.content, CLIPS[name].container)


def numbers(content: bytes) -> list[int]:
    with av.open(io.BytesIO(content)) as file:
        return [read(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]


@pytest.mark.parametrize("name", [name for name in CLIPS if name != "odd sides"])
def test_a_proxy_holds_every_frame_once_in_order(drawn: Draw, name: str) -> None:
    _, proxy = proxied(drawn, name)
    assert numbers(proxy.content) == list(range(CLIPS[name].frames))


@pytest.mark.parametrize("name", CLIPS)
def test_a_proxy_runs_at_one_rate_from_zero_and_lasts_as_long_as_its_frames(drawn: Draw, name: str) -> None:
    _, proxy = proxied(drawn, name)
    container = read_container(proxy.content, "mp4")
    step = 1 / (Fraction(*proxy.map.rate) * Fraction(*container.time_base))
    assert step.denominator == 1
    assert container.pts == tuple(int(step) * place for place in range(CLIPS[name].frames))
    with av.open(io.BytesIO(proxy.content)) as file:
        frames = file.duration / av.time_base * proxy.map.frames_per_s
    assert abs(frames - CLIPS[name].frames) < 0.01, "the editor counts frames as its duration times the rate"


@pytest.mark.parametrize("name", CLIPS)
def test_a_proxy_is_of_a_kind_that_every_browser_plays(drawn: Draw, name: str) -> None:
    _, proxy = proxied(drawn, name)
    container = read_container(proxy.content, "mp4")
    assert (container.kind, container.codec, container.pixel_format, container.rotation_deg) == (
        "mov",
        "h264",
        "yuv420p",
        0,
    )
    assert (container.audios, container.width_px % 2, container.height_px % 2) == (0, 0, 0)
    assert proxy.content.index(b"moov") < proxy.content.index(b"mdat"), "a player must not fetch the end first"


def test_the_same_video_gives_the_same_proxy_and_a_large_one_is_made_smaller(drawn: Draw) -> None:
    clip = drawn(CLIPS["plain"])
    assert make_proxy(clip.content, "mp4") == make_proxy(clip.content, "mp4")
    small = read_container(make_proxy(clip.content, "mp4", side_px=101).content, "mp4")
    assert (small.width_px, small.height_px) == (100, 76)


@pytest.mark.parametrize("name", CLIPS)
def test_every_note_of_a_drawn_clip_goes_to_the_editor_and_back(drawn: Draw, name: str) -> None:
    clip, proxy = proxied(drawn, name)
    assert proxy.map.pts == clip.pts[:-1] and len(clip.notes) > 5
    for at in (note.at for note in clip.notes):
        if isinstance(at, TimeSpan):
            span = to_span(to_range(at, proxy.map), at.part, proxy.map)
            assert span.start_pts == at.start_pts
            assert span.end_pts == (at.end_pts if at.end_pts in clip.pts[:-1] else proxy.map.end_pts)
        if isinstance(at, Track):
            assert to_track(to_keyframes(at, proxy.map), at.part, proxy.map) == at


def test_a_box_is_told_in_percents_of_the_upright_picture(drawn: Draw) -> None:
    clip, proxy = proxied(drawn, "turned")
    assert (proxy.map.width_px, proxy.map.height_px) == CLIPS["turned"].size
    track = next(note.at for note in clip.notes if isinstance(note.at, Track))
    first = to_keyframes(track, proxy.map)[0]
    assert (first.x, first.y) == (0.0, (192 - 2 * 28) / 192 * 100)


@st.composite
def maps(draw: st.DrawFn) -> FrameMap:
    steps = draw(st.lists(st.integers(1, 5000), min_size=1, max_size=60))
    start = draw(st.integers(-(10**6), 10**12))
    pts = [start]
    for step in steps:
        pts.append(pts[-1] + step)
    base = draw(st.sampled_from([(1, 1000), (1, 90000), (1001, 24000), (1001, 30000), (1, 12288)]))
    width, height = draw(st.integers(2, 4000)), draw(st.integers(2, 4000))
    return FrameMap(tuple(pts[:-1]), pts[-1], base, draw(st.sampled_from([(24000, 1001), (25, 1)])), width, height)


@given(maps(), st.data())
def test_every_span_of_frames_comes_back_as_it_went(mapped: FrameMap, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, mapped.frames - 1))
    end = data.draw(st.integers(first + 1, mapped.frames))
    span = mapped.span(3, first, end)
    there = to_range(span, mapped)
    assert there == Range(first + 1, end)
    assert to_span(there, 3, mapped) == span
    scaled = TimeSpan(3, span.start_pts * 7, span.end_pts * 7, (span.time_base[0], span.time_base[1] * 7))
    assert to_range(scaled, mapped) == there, "another time base names the same frames"


@given(maps(), st.integers(-(10**7), 10**13), st.integers(0, 10**5))
def test_a_span_names_exactly_the_frames_that_begin_within_it(mapped: FrameMap, start: int, length: int) -> None:
    begun = [place for place, pts in enumerate(mapped.pts) if start <= pts < start + length]
    span = TimeSpan(0, start, start + length, mapped.time_base)
    if begun:
        assert to_range(span, mapped) == Range(begun[0] + 1, begun[-1] + 1)
    else:
        with pytest.raises(BadSample):
            to_range(span, mapped)


@st.composite
def tracks(draw: st.DrawFn, mapped: FrameMap) -> Track:
    """Boxes on stretches of frames with gaps between them, of whole and of half pixels."""
    shown = sorted(draw(st.sets(st.integers(0, mapped.frames - 1), min_size=1)))
    boxes = []
    for place in shown:
        left, top = (
            draw(st.integers(0, 2 * mapped.width_px - 2)) / 2,
            draw(st.integers(0, 2 * mapped.height_px - 2)) / 2,
        )
        right = draw(st.integers(int(2 * left) + 1, 2 * mapped.width_px)) / 2
        bottom = draw(st.integers(int(2 * top) + 1, 2 * mapped.height_px)) / 2
        boxes.append((mapped.pts[place], left, top, right, bottom))
    return Track(1, mapped.time_base, tuple(boxes))


@given(maps(), st.data())
def test_every_track_comes_back_on_the_same_frames_with_the_same_boxes(mapped: FrameMap, data: st.DataObject) -> None:
    track = data.draw(tracks(mapped))
    assert to_track(to_keyframes(track, mapped), 1, mapped) == track


@given(maps(), st.data(), st.floats(0.5, 50))
def test_fewer_keyframes_move_no_box_by_more_than_is_allowed(
    mapped: FrameMap, data: st.DataObject, most: float
) -> None:
    track = data.draw(tracks(mapped))
    back = to_track(to_keyframes(track, mapped, tolerance_px=most), 1, mapped)
    assert [box[0] for box in back.boxes] == [box[0] for box in track.boxes]
    moved = np.array([box[1:] for box in back.boxes]) - np.array([box[1:] for box in track.boxes])
    assert np.abs(moved).max() <= most + 1e-6


def test_a_track_that_goes_straight_needs_its_ends_alone() -> None:
    mapped = FrameMap(tuple(range(0, 5000, 100)), 5000, (1, 1000), (10, 1), 400, 300)
    track = Track(0, (1, 1000), tuple((100 * place, 2.0 * place, 10, 2.0 * place + 30, 40) for place in range(5, 45)))
    assert [(one.frame, one.enabled) for one in to_keyframes(track, mapped)] == [(6, True), (45, False)]


def test_a_rectangle_is_seen_to_the_end_unless_it_is_put_out_and_not_before_it_begins() -> None:
    mapped = FrameMap(tuple(range(10)), 10, (1, 25), (25, 1), 100, 100)
    box = {"x": 10.0, "y": 10.0, "width": 20.0, "height": 20.0}

    def seen(*keyframes: Keyframe) -> list[int]:
        return [one[0] for one in to_track(keyframes, 0, mapped).boxes]

    assert seen(Keyframe(8, **box)) == [7, 8, 9]
    assert seen(Keyframe(3, **box, enabled=False)) == [2]
    assert seen(
        Keyframe(2, **box), Keyframe(4, **box, enabled=False), Keyframe(7, **box), Keyframe(8, **box, enabled=False)
    ) == [
        1,
        2,
        3,
        6,
        7,
    ]


def test_a_turned_rectangle_is_the_upright_box_around_it_within_the_picture() -> None:
    mapped = FrameMap((0, 1), 2, (1, 25), (25, 1), 200, 100)
    track = to_track([Keyframe(1, 50.0, 50.0, 20.0, 10.0, rotation=90, enabled=False)], 0, mapped)
    assert track.boxes == ((0, 90.0, 50.0, 100.0, 90.0),)
    track = to_track([Keyframe(1, -10.0, 90.0, 20.0, 50.0, enabled=False)], 0, mapped)
    assert track.boxes == ((0, 0.0, 90.0, 20.0, 100.0),)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Range(0, 4), "outside_the_clip"),
        (Range(3, 11), "outside_the_clip"),
        (Range(5, 4), "zero_length"),
    ],
)
def test_a_range_that_names_no_frames_is_refused(given: Range, reason: str) -> None:
    mapped = FrameMap(tuple(range(10)), 10, (1, 25), (25, 1), 100, 100)
    with pytest.raises(BadSample, match=reason):
        to_span(given, 0, mapped)


@pytest.mark.parametrize(
    ("keyframes", "reason"),
    [
        ([], "empty"),
        ([Keyframe(11, 0, 0, 10, 10)], "outside_the_clip"),
        ([Keyframe(0, 0, 0, 10, 10)], "outside_the_clip"),
        ([Keyframe(2, 0, 0, 10, 10), Keyframe(2, 5, 5, 10, 10)], "malformed"),
        ([Keyframe(2, 100, 0, 10, 10)], "outside_the_picture"),
        ([Keyframe(2, 10, 10, 0, 10)], "outside_the_picture"),
        ([Keyframe(2, float("nan"), 10, 10, 10)], "malformed"),
    ],
)
def test_a_rectangle_that_shows_nothing_is_refused(keyframes: list[Keyframe], reason: str) -> None:
    mapped = FrameMap(tuple(range(10)), 10, (1, 25), (25, 1), 100, 100)
    with pytest.raises(BadSample, match=reason):
        to_track(keyframes, 0, mapped)


def test_a_box_between_two_frames_is_not_moved_to_one() -> None:
    mapped = FrameMap((0, 10, 20), 30, (1, 1000), (25, 1), 100, 100)
    with pytest.raises(BadSample, match="off_frame"):
        to_keyframes(Track(0, (1, 1000), ((12, 1, 1, 5, 5),)), mapped)


def test_a_proxy_of_a_piece_names_the_frames_of_the_whole(drawn: Draw) -> None:
    clip = drawn(CLIPS["variable"])
    piece = TimeSpan(0, clip.pts[5], clip.pts[12], clip.time_base)
    proxy = make_proxy(clip.content, "mp4", span=piece)
    assert numbers(proxy.content) == list(range(5, 12))
    assert to_span(Range(1, 7), 0, proxy.map) == piece
    with pytest.raises(BadSample, match="outside_the_clip"):
        make_proxy(clip.content, "mp4", span=TimeSpan(0, clip.pts[-1] + 1, clip.pts[-1] + 9, clip.time_base))


def test_a_video_of_which_frames_do_not_come_out_has_no_proxy(drawn: Draw) -> None:
    content = bytearray(drawn(CLIPS["plain"]).content)
    start = content.index(b"mdat") + 4
    content[start + 12_000 : start + 30_000] = bytes(18_000)
    with pytest.raises(BadSample):
        make_proxy(bytes(content), "mp4")


def test_a_rate_is_kept_within_what_an_editor_can_be_told() -> None:
    assert proxy_rate((24000, 1001)) == (24000, 1001)
    assert proxy_rate((1, 3)) == (1, 1), "the editor reads less than 1 as seconds a frame"
    assert proxy_rate((1000, 1)) == (120, 1)


def test_a_frame_map_is_read_back_and_a_broken_one_is_named() -> None:
    mapped = FrameMap((3, 5), 8, (1, 25), (25, 1), 100, 50)
    assert from_json(to_json(mapped)) == mapped
    with pytest.raises(BadInput, match="no frame map"):
        from_json(
            b'{"pts": [3, 3], "end_pts": 4, "time_base": [1, 25], "rate": [25, 1], "width_px": 1, "height_px": 1}'
        )
