"""The recipe `video`: clips with captions from a folder, a manifest and tars; what is broken goes with its reason."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.export.verify import verify
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.ingest import ingest
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf

Draw = Callable[[Drawing], Drawn]
PIECES = (Piece("pan_left", 18), Piece("zoom_in", 18, 1))


def encoded(sizes: tuple[int, int], times: list[int], codec: str = "ffv1", kind: str = "matroska") -> bytes:
    """Return noise as a video whose frames have these times, as they come."""
    out, noise = io.BytesIO(), np.random.default_rng(0)
    with av.open(out, "w", format=kind) as file:
        stream: Any = file.add_stream(codec, rate=12)
        stream.width, stream.height, stream.pix_fmt = *sizes, "yuv420p"
        for place, time in enumerate(times):
            pixels = noise.integers(0, 256, (sizes[1], sizes[0], 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = place
            for packet in stream.encode(frame):
                packet.pts = time + len(times)
                packet.dts = place
                file.mux(packet)
        file.mux(stream.encode(None))
    return out.getvalue()


def silence() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream = file.add_stream("aac", rate=8000)
        for place in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 8000, place * 1024
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def moved_to_the_front(content: bytes) -> bytes:
    """Return an mp4 with its index before its frames, as it lies on the web."""
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(content)) as file,
        av.open(out, "w", format="mp4", options={"moov_size": "8192"}) as other,
    ):
        stream = other.add_stream_from_template(file.streams.video[0])
        for packet in file.demux(video=0):
            if packet.size:
                packet.stream = stream
                other.mux(packet)
    return out.getvalue()


def two_views() -> bytes:
    """Return a video with two video streams, the second the larger one, and the first the one it calls default."""
    out, noise = io.BytesIO(), np.random.default_rng(0)
    with av.open(out, "w", format="mp4") as file:
        streams: list[Any] = [file.add_stream("libx264", rate=12) for _ in range(2)]
        for side, stream in zip((1, 2), streams, strict=True):
            stream.width, stream.height, stream.pix_fmt = 64 * side, 48 * side, "yuv420p"
        for stream in streams:
            for _ in range(24):
                pixels = noise.integers(0, 256, (stream.height, stream.width, 3), np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            file.mux(stream.encode(None))
    return out.getvalue()


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory, drawn: Draw, story: Callable[..., dict[str, tuple[str, str, str]]]
) -> dict[str, tuple[str, str, str]]:
    """Curate a manifest of good and bad clips, and tell of each what became of it."""
    folder = tmp_path_factory.mktemp("clips")
    good = drawn(Drawing("good", PIECES, between=2)).content
    mkv = drawn(Drawing("good mkv", (*PIECES, Piece("tilt_up", 30, 2)), container="mkv", start=30)).content
    longer = drawn(Drawing("longer", (*PIECES, Piece("tilt_up", 30, 2)), between=2)).content
    middle = len(good) // 2
    files = {
        "good.mp4": good,
        "copy.mp4": good,
        "late.mkv": drawn(Drawing("late", PIECES, start=30, container="mkv", between=2)).content,
        "turned.mp4": drawn(Drawing("turned", PIECES, turned_deg=90)).content,
        "odd.mp4": drawn(Drawing("odd", PIECES, size=(255, 191), pixel_format="yuv444p")).content,
        "ten-bit.mp4": drawn(Drawing("10", PIECES, codec="libx265", pixel_format="yuv420p10le")).content,
        "av1.mp4": drawn(Drawing("av1", PIECES, codec="libsvtav1")).content,
        "webm.mp4": drawn(Drawing("matroska as mp4", PIECES, container="mkv", between=1)).content,
        "picture.jpg": drawn(Drawing("mp4 as jpg", PIECES, between=2, text="JPG")).content,
        "four-k.mp4": drawn(Drawing("4k", (Piece("pan_left", 6),), rate=(4, 1), size=(3840, 2160))).content,
        "two-views.mp4": two_views(),
        "truncated-behind-its-index.mp4": moved_to_the_front(longer)[: len(longer) * 3 // 4],
        "truncated.mp4": good[:middle],
        "truncated.mkv": mkv[: len(mkv) // 2],
        "broken.mp4": good[:middle] + bytes(400) + good[middle + 400 :],
        "empty.mp4": b"",
        "words.mp4": b"This is a letter, whatever it is called.",
        "sound.mp4": silence(),
        "one-frame.mp4": drawn(Drawing("one", (Piece("static", 1),))).content,
        "one-pixel.mkv": encoded((1, 1), list(range(24))),
        "back.mkv": encoded((64, 48), [*range(12), *range(6, 18)]),
        "back-and-forth.mkv": encoded((64, 48), [place ^ 1 for place in range(24)]),
        "still.mp4": drawn(Drawing("still", (Piece("static", 36),), numbered=False)).content,
        "black.mp4": black(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    rows = [{"video": name, "caption": f"A clip called {name}.", "id": name} for name in files]
    rows.append({"video": "nowhere.mp4", "caption": "A clip that is not there.", "id": "nowhere.mp4"})
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shelf = Shelf(str(tmp_path_factory.mktemp("shelf")))
    done = ingest(shelf, str(folder / "captions.jsonl"), Local(1), max_failed=1.0)
    assert done.recipe == "video"
    run(shelf, find_recipe("video"), Local(2), RunOptions(max_failed=1.0))
    return story(shelf, "video")


def black() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream: Any = file.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(24):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        file.mux(stream.encode(None))
    return out.getvalue()


ENDS = {
    "late.mkv": ("kept", "kept", ""),
    "turned.mp4": ("kept", "kept", ""),
    "odd.mp4": ("kept", "kept", ""),
    "ten-bit.mp4": ("kept", "kept", ""),
    "av1.mp4": ("kept", "kept", ""),
    "webm.mp4": ("kept", "kept", ""),
    "picture.jpg": ("kept", "kept", ""),
    "four-k.mp4": ("kept", "kept", ""),
    "two-views.mp4": ("kept", "kept", ""),
    "truncated-behind-its-index.mp4": ("dropped", "whole_video", "cut_short"),
    "truncated.mp4": ("failed", "probe", "unreadable_container"),
    "truncated.mkv": ("dropped", "whole_video", "cut_short"),
    "broken.mp4": ("dropped", "whole_video", "packets_broken"),
    "empty.mp4": ("failed", "ingest", "empty_file"),
    "words.mp4": ("failed", "ingest", "unknown_format"),
    "sound.mp4": ("failed", "probe", "no_video_stream"),
    "one-frame.mp4": ("dropped", "lasts", "too_short"),
    "one-pixel.mkv": ("dropped", "min_side", "side_too_short"),
    "back.mkv": ("failed", "probe", "times_repeat"),
    "back-and-forth.mkv": ("dropped", "whole_video", "times_go_back"),
    "still.mp4": ("dropped", "not_still", "still"),
    "black.mp4": ("dropped", "not_black", "black"),
    "nowhere.mp4": ("failed", "ingest", "file_missing"),
}


@pytest.mark.parametrize("name", ENDS)
def test_each_ends_as_it_should(told: dict[str, tuple[str, str, str]], name: str) -> None:
    assert told[name] == ENDS[name]


def test_of_two_copies_one_stays(told: dict[str, tuple[str, str, str]]) -> None:
    ends = sorted(told[name] for name in ("good.mp4", "copy.mp4"))
    assert ends == [("dropped", "exact_dedup", "exact_duplicate"), ("kept", "kept", "")]


def test_a_folder_and_a_video2dataset_tar_bring_clips_with_their_captions(
    drawn: Draw, tmp_path: Path, curate: Callable[..., dict[str, tuple[str, str, str]]]
) -> None:
    clip = drawn(Drawing("good", PIECES, between=2))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(clip.content)
    (folder / "a.txt").write_text("The camera turns to the left.")
    with tarfile.open(tmp_path / "00000.tar", "w") as tar:
        meta = json.dumps({"key": "0", "caption": "The camera turns.", "url": "http://x/y", "clips": [[0, 1.5]]})
        clipless = ("1.json", meta.encode()), ("1.txt", b"A clip that is not there.")
        whole = ("0.mp4", clip.content), ("0.json", meta.encode()), ("0.txt", b"The camera turns.")
        for name, content in (*whole, *clipless):
            member = tarfile.TarInfo(f"000000{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    for source in (folder, tmp_path / "00000.tar"):
        shelf = Shelf(str(tmp_path / f"shelf-{source.name}"))
        told = curate(shelf, source, recipe="video")
        missing = [("dropped", "has_video", "no_video")] if source.suffix == ".tar" else []
        assert list(told.values()) == [("kept", "kept", ""), *missing]
        row = shelf.catalog("000000").to_pylist()[0]
        assert row["videos"] == 1 and "The camera turns" in row["parts"]


def test_notes_on_spans_stand_on_the_shelf_in_integer_times(
    drawn: Draw, tmp_path: Path, curate: Callable[..., dict[str, tuple[str, str, str]]]
) -> None:
    clip = drawn(Drawing("good", PIECES, between=2))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(clip.content)
    shelf = Shelf(str(tmp_path / "shelf"))
    curate(shelf, tmp_path / "clips", recipe="video")
    [piece] = (tmp_path / "shelf" / "notes").glob("shots@*/*.parquet")
    [row] = pq.read_table(piece).to_pylist()
    spans = [(note["at"]["start_pts"], note["at"]["end_pts"]) for note in json.loads(row["places"])[::2]]
    assert spans == [(clip.pts[0], clip.pts[18]), (clip.pts[18], clip.pts[36])]
    assert {tuple(note["at"]["time_base"]) for note in json.loads(row["places"])} == {clip.time_base}
    export(shelf, "clips", str(tmp_path / "out"), Local(1), ExportOptions())
    [sidecar] = pq.read_table(tmp_path / "out" / "train" / "mp4" / "clips-000000.parquet").to_pylist()
    with tarfile.open(tmp_path / "out" / "train" / "mp4" / "clips-000000.tar") as tar:
        told = json.load(tar.extractfile(f"{sidecar['key']}.json"))
    assert told["parts"][0]["duration_s"] == pytest.approx(36 / 24) and sidecar["estimated_tokens"] == 384
    assert verify(str(tmp_path / "out")).samples == 1
