"""Camera motion: F1 of each primitive on drawn moves, what geometry cannot tell apart, and real clips seen by eye.

python -m bench.camera_motion [--data FOLDER]

Drawn: every primitive over photographs of scikit-image at two speeds, a second and a half each, one move a clip. A
motion is found where it takes at least SHARE of the clip. Precision and recall are over all clips whose camera turns,
zooms, shakes or rests; clips whose camera is carried are told apart, with how many were called by the name of the move
that looks alike, and how sure of it. Real clips, which nobody here made: what people saw on contact sheets, one thing a
clip. It is a list of a few and no ground truth, so a motion that is found besides counts as false only where it
contradicts what was seen: any in a clip at rest, rest in one that moves, and the move that undoes it.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

import numpy as np
from PIL import Image

from annotators.annotator import Subject
from annotators.cameramotion import CameraMotion
from annotators.shots import Shots
from bench.machine import machine
from bench.photographs import DATA
from pipelines.ingest.drawn_clips import Drawing, Piece, draw
from pipelines.ingest.photographs import photographs_folder
from schemas.camera import LOOKS_LIKE, OPPOSITES, STATIC, TOLD
from schemas.note import Noted
from schemas.sample import Sample, Source, Video

SHARE = 0.3
SPEEDS = (0.5, 2.0)
PHOTOGRAPHS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "gravel.png")
SEEN = {
    "static": (
        "intel_sample_videos/asl_gestures/book.mkv",
        "intel_sample_videos/asl_gestures/eat.mkv",
        "intel_sample_videos/asl_gestures/thanks.mkv",
        "intel_sample_videos/asl_gestures/walk.mkv",
        "intel_sample_videos/bottle-detection.mp4",
        "sam2_gallery/04_coffee.mp4",
        "panda70m_research_only/C_7tn_oGHI0.432.mp4",
        "ask_anything/yoga.mp4",
    ),
    "zoom_in": (
        "mdn_cc0/frog.webm",
        "mdn_cc0/crystal.webm",
        "panda70m_research_only/gyM6JW642Qo.12.mp4",
        "panda70m_research_only/aCx99cgrkVY.22.mp4",
        "panda70m_research_only/ZQiXQ1oKfuk.14.mp4",
    ),
    "zoom_out": ("mdn_cc0/monster.webm",),
    "forward travel": ("panda70m_research_only/IBvtoadHBPA.14.mp4", "panda70m_research_only/J_6TUYXi0PQ.44.mp4"),
    "pan or tilt": (
        "panda70m_research_only/TPVvXvf4xRc.9.mp4",
        "panda70m_research_only/CgcadSRtAag.140.mp4",
        "panda70m_research_only/MIytG6bc4bk.44.mp4",
    ),
    "shake": ("mmaction2/test.mp4", "ask_anything/making_cake.mp4"),
}


def looked(content: bytes, extension: str, shots: dict[str, object] | None = None) -> Noted:
    """Return what is noted on a clip; its shots are found first unless they are given."""
    part = Video(sha256(content).hexdigest(), len(content), extension)
    sample = Sample("0" * 32, (part,), Source("", ""))

    def subject(notes: dict[str, object]) -> Subject:
        return Subject(sample, "", (0,), notes, lambda url, offset, size_bytes: content[offset : offset + size_bytes])

    return CameraMotion().look(subject(shots or dict(Shots().look(subject({})).values)))


def found(noted: Noted) -> set[str]:
    pairs = zip(noted.values["camera_motions"], noted.values["camera_motion_shares"], strict=True)
    return {name for name, share in pairs if share >= SHARE}


def drawn() -> Iterator[tuple[str, Noted]]:
    photos = [np.asarray(Image.open(os.path.join(photographs_folder(), name)).convert("RGB")) for name in PHOTOGRAPHS]
    for move in (*TOLD, *LOOKS_LIKE):
        for photo in range(len(photos)):
            for speed in SPEEDS if move != "static" else SPEEDS[:1]:
                drawing = Drawing(f"{move}-{photo}-{speed}", (Piece(move, 36, photo, speed=speed),))
                yield move, looked(draw(drawing, photos).content, "mp4", {"shot_first_frames": [0]})


def table(said: list[tuple[str, Noted]]) -> Iterator[str]:
    yield "| motion | clips | precision | recall | F1 |"
    yield "| --- | --: | --: | --: | --: |"
    told = [(move, found(noted)) for move, noted in said if move in TOLD]
    for name in TOLD:
        right = sum(move == name and name in motions for move, motions in told)
        there, named = sum(move == name for move, _ in told), sum(name in motions for _, motions in told)
        precision, recall = right / max(1, named), right / max(1, there)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        yield f"| {name} | {there} | {precision:.3f} | {recall:.3f} | {f1:.3f} |"


def alike(said: list[tuple[str, Noted]]) -> Iterator[str]:
    yield "| carried | clips | called | share | how sure | how sure of the real one | anything else found |"
    yield "| --- | --: | --- | --: | --: | --: | --- |"
    for move, name in LOOKS_LIKE.items():
        clips = [noted for one, noted in said if one == move]
        real = [noted for one, noted in said if one == name]
        called = sum(name in found(noted) for noted in clips)
        others = Counter(one for noted in clips for one in found(noted) if one != name)
        more = ", ".join(f"{one} {count}" for one, count in others.most_common(3))
        sure = f"{_sure(clips, name):.2f} | {_sure(real, name):.2f}"
        yield f"| {move} | {len(clips)} | {name} | {called / len(clips):.3f} | {sure} | {more} |"


def _sure(clips: list[Noted], name: str) -> float:
    confident = []
    for noted in clips:
        for motion, confidence in zip(noted.places[::3], noted.places[1::3], strict=True):
            if motion.value == name:
                confident.append(float(confidence.value))  # type: ignore[arg-type]
    return float(np.mean(confident)) if confident else float("nan")


def real(folder: str) -> Iterator[str]:
    yield "| seen by eye | clips | found among the motions | contradicted | precision | recall | F1 | not found in |"
    yield "| --- | --: | --: | --: | --: | --: | --: | --- |"
    told = {}
    for name, clips in SEEN.items():
        for clip in clips:
            with open(os.path.join(folder, "video", clip), "rb") as file:
                told[clip] = name, found(looked(file.read(), clip.rsplit(".", 1)[1]))
    for name, clips in SEEN.items():
        missed = [clip for clip in clips if not told[clip][1] & named(name)]
        wrong = sum(contradicts(seen, motion) for seen, motions in told.values() for motion in motions & named(name))
        right = len(clips) - len(missed)
        precision, recall = right / max(1, right + wrong), right / len(clips)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        said = "; ".join(f"{os.path.basename(one)} ({', '.join(sorted(told[one][1])) or 'nothing'})" for one in missed)
        yield f"| {name} | {len(clips)} | {right} | {wrong} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {said} |"


def named(seen: str) -> set[str]:
    """Return the motions that stand for what was seen; who travels forward nears what is ahead."""
    either = {"pan or tilt": ("pan", "tilt"), "forward travel": ("zoom_in",)}.get(seen, (seen,))
    return {one for one in TOLD if one.startswith(either)}


def contradicts(seen: str, motion: str) -> bool:
    """Say whether a clip in which that was seen cannot have this motion for long."""
    if seen == STATIC or motion in named(seen):
        return motion not in named(seen)
    return motion == STATIC or any({one, motion} == {*pair} for pair in OPPOSITES for one in named(seen))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.camera_motion")
    parser.add_argument("--data", default=DATA, help="the folder of samples")
    told = parser.parse_args()
    print(machine(["opencv-python-headless", "av", "decord", "scenedetect-headless"]), flush=True)
    said = list(drawn())
    for lines in (table(said), alike(said)):
        print("", *lines, sep="\n", flush=True)
    if os.path.isdir(os.path.join(told.data, "video")):
        print("", *real(told.data), sep="\n")


if __name__ == "__main__":
    main()
