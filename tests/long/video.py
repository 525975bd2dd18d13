"""What a video of three hours and one of 4K cost each annotator in a guard's child; writes docs/proofs/video.md.

python tests/long/video.py [WORK]

The three hours are 43,200 frames, four a second: a drawn minute written over and over, each time later, so that it is
made in seconds and is a whole file to every reader. Each annotator looks at it in a disposable child, as in a run; the
peak is the child's resident memory. At last a child is given five seconds for it.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import av
import numpy as np

from annotators.annotator import Annotator
from annotators.cameramotion import CameraMotion
from annotators.integrity import Integrity
from annotators.probe import Probe
from annotators.shots import Shots
from annotators.trainedshots import TrainedShots
from pipelines.guard.guard import Guard
from pipelines.guard.talk import Request, Result
from pipelines.ingest.drawn_clips import Drawing, Piece, draw
from schemas.camera import TOLD
from schemas.note import Failed
from schemas.sample import Sample, Source, Video

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "proofs" / "video.md"
HOURS, RATE = 3, 4
MINUTE = 60 * RATE
ANNOTATORS: tuple[Annotator, ...] = (Probe(), Integrity(), Shots(), CameraMotion())
SHORT_S = 5.0


def photographs() -> list[Any]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (24, 32, 3), np.uint8).repeat(24, 0).repeat(24, 1) for _ in range(4)]


def three_hours(path: Path) -> None:
    """Write a drawn minute over and over."""
    pieces = tuple(Piece(TOLD[place % len(TOLD)], MINUTE // 12, place, speed=0.3) for place in range(12))
    minute = draw(Drawing("minute", pieces, rate=(RATE, 1), numbered=False, between=2), photographs()).content
    with av.open(str(path), "w", format="mp4") as out:
        with av.open(io.BytesIO(minute)) as file:
            stream = out.add_stream_from_template(file.streams.video[0])
        for again in range(60 * HOURS):
            with av.open(io.BytesIO(minute)) as file:
                later = int(Fraction(60 * again) / file.streams.video[0].time_base)
                for packet in file.demux(video=0):
                    if packet.size:
                        packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, stream
                        out.mux(packet)


def four_k(path: Path, codec: str) -> None:
    """Write a second and a half of 4K."""
    pieces = Piece("pan_left", 24), Piece("zoom_in", 12, 1)
    path.write_bytes(draw(Drawing("4k", pieces, size=(3840, 2160), codec=codec), photographs()).content)


def looked(annotator: Annotator, path: Path, notes: Mapping[str, Any]) -> tuple[Result, float, float]:
    """Return what an annotator found, its child's peak in MiB, and the seconds that it took."""
    content = path.read_bytes()
    part = Video(sha256(content).hexdigest(), len(content), "mp4")
    began = time.monotonic()
    with Guard(annotator) as guard:
        [found] = guard.look([Request(Sample("0" * 32, (part,), Source("", "")), str(path), (0,), notes)])
        child = guard._child
        status = Path(f"/proc/{child._process.pid}/status").read_text() if child else "VmHWM: 0"
    peak = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    return found, peak, time.monotonic() - began


def rows(name: str, path: Path, annotators: tuple[Annotator, ...]) -> Iterator[str]:
    notes: dict[str, Any] = {}
    for annotator in annotators:
        found, peak, seconds = looked(annotator, path, notes)
        if isinstance(found, Failed):
            said = f"failed: {found.reason}, {found.detail}"
        else:
            notes.update({one: found.values[one] for one in ("shot_first_frames",) if one in found.values})
            said = told(found.values)
        yield f"| {name} | {annotator.name} | {peak:.0f} | {seconds:.0f} | {said} |"


def told(values: Mapping[str, Any]) -> str:
    """Return what shows that all was looked at."""
    if "video_frames" in values:
        return f"{values['video_frames']:,} frames, {values['duration_s']:.0f} s"
    if "frames_decoded" in values:
        return f"{values['frames_decoded']:,} frames, {values['packets_broken']} packets broken"
    if "shot_first_frames" in values:
        return f"{len(values['shot_first_frames']):,} shots"
    return f"seen {values['camera_seen_share']:.0%} of the time"


def cut_off(path: Path) -> str:
    found, _, seconds = looked(Integrity(limit_s=SHORT_S), path, {})
    assert isinstance(found, Failed) and found.reason == "resource", found
    end = f"`{found.reason}`, {found.detail}"
    return f"Given {SHORT_S:g} s, twice, the three hours were a failed row after {seconds:.0f} s: {end}."


def main(work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    made = {"three hours": work / "hours.mp4", "4K, H.264": work / "h264.mp4", "4K, HEVC": work / "hevc.mp4"}
    kept = work / "rows.json"
    lines: dict[str, list[str]] = json.loads(kept.read_text()) if kept.exists() else {}
    makers = (
        lambda: three_hours(made["three hours"]),
        *(lambda c=c, n=n: four_k(made[n], c) for n, c in CODECS.items()),
    )
    for (name, path), make in zip(made.items(), makers, strict=True):
        if not path.exists():
            make()
        if name not in lines:
            lines[name] = list(rows(name, path, ANNOTATORS if name == "three hours" else (*ANNOTATORS, TrainedShots())))
            kept.write_text(json.dumps(lines))
        print(*lines[name], sep="\n", flush=True)
    size_mib = made["three hours"].stat().st_size / 2**20
    REPORT.write_text(written([row for rows in lines.values() for row in rows], cut_off(made["three hours"]), size_mib))
    print(REPORT.read_text())


CODECS = {"4K, H.264": "libx264", "4K, HEVC": "libx265"}


def written(rows: list[str], cut: str, size_mib: float) -> str:
    """Return the report."""
    return (
        "---\norphan: true\n---\n\n# Long and large videos\n\n"
        f"A made video of three hours ({60 * HOURS * MINUTE:,} frames of 256 x 192, {size_mib:.0f} MiB), and a second\n"
        "and a half of 4K. Each annotator in a child of the guard, one thread: its peak resident memory in MiB, the\n"
        "bytes of the file among it, and the seconds by the clock that it took with its start.\n\n"
        "| video | annotator | peak | seconds | what it found |\n|---|---|---:|---:|---|\n" + "\n".join(rows) + "\n\n"
        f"{cut}\n\nWritten by `python tests/long/video.py`.\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/ostraka-video"))
