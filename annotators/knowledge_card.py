"""The card of a head: what it was fitted on, how well it tells books that it never saw, round by round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import isnan

from annotators.knowledge_fit import Trial
from annotators.knowledge_head import DRAWING, Head
from annotators.knowledge_labels import Label


def card(head: Head, labels: Sequence[Label], trials: Sequence[Trial]) -> str:
    """Return the card as Markdown."""
    return "\n".join(
        [
            "# Knowledge classifier",
            "",
            "How likely a picture was drawn to explain: charts, diagrams, schematics, maps, against photographs,",
            "portraits, drawings for their own sake, puzzles, forms, screenshots, icons and rendered examples.",
            "",
            f"Made by `ostraka fit knowledge` of {len(labels)} labels, SHA-256 `{head.labels}`.",
            "",
            *_features(head),
            "",
            "## On books that it never saw",
            "",
            "Fitted on the other books' labels up to a round, tried on all pictures of the book. AUC: how often a",
            "picture that explains is put above one that does not. A book with few that explain is no fair test.",
            "",
            *_table(("book", "round", "labels seen", "pictures", "explain", "AUC"), map(_row, trials)),
            "",
            "The head that is used is fitted on all labels.",
            "",
            "## Labels",
            "",
            *_kinds(labels),
            "",
        ]
    )


def _features(head: Head) -> list[str]:
    if head.reads != DRAWING:
        return [f"Features: a model's vector of {len(head.lines)} numbers, weights SHA-256 `{head.encoder}`."]
    names = ", ".join(f"`{line.feature}`" for line in head.lines)
    return [f"Features ({len(head.lines)}, `annotators/drawing_features.py`): {names}."]


def _row(trial: Trial) -> tuple[str, ...]:
    auc = "-" if isnan(trial.auc) else f"{trial.auc:.3f}"
    return trial.book, str(trial.round), str(trial.labels), str(trial.pictures), str(trial.knowledge), auc


def _kinds(labels: Sequence[Label]) -> list[str]:
    books = sorted({label.book for label in labels})
    counts = Counter((label.kind, label.book) for label in labels)
    explain = {label.kind for label in labels if label.knowledge}
    kinds = sorted({label.kind for label in labels}, key=lambda kind: (kind not in explain, kind))
    rounds = sorted({label.round for label in labels})
    each = ", ".join(f"{sum(label.round == one for label in labels)} in round {one}" for one in rounds)
    rows = [(kind, "yes" if kind in explain else "no", *(str(counts[kind, book]) for book in books)) for kind in kinds]
    return [f"{each}.", "", *_table(("kind", "explains", *books), rows)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows)]
