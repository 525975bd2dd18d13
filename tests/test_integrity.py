"""Integrity: what comes out when all is decoded, what is black and what is still, and what a file costs a run."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from annotators.annotator import Subject
from annotators.check import check
from annotators.integrity import Integrity
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from schemas.note import Failed, Noted, TimeSpan
from schemas.sample import Sample, Source, Video

Draw = Callable[[Drawing], Drawn]


def sample(content: bytes, extension: str = "mp4") -> Sample:
    return Sample("0" * 32, (Video(sha256(content).hexdigest(), len(content), extension),), Source("", ""))


def looked(content: bytes, extension: str = "mp4") -> Noted:
    read = lambda url, offset, size_bytes: content[offset : offset + size_bytes]  # noqa: E731
    noted = Integrity().look(Subject(sample(content, extension), "", (0,), {}, read))
    check(Integrity(), noted)
    return noted


def spans(noted: Noted, name: str) -> list[tuple[int, int]]:
    return [
        (at.start_pts, at.end_pts) for note in noted.places if note.name == name and isinstance(at := note.at, TimeSpan)
    ]


def test_a_whole_video_comes_out_whole(drawn: Draw) -> None:
    for drawing in (
        Drawing("whole", (Piece("pan_left", 30),), between=2),
        Drawing("late", (Piece("pan_left", 30),), container="mkv", start=9, uneven=True, between=2),
    ):
        values = looked(drawn(drawing).content, drawing.container).values
        assert (values["frames_decoded"], values["packets_broken"], values["times_back"]) == (30, 0, 0)


def test_a_broken_packet_is_counted_and_the_rest_still_seen(drawn: Draw) -> None:
    whole = drawn(Drawing("long", (Piece("pan_left", 48),))).content
    middle = len(whole) // 2
    wrong = bytes(byte ^ 0x55 for byte in whole[middle : middle + 400])
    values = looked(whole[:middle] + wrong + whole[middle + 400 :]).values
    assert 1 <= values["packets_broken"] <= 2 and values["frames_decoded"] >= 46
    whole = drawn(Drawing("av1", (Piece("pan_left", 48),), codec="libsvtav1")).content
    values = looked(whole[: len(whole) // 2] + wrong + whole[len(whole) // 2 + 400 :]).values
    assert values["packets_broken"] >= 1 and values["frames_decoded"] < 48


def test_black_is_noted_where_it_is_and_a_fade_is_too_short_for_it(drawn: Draw) -> None:
    pieces = Piece("pan_left", 30), Piece("pan_left", 34, joint="fade")
    short = looked(drawn(Drawing("faded", pieces, fade=6, numbered=False)).content)
    assert 0 < short.values["black_share"] < 0.1 and not spans(short, "black")
    clip = drawn(Drawing("long faded", pieces, rate=(3, 1), fade=6, numbered=False))
    [black] = [note.at for note in clip.notes if note.name == "black" and isinstance(note.at, TimeSpan)]
    [(start, end)] = spans(looked(clip.content), "black")
    assert start <= black.start_pts and end >= black.end_pts


def test_a_view_that_stays_is_still_and_one_that_moves_is_not(drawn: Draw) -> None:
    clip = drawn(
        Drawing("stays", (Piece("pan_left", 24), Piece("static", 36, 1), Piece("zoom_in", 24, 2)), numbered=False)
    )
    noted = looked(clip.content)
    [(start, end)] = spans(noted, "still")
    assert clip.pts[23] <= start <= clip.pts[26] and clip.pts[58] <= end <= clip.pts[61]
    assert noted.values["still_share"] == pytest.approx(36 / 84, abs=0.04)


def test_a_slow_move_at_a_high_rate_is_not_still(drawn: Draw) -> None:
    moving = drawn(Drawing("doubled", (Piece("pan_left", 60, speed=0.2),), rate=(120, 1), numbered=False))
    assert looked(moving.content).values["still_share"] == 0


def test_what_takes_too_long_is_a_failed_row(drawn: Draw, tmp_path: Path) -> None:
    long = drawn(Drawing("endless", (Piece("pan_left", 120),), size=(320, 240))).content
    (tmp_path / "000000.tar").write_bytes(long)
    with Guard(Integrity(limit_s=0.05)) as guard:
        [cut] = guard.look([Request(sample(long), str(tmp_path / "000000.tar"), (0,))])
    assert isinstance(cut, Failed) and cut.reason == "resource" and "took longer" in cut.detail


def test_a_limit_is_no_part_of_the_fingerprint() -> None:
    assert Integrity(limit_s=1.0).identity() == Integrity().identity() != Integrity(still_levels=1.0).identity()
