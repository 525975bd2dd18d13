"""Balance of experts: the bias evens their loads, the loss is per document and over sigmoid scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from msgspec import structs

from trainer.documents.document import Document
from trainer.documents.grid import PATCH_VALUES
from trainer.documents.special import SpecialIds
from trainer.model.attention import use_document_attention
from trainer.model.balance import balance_loss, hold_biases_exact, loads, move_biases, routers
from trainer.model.forward import Trainee
from trainer.model.model import build
from trainer.model.pack import PackedBatch, pack
from trainer.model.presets import preset

IDS = SpecialIds(0, (0,), 500, 501, 502, 503, 504, 505)


@pytest.fixture
def model() -> Any:
    torch.set_num_threads(1)
    made = build(structs.replace(preset("tiny-moe"), initial_spread=0.1), IDS, 512, seed=1)
    use_document_attention(made)
    return made


def row(*lengths: int, room: int = 0) -> PackedBatch:
    random = np.random.default_rng(0)
    documents = [
        Document(
            f"d{count}",
            "text",
            random.integers(5, 400, length).astype(np.int32),
            np.arange(length) > 0,
            np.zeros((0, 3), np.int64),
            np.zeros((0, PATCH_VALUES), np.uint8),
        )
        for count, length in enumerate(lengths)
    ]
    return pack(documents, sum(lengths) + room, image_id=IDS.image, padding_id=IDS.end)


def most_over_mean(found: torch.Tensor) -> float:
    return float((found.amax(1) / found.mean(1)).max())


def test_the_bias_evens_the_loads(model: Any) -> None:
    batch = row(60, 90, 50)
    real = batch.document_BL[0] < len(batch.keys)
    before = None
    with torch.no_grad():
        for _ in range(60):
            found = loads(Trainee(model)(batch).routed, model, real)
            before = before or most_over_mean(found)
            move_biases(model, found, step=4e-3)
    assert before > 1.4
    assert most_over_mean(found) < 1.15
    assert found.sum(1).tolist() == [200 * 2] * 2


def test_the_loads_are_those_that_the_layers_really_gave(model: Any) -> None:
    batch = row(60, 90)
    for router in routers(model):
        router.e_score_correction_bias.copy_(torch.linspace(-0.3, 0.3, 8))
    given: list[torch.Tensor] = []
    for router in routers(model):
        router.register_forward_hook(lambda _, __, out: given.append(torch.bincount(out[2].flatten(), minlength=8)))
    with torch.no_grad():
        found = loads(Trainee(model)(batch).routed, model, torch.ones(158, dtype=torch.bool))
    assert torch.equal(found.long(), torch.stack(given))


def by_hand(logits_LE: torch.Tensor, bias_E: torch.Tensor, lengths: list[int], top: int) -> float:
    total, begin = 0.0, 0
    for length in lengths:
        scores = logits_LE[begin : begin + length].sigmoid()
        experts = scores.shape[1]
        picked = (scores + bias_E).argsort(descending=True)[:, :top]
        for expert in range(experts):
            asked = float((picked == expert).sum()) * experts / (top * length)
            total += asked * float((scores[:, expert] / scores.sum(1)).mean())
        begin += length
    return total


def test_the_loss_is_the_one_computed_by_hand_and_leaves_padding_out(model: Any) -> None:
    batch = row(20, 33, room=17)
    routed = Trainee(model)(batch).routed
    found = balance_loss(routed, model, batch.ends_D1, torch.tensor([1.0, 3.0]))
    each = [
        by_hand(logits.detach()[:20], router.e_score_correction_bias, [20], router.top_k)
        + 3 * by_hand(logits.detach()[20:], router.e_score_correction_bias, [33], router.top_k)
        for logits, router in zip(routed, routers(model), strict=True)
    ]
    assert float(found.detach()) == pytest.approx(sum(each) / len(each), rel=1e-5)
    found.backward()
    assert all(float(router.weight.grad.norm()) > 0 for router in routers(model))


def test_the_loss_of_a_packed_row_is_the_sum_of_its_documents(model: Any) -> None:
    both = row(20, 33)
    with torch.no_grad():
        packed = balance_loss(Trainee(model)(both).routed, model, both.ends_D1, torch.ones(2))
        logits = Trainee(model)(both).routed
        first = balance_loss([one[:20] for one in logits], model, torch.tensor([0, 20, 28]), torch.ones(1))
        second = balance_loss([one[20:53] for one in logits], model, torch.tensor([0, 33, 41]), torch.ones(1))
    assert float(packed) == pytest.approx(float(first + second), rel=1e-6)


def test_experts_that_are_asked_alike_cost_one() -> None:
    class Even:
        top_k = 2
        e_score_correction_bias = torch.zeros(4)

        def modules(self) -> list[Any]:
            return [self]

    turns = torch.full((4, 4), -1e-3)
    for token in range(4):
        turns[token, [token, (token + 1) % 4]] = 1e-3
    assert float(balance_loss([turns], Even(), torch.tensor([0, 4, 5]), torch.ones(1))) == pytest.approx(1.0, abs=1e-3)


def test_biases_stay_exact_in_a_model_of_sixteen_bits(model: Any) -> None:
    model.to(torch.bfloat16)
    hold_biases_exact(model)
    for _ in range(5):
        move_biases(model, torch.tensor([[9.0, 1, 5, 5, 5, 5, 5, 5]] * 2), 1e-3)
    assert routers(model)[0].e_score_correction_bias[:3].tolist() == pytest.approx([-5e-3, 5e-3, 0.0])
