"""Cutting a span out of a video: the frames that it names and no others, at their times, whatever the codec."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.container import read_container
from annotators.frames import frames_at
from pipelines.export.spans.clip_copy import copied
from pipelines.export.spans.clip_encode import encoded
from pipelines.export.spans.clip_index import Indexed, index
from pipelines.export.spans.clip_pictures import pictures
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.drawn_digits import read
from schemas.errors import BadSample
from schemas.note import TimeSpan

Draw = Callable[[Drawing], Drawn]
PIECES = (Piece("pan_left", 14), Piece("zoom_in", 13, 1), Piece("tilt_up", 30, 3))
FILM, NTSC = (24000, 1001), (30000, 1001)
CLIPS = {
    one.name: one
    for one in (
        Drawing("plain", PIECES),
        Drawing("b-frames at a film's rate", PIECES, rate=FILM, between=2),
        Drawing("ticks of a millisecond", PIECES, rate=FILM, container="mkv", between=2),
        Drawing("starts late", PIECES, rate=NTSC, start=31, between=3),
        Drawing("uneven", PIECES, uneven=True, between=2),
        Drawing("uneven and late", PIECES, rate=NTSC, uneven=True, start=7, container="mkv"),
        Drawing("turned", PIECES, turned_deg=90, between=2),
        Drawing("odd sides", PIECES, size=(255, 191), pixel_format="yuv444p"),
        Drawing("10 bit", PIECES, codec="libx265", pixel_format="yuv420p10le", between=2),
        Drawing("av1", PIECES, codec="libsvtav1"),
        Drawing("avi", PIECES, codec="mpeg4", container="avi"),
    )
}
FRAMES = 57
WHOLE, WITHIN = range(FRAMES), range(17, 41)


def indexed(drawn: Draw, name: str) -> Indexed:
    return index(drawn(CLIPS[name]).content, CLIPS[name].container)


def holds(clip: bytes, video: Indexed, places: range) -> None:
    """Check that a clip shows these frames, each by its number, upright as before, at its time and for as long."""
    found = read_container(clip, "mp4")
    every = range(len(found.pts))
    assert [read(one) for one in frames_at(clip, "mp4", found, every, 10_000, "pyav")] == list(places)
    shown = [
        video.container.seconds(video.container.pts[place] - video.container.pts[places.start]) for place in places
    ]
    assert [found.seconds(pts) for pts in found.pts] == pytest.approx(shown, abs=1e-9)
    lasts = video.container.seconds(video.end_of(places.stop - 1) - video.container.pts[places.start])
    assert found.duration_s == pytest.approx(lasts, abs=0.002)
    assert found.rotation_deg == video.container.rotation_deg
    assert (found.width_px, found.height_px) == (video.container.width_px, video.container.height_px)


@pytest.mark.parametrize("name", CLIPS)
def test_a_span_encoded_shows_the_frames_that_it_names(drawn: Draw, name: str) -> None:
    video = indexed(drawn, name)
    assert copied(video, WITHIN) is None, "it begins at no keyframe"
    holds(encoded(video, WITHIN), video, WITHIN)


@pytest.mark.parametrize("name", CLIPS)
def test_a_whole_stream_is_copied_packet_by_packet(drawn: Draw, name: str) -> None:
    video = indexed(drawn, name)
    clip = copied(video, WHOLE)
    assert clip is not None
    holds(clip, video, WHOLE)
    original, copy = (read_container(one, kind) for one, kind in ((video.content, video.extension), (clip, "mp4")))
    assert copy.codec == original.codec and copy.pixel_format == original.pixel_format


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["b-frames at a film's rate", "uneven", "10 bit", "ticks of a millisecond"]), st.data())
def test_any_span_is_copied_exactly_or_not_at_all(drawn: Draw, name: str, data: st.DataObject) -> None:
    video = indexed(drawn, name)
    first = data.draw(st.sampled_from([0, 24, 48, *range(0, 55, 7)]))
    places = range(first, data.draw(st.integers(first + 2, FRAMES)))
    clip = copied(video, places)
    if clip is not None:
        holds(clip, video, places)


def test_what_a_span_that_is_copied_needs_is_in_it(drawn: Draw) -> None:
    """A picture between two, of which the second is behind the span's end, cannot be copied; without such it can."""
    plain, between = indexed(drawn, "plain"), indexed(drawn, "uneven")
    keys = [place for place in range(FRAMES) if plain.run_of(range(place, place + 1))]
    assert 0 in keys and len(keys) > 1
    assert all(copied(plain, range(key, key + 5)) for key in keys)
    ends = [end for end in range(2, 14) if copied(between, range(end)) is None]
    assert ends and len(ends) < 12


def test_the_same_span_has_the_same_bytes(drawn: Draw) -> None:
    video = indexed(drawn, "uneven")
    assert encoded(video, WITHIN) == encoded(indexed(drawn, "uneven"), WITHIN)
    assert copied(video, WHOLE) == copied(video, WHOLE)


def test_a_span_names_the_frames_that_are_first_shown_within_it(drawn: Draw) -> None:
    video = indexed(drawn, "starts late")
    pts, base = video.container.pts, video.container.time_base
    assert video.frames_of(TimeSpan(0, pts[5], pts[9], base)) == range(5, 9)
    assert video.frames_of(TimeSpan(0, pts[5] + 1, pts[9] + 1, base)) == range(6, 10)
    thrice = (base[0], base[1] * 3)
    assert video.frames_of(TimeSpan(0, 3 * pts[5] + 1, 3 * pts[9] + 1, thrice)) == range(6, 10)
    assert video.frames_of(TimeSpan(0, pts[0], video.container.end_pts, base)) == range(FRAMES)
    for start, end in ((0, pts[9]), (pts[5], video.container.end_pts + base[1])):
        with pytest.raises(BadSample, match="outside"):
            video.frames_of(TimeSpan(0, start, end, base))


def test_pictures_of_a_span_are_its_first_frame_and_so_many_a_second(drawn: Draw) -> None:
    import io

    import numpy as np
    from PIL import Image

    video = indexed(drawn, "turned")
    places = range(17, 57)
    found = list(pictures(video, places, 2.0))
    numbers = [read(np.asarray(Image.open(io.BytesIO(one.content)))) for one in found]
    assert numbers == [17, 29, 41, 53]
    assert [one.shown_s for one in found] == [0.0, 0.5, 1.0, 1.5]
    upright = CLIPS["turned"].size
    assert {(one.width_px, one.height_px) for one in found} == {upright}


def test_a_video_that_does_not_decode_fails_alone(drawn: Draw) -> None:
    video = indexed(drawn, "plain")
    middle = len(video.content) // 2
    broken = index(video.content[:middle] + bytes(4000) + video.content[middle + 4000 :], "mp4")
    with pytest.raises(BadSample, match="undecodable"):
        encoded(broken, range(2, 55))
