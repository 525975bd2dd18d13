"""Compiled layers give the gradients of plain ones, and no row compiles them anew but one of another size of tower."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from trainer.documents.document import Document
from trainer.documents.grid import PATCH_VALUES
from trainer.documents.special import SpecialIds
from trainer.model.attention import use_document_attention
from trainer.model.compiled import use_compiled_layers
from trainer.model.fixed_sizes import document_bounds, power_of_two
from trainer.model.forward import Trainee
from trainer.model.model import build
from trainer.model.pack import ROOM, PackedBatch, pack
from trainer.model.presets import preset

WORDS, END, IMAGE = 400, 0, 500
IDS = SpecialIds(END, (END,), IMAGE, 501, 502, 503, 504, 505)
LENGTH, CLOSE = 400, 2e-6
OF_ONE_SIZE = (LENGTH + ROOM) // 2
"""Patches that the tower's sizes are apart."""


def document(random: np.random.Generator, words: int, grids: list[tuple[int, int]]) -> Document:
    tokens = [token for h, w in grids for token in (502, *[IMAGE] * (h * w // 4), 503)]
    tokens_T = np.array([*tokens, *random.integers(5, WORDS, words)], np.int32)
    is_target_T = (tokens_T < WORDS) & (np.arange(len(tokens_T)) > 0)
    patches_PD = random.integers(0, 256, (sum(h * w for h, w in grids), PATCH_VALUES), np.uint8)
    grids_N3 = np.array([(1, h, w) for h, w in grids], np.int64).reshape(-1, 3)
    return Document(f"{words}", "text", tokens_T, is_target_T, grids_N3, patches_PD)


def rows() -> list[PackedBatch]:
    """Make rows of one length that differ in documents, pictures and patches; the last has the more patches."""
    random = np.random.default_rng(0)
    laid = [
        [document(random, 30, []), document(random, 40, [(4, 6)])],
        [document(random, 9, [(4, 4), (2, 2)]), document(random, 80, []), document(random, 5, [(6, 6), (4, 4)])],
        [document(random, 300, [])],
        [document(random, 20 + n, [(4, 4)] * (n % 3)) for n in range(5)],
        [document(random, 20, [(12, 12), (8, 10)]), document(random, 20, [(4, 4)])],
    ]
    return [pack(one, LENGTH, image_id=IMAGE, padding_id=END) for one in laid]


def gradient(trainee: Trainee, row: PackedBatch) -> tuple[float, torch.Tensor]:
    trainee.zero_grad(set_to_none=True)
    loss = trainee(row).losses.sum()
    loss.backward()
    found = [weight.grad.flatten() for weight in trainee.parameters() if weight.grad is not None]
    return float(loss.detach()), torch.cat(found)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.set_num_threads(1)
    made = build(preset("tiny"), IDS, 512, seed=3)
    use_document_attention(made)
    return made


def test_compiled_layers_have_the_gradients_of_plain_ones_and_are_compiled_once_a_size(model: Any) -> None:
    plain, made = Trainee(model), copy.deepcopy(model)
    torch._dynamo.reset()
    use_compiled_layers(made, LENGTH + ROOM, backend="aot_eager")
    compiled = Trainee(made, fixed=True)
    counters.clear()
    seen, graphs = set[int](), 0
    for row in rows():
        (loss, found), (expected_loss, expected) = (gradient(trainee, row) for trainee in (compiled, plain))
        assert loss == pytest.approx(expected_loss, rel=CLOSE)
        assert float((found - expected).norm() / expected.norm()) < CLOSE
        size = -(-len(row.patches_PD) // OF_ONE_SIZE)
        assert (counters["stats"]["unique_graphs"] > graphs) == (size not in seen), "a row compiled anew, or none did"
        graphs = counters["stats"]["unique_graphs"]
        seen.add(size)
    assert seen == {1, 2}


def test_bounds_are_filled_up_with_empty_documents() -> None:
    for row in rows():
        bounds, longest = document_bounds(row)
        documents = len(row.ends_D1)
        assert torch.equal(bounds[:documents], row.ends_D1)
        assert bool((bounds[documents:] == row.ends_D1[-1]).all())
        assert (len(bounds), longest) == (65, 512)
    assert [power_of_two(count, 64) for count in (1, 64, 65, 128, 129)] == [64, 64, 128, 128, 256]
