"""Shots: each detector and their vote, on drawn cuts and fades and on the clip whose list of shots is given.

python -m bench.shots [--data FOLDER]

A boundary is found where one lies within WITHIN_S of a true one; each true one counts once. Drawn: clips of six pieces
over photographs that move, joined by cuts, by short and by long fades through black. The given clip fades out and in
around its two boundaries, and begins and ends in black.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from annotators.container import read_container
from annotators.frames import frames_at
from annotators.shots import CUT_DETECTORS, Shots, detected
from bench.camera_motion import PHOTOGRAPHS
from bench.machine import machine
from bench.photographs import DATA
from pipelines.ingest.drawn_clips import Drawing, Joint, Piece, draw
from pipelines.ingest.photographs import photographs_folder
from schemas.camera import TOLD

WITHIN_S = {"cuts": 0.05, "short fades": 0.25, "long fades": 0.25, "given list": 0.5}
FADE_FRAMES = {"cuts": 0, "short fades": 5, "long fades": 14}
CLIPS, PIECES = 6, 6


def drawn(kind: str) -> Iterator[tuple[bytes, str, list[int]]]:
    photos = [np.asarray(Image.open(os.path.join(photographs_folder(), name)).convert("RGB")) for name in PHOTOGRAPHS]
    joint: Joint = "cut" if kind == "cuts" else "fade"
    for clip in range(CLIPS):
        moves = [TOLD[(clip + 3 * place) % len(TOLD)] for place in range(PIECES)]
        pieces = [Piece(move, 40, (clip * 5 + place * 7) % 5, joint) for place, move in enumerate(moves)]
        drawing = Drawing(f"{kind}-{clip}", tuple(pieces), fade=FADE_FRAMES[kind] or 6, numbered=False)
        yield draw(drawing, photos).content, "mp4", [40 * place for place in range(1, PIECES)]


def given(folder: str) -> Iterator[tuple[bytes, str, list[int]]]:
    home = os.path.join(folder, "video", "pyscenedetect")
    with open(os.path.join(home, "testvideo", "testvideo_scenes.csv"), encoding="utf-8") as file:
        firsts = [int(float(row[2])) for row in csv.reader(file) if row and row[0].isdigit()]
    with open(os.path.join(home, "testvideo.mp4"), "rb") as clip:
        yield clip.read(), "mp4", firsts[1:]


def found(content: bytes, extension: str) -> tuple[dict[str, list[int]], float]:
    container, shots = read_container(content, extension), Shots()
    every, rate = range(len(container.pts)), container.rate[0] / container.rate[1]
    frames = frames_at(content, extension, container, every, shots.side_px, shots.decoder)
    least = max(1, round(shots.least_s * rate))
    seen = detected(frames, container.rate, least)
    votes = {
        f"{which}, {agree} of 3 and fades": [
            one.place for one in Shots(agree=agree).agreed(seen, least, round(shots.fade_s * rate))
        ]
        for agree, which in ((1, "any"), (2, "the recipe's"), (3, "all"))
    }
    return {**{name: seen[name] for name in (*CUT_DETECTORS, "fade")}, **votes}, rate


def right(places: Sequence[int], truth: Sequence[int], within: float) -> int:
    """Return how many true boundaries have one of their own within so many frames."""
    left, count = list(places), 0
    for wanted in truth:
        near = min(left, key=lambda place: abs(place - wanted), default=None)
        if near is not None and abs(near - wanted) <= within:
            left.remove(near)
            count += 1
    return count


def rows(name: str, clips: Iterator[tuple[bytes, str, list[int]]]) -> Iterator[str]:
    hits, said, true = dict[str, int](), dict[str, int](), 0
    for content, extension, truth in clips:
        places, rate = found(content, extension)
        true += len(truth)
        for which, ones in places.items():
            hits[which] = hits.get(which, 0) + right(ones, truth, max(1.0, WITHIN_S[name] * rate))
            said[which] = said.get(which, 0) + len(ones)
    for which, hit in hits.items():
        precision, recall = hit / max(1, said[which]), hit / max(1, true)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        yield f"| {name} | {which} | {true} | {precision:.3f} | {recall:.3f} | {f1:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.shots")
    parser.add_argument("--data", default=DATA, help="the folder of samples")
    told = parser.parse_args()
    print(machine(["scenedetect-headless", "opencv-python-headless", "decord"]), flush=True)
    print("\n| boundaries | detector | in all | precision | recall | F1 |\n| --- | --- | --: | --: | --: | --: |")
    for kind in FADE_FRAMES:
        print(*rows(kind, drawn(kind)), sep="\n", flush=True)
    if os.path.isdir(os.path.join(told.data, "video")):
        print(*rows("given list", given(told.data)), sep="\n")


if __name__ == "__main__":
    main()
