"""Simulated people and a simulated model, who look at clips whose truth is known.

Twelve moves of a camera in six pairs that look alike (a pan and a truck, a tilt and a pedestal, a zoom and a dolly).
Who errs says the one that looks alike six times in ten, else any other. People are right as often as CameraBench's were
after each round of training: non-experts 75, 80, 84, 86 and 89 in a hundred, experts 84, 88, 92, 93 and 96.

The model is asked ten times. How often it is wrong differs from clip to clip, and where it is, it says the same wrong
move: about some clips it is wrong every time, surely. Those no routing finds, and only the audit knows of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from annotators.desk.audit import Looks
from annotators.desk.routing import unsure

MOVES = (
    "pan_left",
    "truck_left",
    "pan_right",
    "truck_right",
    "tilt_up",
    "pedestal_up",
    "tilt_down",
    "pedestal_down",
    "zoom_in",
    "dolly_in",
    "zoom_out",
    "dolly_out",
)
ALIKE = 0.6
NON_EXPERTS = (0.75, 0.80, 0.84, 0.86, 0.89)
EXPERTS = (0.84, 0.88, 0.92, 0.93, 0.96)
ASKED, EXAM = 10, 40
GEOMETRY = 0.9
ALARM = 0.4
"""How often the motion of the whole picture tells the right pair of moves (it cannot tell the two of a pair apart), and
how much it says against the model where it tells another."""

MODELS = {"a model wrong on 20 % of clips": (0.5, 1.5), "on 11 %": (0.5, 2.5), "on 5 %": (0.5, 4.0)}
"""Beta distributions of how often a model is wrong on a clip: on most nearly never, on some nearly always."""

Labels = NDArray[np.int64]


def accuracies(people: int = 20) -> list[float]:
    """Return how often each of twenty people is right: three of four are no experts, of every round of training."""
    return [EXPERTS[n // 4 % 5] if n % 4 == 3 else NON_EXPERTS[n % 5] for n in range(people)]


def said(truth: Labels, right: NDArray[np.float64], random: np.random.Generator) -> Labels:
    """Return what is said where each is right so often, else what looks alike or any other."""
    alike = truth ^ 1
    other = (truth + random.integers(1, len(MOVES), truth.shape)) % len(MOVES)
    wrong = np.where(random.random(truth.shape) < ALIKE, alike, other)
    return np.where(random.random(truth.shape) < right, truth, wrong)


def clips(count: int, random: np.random.Generator) -> Labels:
    """Return the true move of each clip."""
    return random.integers(0, len(MOVES), count)


class Verdicts(NamedTuple):
    """What the model notes on each clip, its commonest verdict, how unsure that is, and how often it said each move."""

    noted: Labels
    unsure: NDArray[np.float64]
    counts: Labels


def verdicts(truth: Labels, hard: tuple[float, float], random: np.random.Generator) -> Verdicts:
    """Return what the model says of each clip."""
    share = random.beta(*hard, truth.shape)
    wrong = said(truth, np.zeros(truth.shape), random)
    asked = np.where(random.random((ASKED, *truth.shape)) < share, wrong, truth)
    counts = (asked[:, :, None] == np.arange(len(MOVES))).sum(0)
    noted, spread = counts.argmax(1), 1 - counts.max(1) / ASKED
    geometry = np.where(random.random(truth.shape) < GEOMETRY, truth // 2, random.integers(0, 6, truth.shape))
    signals, place = np.unique(np.stack([spread, ALARM * (geometry != noted // 2)]), axis=1, return_inverse=True)
    said_ = [unsure({"spread": float(one), "geometry": float(other)}) for one, other in signals.T]
    return Verdicts(noted, np.array(said_)[place.reshape(-1)], counts)


def exam(random: np.random.Generator) -> tuple[Looks, Looks, Looks]:
    """Return how well people audit, as an exam of 40 clips each tells, on half of which the model's note is wrong.

    The first to look may be any of the twenty, the second and the third are experts.
    """
    every, experts = (_examined(np.repeat(right, EXAM // 2), random) for right in (accuracies(), EXPERTS))
    return every, experts, experts


def _examined(right: NDArray[np.float64], random: np.random.Generator) -> Looks:
    truth = clips(len(right), random)
    mistaken = said(truth, np.zeros(truth.shape), random)
    repeated = (said(truth, right, random) == mistaken).sum()
    return Looks(int(repeated), len(right), int((said(truth, right, random) == truth).sum()), len(right))
