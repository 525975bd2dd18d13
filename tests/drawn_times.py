"""Drawn clips of every kind of time that a file may hold, for the desk: each frame bears its number."""

from __future__ import annotations

from pipelines.ingest.drawn_clips import Drawing, Piece

PIECES = (Piece("pan_left", 14), Piece("zoom_in", 13, 1, "fade"), Piece("tilt_up", 9, 3))
CLIPS = {
    one.name: one
    for one in (
        Drawing("plain", PIECES),
        Drawing("film rate with B-frames", PIECES, rate=(24000, 1001), container="mkv", between=2),
        Drawing("ntsc rate with B-frames", PIECES, rate=(30000, 1001), between=3),
        Drawing("starts late", PIECES, start=31, between=2),
        Drawing("variable", PIECES, uneven=True, between=2),
        Drawing(
            "variable, late, ticks of a millisecond", PIECES, rate=(30000, 1001), uneven=True, start=7, container="mkv"
        ),
        Drawing("turned", PIECES, turned_deg=90, text="OSTRAKA"),
        Drawing("turned the other way, late", PIECES, turned_deg=270, start=5, uneven=True),
        Drawing("odd sides", PIECES, size=(255, 191), pixel_format="yuv444p"),
        Drawing("hevc of 10 bits", PIECES, codec="libx265", pixel_format="yuv420p10le", between=2),
        Drawing("slower than a frame a second", PIECES, rate=(1, 3)),
    )
}
