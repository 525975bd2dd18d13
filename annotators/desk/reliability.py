"""Reliability: how often each person says what is so, and what for what else, where nobody knows what is so.

Dawid and Skene's model: an item has one true label, and each person a table of what they say for each. Expectation and
maximisation by turns, from the share of votes on. It is forty lines of NumPy here: the library that has it brings
transformers along, and the tests compare the two. Use it for categorical layers where people share twenty items or
more.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas.errors import BadInput

ROUNDS, ENOUGH = 100, 1e-7
_LEAST = 1e-10


class Reliability(Struct, frozen=True):
    """What the model found: labels with their probability by item, and by person the share said for each true label.

    `accuracy` is how often a person is right, the labels weighed as they occur; `shared` counts the person's items.
    """

    labels: tuple[str, ...]
    posterior: dict[str, dict[str, float]]
    confusion: dict[str, dict[str, dict[str, float]]]
    accuracy: dict[str, float]
    shared: dict[str, int]
    loss: tuple[float, ...]
    """The negative log-likelihood after each round, which never grows."""


def dawid_skene(answers: Mapping[str, Mapping[str, str]], rounds: int = ROUNDS) -> Reliability:
    """Return how reliable people are, from what each answered on each item (item, person, label)."""
    items = [item for item in answers if answers[item]]
    people = sorted({person for item in items for person in answers[item]})
    labels = sorted({label for item in items for label in answers[item].values()})
    if not items:
        raise BadInput("nobody answered anything", where="reliability", remedy="give answers")
    said_IPL = np.zeros((len(items), len(people), len(labels)))
    place = {label: at for at, label in enumerate(labels)}
    for at, item in enumerate(items):
        for person, label in answers[item].items():
            said_IPL[at, people.index(person), place[label]] = 1
    posterior_IL = said_IPL.sum(1) / said_IPL.sum((1, 2))[:, None]
    losses = list[float]()
    for _ in range(rounds):
        prior_L, confusion_PTL = _maximise(said_IPL, posterior_IL)
        posterior_IL, loss = _expect(said_IPL, prior_L, confusion_PTL)
        losses.append(loss)
        if len(losses) > 1 and losses[-2] - loss < ENOUGH * abs(loss):
            break
    return _found(items, people, labels, said_IPL, posterior_IL, losses)


def _maximise(
    said_IPL: NDArray[np.float64], posterior_IT: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how common each label is, and what each person says for it."""
    counts_PTL = np.einsum("ipl,it->ptl", said_IPL, posterior_IT)
    return posterior_IT.mean(0), counts_PTL / np.maximum(counts_PTL.sum(2, keepdims=True), _LEAST)


def _expect(
    said_IPL: NDArray[np.float64], prior_T: NDArray[np.float64], confusion_PTL: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return the probability of each label of each item, and the negative log-likelihood of what was said."""
    logs_IT = np.log(np.maximum(prior_T, _LEAST)) + np.einsum(
        "ipl,ptl->it", said_IPL, np.log(np.maximum(confusion_PTL, _LEAST))
    )
    most_I = logs_IT.max(1, keepdims=True)
    weights_IT = np.exp(logs_IT - most_I)
    total_I = weights_IT.sum(1, keepdims=True)
    return weights_IT / total_I, -float((most_I + np.log(total_I)).sum())


def _found(
    items: list[str],
    people: list[str],
    labels: list[str],
    said_IPL: NDArray[np.float64],
    posterior_IL: NDArray[np.float64],
    losses: list[float],
) -> Reliability:
    _, confusion_PTL = _maximise(said_IPL, posterior_IL)
    counts_PTL = np.einsum("ipl,it->ptl", said_IPL, posterior_IL)
    right_P = np.einsum("pll->p", counts_PTL) / counts_PTL.sum((1, 2))
    return Reliability(
        tuple(labels),
        {item: _named(labels, posterior_IL[at]) for at, item in enumerate(items)},
        {
            person: {label: _named(labels, confusion_PTL[at, row]) for row, label in enumerate(labels)}
            for at, person in enumerate(people)
        },
        {person: float(right_P[at]) for at, person in enumerate(people)},
        {person: int(said_IPL[:, at].sum()) for at, person in enumerate(people)},
        tuple(losses),
    )


def _named(labels: list[str], row_L: NDArray[np.float64]) -> dict[str, float]:
    return {label: float(value) for label, value in zip(labels, row_L, strict=True)}
