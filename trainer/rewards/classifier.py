"""A reward model as transformers save it: a sequence classifier with one output, read over question and answer.

Its output goes through the logistic function, so that a score lies between 0 and 1. One answer is scored at a time and
never padded: what it earns does not hang on what it was scored beside.
"""

from __future__ import annotations

import os
from typing import Any

from schemas.errors import BadInput, Unavailable
from trainer.model.torchvision_ready import torchvision_ready
from trainer.needs import need


class Classifier:
    """Scores with a classifier's folder; raises BadInput where it holds none with one output."""

    def __init__(self, folder: str) -> None:
        need("torch", "transformers")
        torchvision_ready()
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        if not os.path.isfile(os.path.join(folder, "config.json")):
            raise _unusable(folder, "there is no config.json in it")
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._model: Any = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
        except (OSError, ValueError) as error:
            raise _unusable(folder, str(error).partition("\n")[0]) from None
        if self._model.config.num_labels != 1:
            raise _unusable(folder, f"it has {self._model.config.num_labels} outputs, and not one")

    def score(self, question: str, answer: str) -> float:
        """Return the logistic function of the model's output."""
        import torch

        tokens = self._tokenizer(question, answer, return_tensors="pt", truncation="only_second")
        try:
            with torch.inference_mode():
                return float(torch.sigmoid(self._model(**tokens).logits.double())[0, 0])
        except torch.OutOfMemoryError as error:
            raise Unavailable(f"the reward model is out of memory: {error}") from None


def _unusable(folder: str, why: str) -> BadInput:
    return BadInput(f"no reward model: {why}", where=folder, remedy="give a sequence classifier's folder")
