"""Packed gradients equal one-by-one gradients, and what would break that is seen.

One by one means plain transformers: its own positions, its own attention, its own way with videos, and cross-entropy
over whole logits. Gradients are compared, never losses: with the text row forgotten the loss moves by a hundredth and
the gradient points elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BadInput
from trainer.documents.document import Document
from trainer.documents.grid import PATCH_VALUES
from trainer.documents.positions import positions
from trainer.documents.special import SpecialIds
from trainer.model.attention import use_document_attention, use_plain_attention, within_documents
from trainer.model.chunked_entropy import chunked_entropy
from trainer.model.flat_kernel import use_flat_kernel
from trainer.model.forward import Trainee
from trainer.model.loss import losses
from trainer.model.model import build
from trainer.model.normalised import normalised
from trainer.model.pack import IGNORED, ROOM, PackedBatch, pack
from trainer.model.parts import freeze, part_of
from trainer.model.presets import preset

WORDS, END, IMAGE, BEGIN_IMAGE, END_IMAGE, BEGIN_VIDEO, END_VIDEO = 400, 0, 500, 502, 503, 504, 505
IDS = SpecialIds(END, (END,), IMAGE, 501, BEGIN_IMAGE, END_IMAGE, BEGIN_VIDEO, END_VIDEO)
CLOSE = 2e-6
SEEN = 100 * CLOSE
"""A mutation that moves the gradient by less would be too close to rounding to be called caught."""

SMALL, WIDE = (1, 4, 4), (1, 4, 10)


def document(seed: int, *parts: int | tuple[int, int, int] | list[tuple[int, int, int]], key: str = "") -> Document:
    """Make a document of so many words, of pictures by their grids, and of videos by the grids of their slices."""
    random = np.random.default_rng(seed)
    tokens: list[int] = []
    grids: list[tuple[int, int, int]] = []

    def picture(grid: tuple[int, int, int]) -> None:
        tokens.extend([BEGIN_IMAGE, *[IMAGE] * (grid[1] * grid[2] // 4), END_IMAGE])
        grids.append(grid)

    for part in parts:
        if isinstance(part, int):
            tokens.extend(random.integers(5, WORDS, part).tolist())
        elif isinstance(part, tuple):
            picture(part)
        else:
            tokens.append(BEGIN_VIDEO)
            for second, grid in enumerate(part):
                picture(grid)
                tokens.append(10 + second)
            tokens.append(END_VIDEO)
    tokens_T = np.array(tokens, np.int32)
    is_target_T = (tokens_T < WORDS) & (random.random(len(tokens)) < 0.8)
    is_target_T[0] = False
    patches = sum(height * width for _, height, width in grids)
    patches_PD = random.integers(0, 256, (patches, PATCH_VALUES), np.uint8)
    return Document(
        key or f"d{seed}", "text", tokens_T, is_target_T, np.array(grids, np.int64).reshape(-1, 3), patches_PD
    )


TEXTS = [document(1, 30), document(2, 7), document(3, 55)]
PICTURE_EACH = [document(4, 5, SMALL, 20), document(5, WIDE, 9), document(6, 3, SMALL, 14)]
SEVERAL = [document(7, 4, SMALL, 6, WIDE, 5, SMALL, 9), document(8, SMALL, SMALL, 12)]
VIDEOS = [document(9, 3, [SMALL, SMALL, SMALL], 15), document(10, [WIDE, WIDE], 8)]
MIXED = [TEXTS[0], SEVERAL[0], VIDEOS[0], PICTURE_EACH[1], document(11, SMALL, 4, [SMALL, SMALL], 11)]


@pytest.fixture(scope="module", params=["tiny", "tiny-moe"])
def model(request: pytest.FixtureRequest) -> Any:
    torch.set_num_threads(1)
    made = build(preset(request.param), IDS, 512, seed=3)
    for name, buffer in made.named_buffers():
        if name.endswith("e_score_correction_bias"):
            buffer.copy_(torch.linspace(-0.2, 0.2, len(buffer)))
    return made


@pytest.fixture(scope="module")
def dense() -> Any:
    torch.set_num_threads(1)
    return build(preset("tiny"), IDS, 512, seed=3)


def packed(documents: list[Document], room: int = 0) -> PackedBatch:
    taken = sum(len(one.tokens_T) for one in documents)
    return pack(documents, taken + room, image_id=IMAGE, padding_id=END)


def gradient_of(model: Any, loss: Callable[[], torch.Tensor]) -> torch.Tensor:
    model.zero_grad(set_to_none=True)
    loss().backward()
    return torch.cat(
        [(torch.zeros_like(weight) if weight.grad is None else weight.grad).flatten() for weight in model.parameters()]
    )


def packed_gradient(model: Any, batch: PackedBatch, *, plain: bool = False) -> torch.Tensor:
    (use_plain_attention if plain else use_document_attention)(model)
    return gradient_of(model, lambda: Trainee(model)(batch).losses.sum())


def alone(model: Any, one: Document) -> torch.Tensor:
    """Return the document's loss as plain transformers has it, its video as a video where it has no picture beside."""
    tokens = torch.from_numpy(one.tokens_T).long()[None]
    targets = torch.from_numpy(np.where(one.is_target_T, one.tokens_T, IGNORED)).long()
    types = (tokens == IMAGE).int()
    grids = torch.from_numpy(one.grids_N3)
    given: dict[str, torch.Tensor] = {}
    in_video = (tokens == BEGIN_VIDEO).cumsum(1) > (tokens == END_VIDEO).cumsum(1)
    if len(grids) and bool(in_video[tokens == IMAGE].all()):
        types = types * 2
        given = {
            "pixel_values_videos": normalised(one.patches_PD),
            "video_grid_thw": torch.tensor([[len(grids), *grids[0, 1:].tolist()]]),
        }
    elif len(grids):
        given = {"pixel_values": normalised(one.patches_PD), "image_grid_thw": grids}
    logits = model(input_ids=tokens, mm_token_type_ids=types, use_cache=False, **given).logits[0]
    return F.cross_entropy(logits[:-1].float(), targets[1:], ignore_index=IGNORED, reduction="sum")


def one_by_one(model: Any, documents: list[Document]) -> torch.Tensor:
    use_plain_attention(model)
    return gradient_of(model, lambda: torch.stack([alone(model, one) for one in documents]).sum())


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float(((found - expected).norm() / expected.norm()).detach())


@pytest.mark.parametrize(
    "documents",
    [TEXTS, PICTURE_EACH, SEVERAL, VIDEOS, MIXED],
    ids=["texts", "pictures", "several pictures", "videos", "mixed"],
)
def test_packed_gradients_equal_one_by_one_gradients(model: Any, documents: list[Document]) -> None:
    assert apart(packed_gradient(model, packed(documents, room=13)), one_by_one(model, documents)) < CLOSE


def test_transformers_own_packing_gives_the_same_gradient(dense: Any) -> None:
    assert apart(packed_gradient(dense, packed(MIXED), plain=True), one_by_one(dense, MIXED)) < CLOSE


def test_flex_attention_sees_what_the_loop_per_document_sees(model: Any) -> None:
    batch = packed(MIXED, room=13)
    use_document_attention(model)
    with torch.no_grad():
        loop, flex = (Trainee(model, flex=flex)(batch).losses.each_K for flex in (False, True))
    assert apart(flex, loop) < CLOSE


@pytest.mark.parametrize("causal", [True, False], ids=["decoder", "tower"])
def test_queries_that_positions_widened_are_attended_to_as_wide_as_values(causal: bool) -> None:
    layer = torch.nn.Module()
    layer.is_causal = causal  # type: ignore[assignment]
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, 2, 24, 8).bfloat16() for _ in range(3))
    bounds = torch.tensor([0, 9, 24], dtype=torch.int32)
    expected, _ = within_documents(layer, query, key, value, None, cu_seq_lens_q=bounds)
    found, _ = within_documents(layer, query.float(), key.float(), value, None, cu_seq_lens_q=bounds)
    assert found.dtype == value.dtype and torch.equal(found, expected)


def test_a_dropped_text_row_is_caught_by_the_gradient_and_not_by_the_loss(dense: Any) -> None:
    batch = packed(MIXED)
    dropped = batch._replace(positions_4BL=batch.positions_4BL[1:])
    assert apart(packed_gradient(dense, dropped, plain=True), one_by_one(dense, MIXED)) > SEEN
    with torch.no_grad():
        kept, lost = (float(Trainee(dense)(one).losses.sum()) for one in (batch, dropped))
    assert abs(lost / kept - 1) < 0.02


def test_a_shifted_boundary_is_caught(dense: Any) -> None:
    batch = packed(MIXED)
    shifted = batch.ends_D1.clone()
    shifted[1] += 1
    assert apart(packed_gradient(dense, batch._replace(ends_D1=shifted)), one_by_one(dense, MIXED)) > SEEN


def test_two_swapped_pictures_are_caught(dense: Any) -> None:
    batch = packed(SEVERAL[1:])
    swapped = torch.cat([batch.patches_PD[16:32], batch.patches_PD[:16], batch.patches_PD[32:]])
    assert apart(packed_gradient(dense, batch._replace(patches_PD=swapped)), one_by_one(dense, SEVERAL[1:])) > SEEN


def test_a_label_that_leaks_across_a_boundary_is_caught(dense: Any) -> None:
    batch = packed(TEXTS)
    leaking = batch.targets_BL.clone()
    leaking[0, len(TEXTS[0].tokens_T) - 1] = int(TEXTS[1].tokens_T[0])
    assert apart(packed_gradient(dense, batch._replace(targets_BL=leaking)), one_by_one(dense, TEXTS)) > SEEN


def test_a_flat_patch_kernel_gives_the_same_gradient() -> None:
    """To 1e-5 and not to rounding: the sums over a patch run in another order."""
    model = build(preset("tiny"), IDS, 512, seed=3)
    expected = packed_gradient(model, packed(MIXED))
    use_flat_kernel(model)
    assert apart(packed_gradient(model, packed(MIXED)), expected) < 1e-5


def test_layers_that_are_computed_again_on_the_way_back_give_the_same_gradient(model: Any) -> None:
    expected = packed_gradient(model, packed(MIXED))
    model.train()
    model.activation_checkpointing_enable()
    again: list[int] = []
    hook = model.model.visual.blocks[0].mlp.register_forward_pre_hook(lambda *_: again.append(1))
    try:
        assert apart(packed_gradient(model, packed(MIXED)), expected) < CLOSE
    finally:
        hook.remove()
        model.activation_checkpointing_disable()
        model.eval()
    assert len(again) == 2


@pytest.mark.parametrize("frozen", [("tower",), ("tower", "merger"), ("decoder",)])
def test_what_is_frozen_has_no_gradient_and_the_rest_has_its_own(dense: Any, frozen: tuple[str, ...]) -> None:
    packed_gradient(dense, packed(MIXED))
    expected = {name: weight.grad.clone() for name, weight in dense.named_parameters()}
    freeze(dense, frozen)
    try:
        packed_gradient(dense, packed(MIXED))
    finally:
        freeze(dense, ())
    for name, weight in dense.named_parameters():
        if part_of(name) in frozen:
            assert weight.grad is None
        else:
            assert apart(weight.grad, expected[name]) < CLOSE


@pytest.mark.parametrize("frozen", [("head",), ("tower", "merger", "decoder")])
def test_freezing_what_is_no_part_or_everything_is_refused(dense: Any, frozen: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="--freeze"):
        freeze(dense, frozen)


def test_no_boundary_predicts_and_every_target_does() -> None:
    batch = packed(MIXED, room=5)
    assert batch.targets == sum(int(one.is_target_T.sum()) for one in MIXED)
    last_of_each = batch.ends_D1[1:].long() - 1
    assert bool((batch.targets_BL[0, last_of_each] == IGNORED).all())


def test_an_empty_row_has_gradients_of_zero_for_every_weight_that_a_full_one_moves(dense: Any) -> None:
    empty = pack([], 40, image_id=IMAGE, padding_id=END)
    assert empty.tokens_BL.shape == (1, 40 + ROOM)
    assert not packed_gradient(dense, empty).any()
    reached = {name for name, weight in dense.named_parameters() if weight.grad is not None}
    packed_gradient(dense, packed(MIXED))
    assert reached == {name for name, weight in dense.named_parameters() if weight.grad is not None}


def test_rows_of_one_length_have_one_shape_whatever_is_in_them() -> None:
    shapes = {pack(documents, 120, image_id=IMAGE, padding_id=END).tokens_BL.shape for documents in (TEXTS, [], VIDEOS)}
    assert shapes == {(1, 120 + ROOM)}


def test_losses_are_split_by_kind(dense: Any) -> None:
    kinds = ["caption", "text", "caption"]
    documents = [one._replace(kind=kind) for one, kind in zip(PICTURE_EACH, kinds, strict=True)]
    batch = packed(documents)
    use_document_attention(dense)
    with torch.no_grad():
        found = Trainee(dense)(batch).losses
        split = found.by_kind(batch.kinds)
        first = Trainee(dense)(packed(documents[1:2])).losses.sum()
    assert split["text"] == (pytest.approx(float(first), rel=1e-5), int(documents[1].is_target_T.sum()))
    assert split["caption"][1] == sum(int(one.is_target_T.sum()) for one in documents[::2])
    assert sum(total for total, _ in split.values()) == pytest.approx(float(found.sum()), rel=1e-6)


def test_a_row_keeps_its_patches_while_anything_of_it_is_held() -> None:
    first = packed(SEVERAL)
    before, view = first.patches_PD.clone(), first.patches_PD[2:]
    del first
    _others = [packed([document(seed, SMALL, 4)]) for seed in range(90, 94)]
    assert torch.equal(view, before[2:])


def test_losses_in_chunks_equal_cross_entropy_over_whole_logits() -> None:
    torch.manual_seed(0)
    hidden, words = torch.randn(2500, 16, requires_grad=True), torch.randn(90, 16, requires_grad=True)
    targets = torch.randint(0, 90, (2500,))
    targets[::3] = IGNORED
    whole = F.cross_entropy(hidden @ words.T, targets, reduction="none")[targets != IGNORED]
    for weights in (torch.ones(len(whole)), torch.rand(len(whole))):
        found = losses(hidden, words, targets, torch.zeros(2500, dtype=torch.int32)).each_K
        arms = [
            torch.autograd.grad((each * weights).sum(), (hidden, words), retain_graph=True) for each in (found, whole)
        ]
        for one, other in zip(*arms, strict=True):
            assert apart(one, other) < CLOSE


def test_losses_under_autocast_are_those_of_its_type_and_gradients_of_the_weights() -> None:
    torch.manual_seed(0)
    hidden, words = torch.randn(50, 16, requires_grad=True), torch.randn(90, 16, requires_grad=True)
    targets = torch.randint(0, 90, (50,))
    with torch.autocast("cpu", torch.bfloat16):
        found = chunked_entropy(hidden, words, targets)
    expected = chunked_entropy(hidden.bfloat16(), words.bfloat16(), targets)
    assert torch.equal(found, expected)
    arms = [torch.autograd.grad(one.sum(), (hidden, words)) for one in (found, expected)]
    for one, other in zip(*arms, strict=True):
        assert one.dtype == torch.float32 and torch.equal(one, other)


def test_losses_of_sixteen_bits_are_as_exact_as_those_over_whole_logits() -> None:
    torch.manual_seed(0)
    hidden, words = torch.randn(2500, 64), torch.randn(900, 64) * 0.2
    targets = torch.randint(0, 900, (2500,))
    arms = []
    for width in (torch.float32, torch.bfloat16):
        given = [one.bfloat16().to(width).requires_grad_() for one in (hidden, words)]
        whole = F.cross_entropy((given[0] @ given[1].T).float(), targets, reduction="none")
        chunked = chunked_entropy(*given, targets)
        arms += [(one, torch.autograd.grad(one.mean(), given)) for one in (whole, chunked)]
    exact, *_, whole16, chunked16 = arms
    assert chunked16[0].dtype == torch.float32
    assert apart(chunked16[0], exact[0]) <= 1.01 * apart(whole16[0], exact[0])
    for place in (0, 1):
        of_whole, of_chunked = (apart(arm[1][place].float(), exact[1][place]) for arm in (whole16, chunked16))
        assert of_chunked <= 1.05 * of_whole


@settings(max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.integers(1, 9),
            st.tuples(st.just(1), st.integers(1, 4).map(lambda n: 2 * n), st.integers(1, 4).map(lambda n: 2 * n)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_positions_are_those_of_transformers(parts: list[Any]) -> None:
    one = document(0, 1, *parts)
    tokens = torch.from_numpy(one.tokens_T).long()[None]
    grids = torch.from_numpy(one.grids_N3) if len(one.grids_N3) else None
    expected, _ = ROPE.model.get_rope_index(tokens, mm_token_type_ids=(tokens == IMAGE).int(), image_grid_thw=grids)
    found = positions(one.tokens_T, one.grids_N3, IMAGE)
    assert np.array_equal(found[1:], expected[:, 0].numpy())
    assert np.array_equal(found[0], np.arange(len(one.tokens_T)))


ROPE = build(preset("tiny"), IDS, 512)


def test_positions_of_one_picture_among_words_are_the_published_ones() -> None:
    tokens_T = np.array([7, 7, *[IMAGE] * 4, 7], np.int32)
    _, time, height, width = positions(tokens_T, np.array([[1, 4, 4]]), IMAGE).tolist()
    assert time == [0, 1, 2, 2, 2, 2, 4]
    assert height == [0, 1, 2, 2, 3, 3, 4]
    assert width == [0, 1, 2, 3, 2, 3, 4]


def test_two_pictures_may_stand_next_to_each_other() -> None:
    tokens_T = np.array([7, *[IMAGE] * 8, 7], np.int32)
    assert positions(tokens_T, np.array([[1, 4, 4], [1, 4, 4]]), IMAGE)[1].tolist() == [0, 1, 1, 1, 1, 3, 3, 3, 3, 5]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            document(1, 5, SMALL)._replace(grids_N3=np.array([[1, 4, 6]]), patches_PD=np.zeros((24, 4), np.uint8)),
            "4 im",
        ),
        (document(1, 5, SMALL)._replace(patches_PD=np.zeros((3, PATCH_VALUES), np.uint8)), "3 patches"),
        (document(1, 5)._replace(is_target_T=np.ones(5, np.bool_)), "first token"),
    ],
)
def test_a_document_that_contradicts_itself_is_named(broken: Document, said: str) -> None:
    with pytest.raises(BadInput, match=f"d1: .*{said}"):
        packed([broken])


def test_documents_longer_than_the_row_are_refused() -> None:
    with pytest.raises(BadInput, match="for a row of 91"):
        pack(TEXTS, 91, image_id=IMAGE, padding_id=END)
