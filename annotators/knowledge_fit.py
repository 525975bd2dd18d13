"""Fitting the head of the knowledge classifier on labelled pictures, and trying it on books that it never saw.

Features go through piecewise linear functions of a few knots into a logistic regression whose classes weigh the same:
with a few hundred labels a random forest told another book less well (AUC 0.93 against 0.95), and it is no value that
can be read. A fit takes a second; scikit-learn does the numbers, and is not needed to use a head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from annotators.drawing_features import FEATURES
from annotators.knowledge_head import DRAWING, Head, Line, Reads
from annotators.knowledge_labels import Label, digest_of, until
from schemas.errors import BadInput

KNOTS, STRENGTH = 4, 0.1
"""Knots of each feature's line, and the inverse of the strength of the L2 penalty."""

_DECIMALS = 6


class Trial(Struct, frozen=True):
    """How well a head told one book, fitted on the others' labels of the rounds up to one: `auc` is the area under the
    ROC curve, NaN where the book has pictures of one sort alone."""

    book: str
    round: int
    labels: int
    pictures: int
    knowledge: int
    auc: float


def fit_head(
    features_NF: NDArray[np.float64], labels: Sequence[Label], reads: Reads = DRAWING, encoder: str = ""
) -> Head:
    """Fit a head on a row of features a label; raises BadInput where there is one sort of pictures alone."""
    told = np.array([label.knowledge for label in labels], bool)
    if told.all() or not told.any():
        raise BadInput(
            f"all {len(told)} labels say the same", where="fit knowledge", remedy="label pictures of both sorts"
        )
    LogisticRegression = _sklearn("linear_model").LogisticRegression
    spans = [(float(low), float(high)) for low, high in zip(features_NF.min(0), features_NF.max(0), strict=True)]
    knots = [
        np.linspace(low, high, KNOTS if reads == DRAWING else 2) if high > low else np.array([low])
        for low, high in spans
    ]
    shares_NK = np.concatenate([_shares(features_NF[:, at], knots[at]) for at in range(len(knots))], axis=1)
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=10_000, tol=1e-8)
    weights = model.fit(shares_NK, told).coef_[0]
    cuts = np.cumsum([len(one) for one in knots])[:-1]
    names = FEATURES if reads == DRAWING else [str(at) for at in range(len(knots))]
    lines = tuple(
        Line(name, _rounded(at), _rounded(height))
        for name, at, height in zip(names, knots, np.split(weights, cuts), strict=True)
    )
    return Head(
        reads,
        digest_of(labels),
        round(float(model.intercept_[0]), _DECIMALS),
        lines,
        encoder,
    )


def _shares(values_N: NDArray[np.float64], knots_K: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of each value lies at each knot: what makes a line through them of the weights."""
    return np.stack([np.interp(values_N, knots_K, row) for row in np.eye(len(knots_K))], axis=1)


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(value), _DECIMALS) for value in values)


def try_books(features_NF: NDArray[np.float64], labels: Sequence[Label], reads: Reads = DRAWING) -> list[Trial]:
    """Try heads on each book: fitted on the others alone, once for each round with what was labelled by its end."""
    books, rounds = sorted({label.book for label in labels}), sorted({label.round for label in labels})
    return [_try(features_NF, labels, reads, book, number) for book in books for number in rounds]


def _try(features_NF: NDArray[np.float64], labels: Sequence[Label], reads: Reads, book: str, number: int) -> Trial:
    seen = [at for at in until(labels, number) if labels[at].book != book]
    unseen = [at for at, label in enumerate(labels) if label.book == book]
    truth = [labels[at].knowledge for at in unseen]
    auc = nan
    if len({labels[at].knowledge for at in seen}) == 2 and len({*truth}) == 2:
        head = fit_head(features_NF[seen], [labels[at] for at in seen], reads)
        told = [head.probability(features_NF[at]) for at in unseen]
        auc = float(_sklearn("metrics").roc_auc_score(truth, told))
    return Trial(book, number, len(seen), len(unseen), sum(truth), auc)


def least_sure(probabilities: Mapping[str, float], count: int) -> list[tuple[str, float]]:
    """Return the pictures, by digest, that a head is least sure of: what the next round should label."""
    order = sorted(probabilities.items(), key=lambda one: (abs(one[1] - 0.5), one[0]))
    return order[:count]


def _sklearn(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"sklearn.{module}")
    except ImportError as error:
        raise BadInput(
            f"scikit-learn cannot be imported ({error})", where="fit knowledge", remedy="pip install 'ostraka[fit]'"
        ) from None
