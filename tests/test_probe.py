"""Probe: exact times, rates and streams from the container, and a reason for what is no video."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from hashlib import sha256
from typing import Any

import av
import numpy as np
import pytest

from annotators.annotator import Subject
from annotators.check import check
from annotators.container import read_container
from annotators.frames import frames_at
from annotators.probe import Probe
from pipelines.ingest.drawn_clips import NTSC, NTSC_FILM, Drawing, Drawn, Piece
from schemas.errors import BadSample
from schemas.sample import Sample, Source, Text, Video

Draw = Callable[[Drawing], Drawn]
MOVE = (Piece("pan_left", 24),)


def subject(content: bytes, extension: str = "mp4") -> Subject:
    part = Video(sha256(content).hexdigest(), len(content), extension)
    sample = Sample("0" * 32, (Text("a caption"), part), Source("", ""))
    return Subject(sample, "", (0,), {}, lambda url, offset, size_bytes: content[offset : offset + size_bytes])


def probed(content: bytes, extension: str = "mp4") -> dict[str, Any]:
    noted = Probe().look(subject(content, extension))
    check(Probe(), noted)
    return dict(noted.values)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("rate", [Fraction(24), NTSC_FILM, Fraction(25), NTSC, Fraction(60000, 1001)])
def test_a_rate_is_the_fraction_that_it_was_made_with(drawn: Draw, rate: Fraction, container: str) -> None:
    clip = drawn(Drawing("rate", MOVE, (rate.numerator, rate.denominator), (128, 96), container, between=2))
    found = probed(clip.content, container)
    assert Fraction(found["frame_rate_num"], found["frame_rate_den"]) == rate
    assert found["frames_per_s"] == round(float(rate), 6) and not found["variable_rate"]
    assert found["video_frames"] == 24 and abs(found["duration_s"] - 24 / rate) < 0.002


def test_times_are_integers_of_the_file_from_its_first_frame_on(drawn: Draw) -> None:
    found = probed(drawn(Drawing("late", MOVE, start=30, size=(128, 96), between=2)).content)
    base = Fraction(found["time_base_num"], found["time_base_den"])
    assert found["start_pts"] * base == Fraction(30, 24)
    assert found["end_pts"] * base == Fraction(54, 24) and found["duration_s"] == 1.0


def test_uneven_frames_are_a_variable_rate_and_rounded_ticks_are_not(drawn: Draw) -> None:
    uneven = drawn(Drawing("uneven", MOVE, uneven=True, size=(128, 96)))
    assert probed(uneven.content)["variable_rate"]
    even = drawn(Drawing("even", MOVE, NTSC_FILM.as_integer_ratio(), (128, 96), "mkv"))
    assert not probed(even.content, "mkv")["variable_rate"]


def test_sides_are_as_stored_and_the_rotation_is_told(drawn: Draw) -> None:
    found = probed(drawn(Drawing("turned", MOVE, turned_deg=90)).content)
    assert (found["width_px"], found["height_px"], found["rotation_deg"]) == (192, 256, 90)


def streams(kinds: list[str], frames: int = 12, size: tuple[int, int] = (64, 48)) -> bytes:
    """Return an mp4 with these streams; each video stream is larger than the one before, the first is the default."""
    out, noise = io.BytesIO(), np.random.default_rng(0)
    with av.open(out, "w", format="mp4") as file:
        made: list[Any] = []
        for place, kind in enumerate(kinds):
            stream: Any = file.add_stream("aac" if kind == "audio" else "libx264", rate=8000 if kind == "audio" else 12)
            if kind == "video":
                stream.width, stream.height, stream.pix_fmt = size[0] * (place + 1), size[1] * (place + 1), "yuv420p"
            made.append(stream)
        for kind, stream in zip(kinds, made, strict=True):
            for place in range(frames):
                if kind == "audio":
                    frame: Any = av.AudioFrame.from_ndarray(
                        np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
                    )
                    frame.rate, frame.pts = 8000, place * 1024
                else:
                    shape = (stream.height, stream.width, 3)
                    frame = av.VideoFrame.from_ndarray(noise.integers(0, 256, shape, np.uint8), format="rgb24")
                    frame.pts = place
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    return out.getvalue()


def test_of_several_video_streams_both_decoders_read_the_one_that_the_file_calls_default() -> None:
    content = streams(["video", "video", "audio"])
    found = probed(content)
    assert (found["video_streams"], found["audio_streams"], found["width_px"]) == (2, 1, 64)
    container = read_container(content, "mp4")
    for decoder in ("decord", "pyav"):
        [frame] = frames_at(content, "mp4", container, [5], 1000, decoder)
        assert frame.shape == (48, 64, 3)


def test_what_is_no_video_has_a_reason(drawn: Draw) -> None:
    whole = drawn(Drawing("plain", MOVE, size=(128, 96))).content
    for content, reason in [
        (streams(["audio"]), "no_video_stream"),
        (whole[: len(whole) // 2], "unreadable_container"),
        (b"\0\0\0\x18ftypisom" + bytes(500), "unreadable_container"),
        (whole[:32], "unreadable_container"),
    ]:
        with pytest.raises(BadSample) as bad:
            probed(content)
        assert bad.value.reason == reason
    with pytest.raises(BadSample, match="no_video"):
        Probe().look(Subject(Sample("0" * 32, (Text("alone"),), Source("", "")), "", (), {}, lambda *_: b""))


def test_a_video_of_one_frame_lasts_for_one(drawn: Draw) -> None:
    found = probed(drawn(Drawing("one", (Piece("static", 1),), size=(128, 96))).content)
    assert found["video_frames"] == 1 and found["duration_s"] == round(1 / 24, 6)


def test_no_demuxer_is_tried_but_that_of_the_format_that_the_bytes_begin_like(drawn: Draw) -> None:
    matroska = drawn(Drawing("other", MOVE, size=(128, 96), container="mkv")).content
    assert probed(matroska, "mkv")["container"] == "matroska"
    with pytest.raises(BadSample, match="unreadable_container"):
        probed(matroska, "mp4")
