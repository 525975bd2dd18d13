"""Presets and models: what the published ones count, that each runs, and how they see and place what they are given."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from msgspec import structs

from schemas.errors import BadInput
from trainer.model import model as models
from trainer.model.attention import use_document_attention, use_plain_attention
from trainer.model.balance import routers
from trainer.model.presets import cut, preset


@pytest.mark.parametrize(
    ("name", "parameters", "router_biases"),
    [("9b", 10_292_777_472, 0), ("106b", 107_710_933_120 - 5_760, 5_760)],
)
def test_a_preset_has_the_published_count_of_parameters(name: str, parameters: int, router_biases: int) -> None:
    assert models.counts(preset(name)) == (parameters, router_biases)


def shallow(name: str) -> models.Preset:
    """One layer of each sort, thin feed-forwards and few words: heads and rotary sections stay the preset's own."""
    whole = preset(name)
    experts = whole.decoder.experts
    small = cut(whole, 1 if experts is None else 1 + experts.dense_layers, 1)
    thin = None if experts is None else structs.replace(experts, routed=8, ffn=64)
    decoder = structs.replace(small.decoder, vocabulary=600, ffn=256, experts=thin)
    return structs.replace(small, decoder=decoder, tower=structs.replace(small.tower, merger_ffn=256))


IDS = models.SpecialIds(
    0, (0, 1, 2), image=500, video=501, begin_image=502, end_image=503, begin_video=504, end_video=505
)


@pytest.mark.parametrize("name", ["tiny", "tiny-moe", "9b", "106b"])
def test_every_preset_runs_a_forward_in_reduced_depth(name: str) -> None:
    torch.set_num_threads(1)
    model = models.build(shallow(name), IDS, 600, dtype=torch.bfloat16)
    tokens = torch.tensor([[7, 502, 500, 503, 9]])
    with torch.no_grad():
        hidden = model.model(
            input_ids=tokens,
            mm_token_type_ids=(tokens == 500).int(),
            pixel_values=torch.ones(4, 1176),
            image_grid_thw=torch.tensor([[1, 2, 2]]),
        )[0]
    assert hidden.shape == (1, 5, preset(name).decoder.hidden)
    assert bool(hidden.isfinite().all())


def test_the_same_seed_draws_the_same_weights_and_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    one, two, other = (models.build(preset("tiny"), IDS, 600, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.lm_head.weight, two.lm_head.weight)
    assert not torch.equal(one.lm_head.weight, other.lm_head.weight)


def test_only_the_learned_positions_of_a_tiny_tower_are_drawn_wide() -> None:
    for place_spread, wide in ((0.5, 0.5), (0.0, 0.05)):
        tower = models.build(structs.replace(preset("tiny"), place_spread=place_spread), IDS, 600).model.visual
        assert float(tower.embeddings.position_embedding.weight.std()) == pytest.approx(wide, rel=0.05)
        assert float(tower.merger.proj.weight.std()) == pytest.approx(0.05, rel=0.05)
    assert preset("tiny").place_spread == 0.5 and preset("9b").place_spread == 0.0


def test_a_cut_keeps_all_but_depth() -> None:
    small = preset("9b-20l-6t")
    assert (small.decoder.layers, small.tower.blocks) == (20, 6)
    assert structs.replace(small.decoder, layers=40) == preset("9b").decoder


@pytest.mark.parametrize("name", ["7b", "9b-0l", "9b-41l", "9b-2l-25t"])
def test_a_preset_that_is_none_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(BadInput, match="--preset"):
        preset(name)


def test_a_folder_without_a_model_is_refused(tmp_path: object) -> None:
    with pytest.raises(BadInput, match=r"config\.json"):
        models.load(str(tmp_path))


@pytest.fixture(scope="module")
def tower() -> torch.nn.Module:
    """A tower whose learned positions are those of the published ones, 24 x 24, with weights that make a difference."""
    torch.set_num_threads(1)
    wide = structs.replace(preset("tiny"), initial_spread=0.1)
    wide = structs.replace(wide, tower=structs.replace(wide.tower, image_px=336))
    visual: torch.nn.Module = models.build(wide, IDS, 600, seed=2).model.visual
    return visual


def test_a_picture_shown_twice_is_seen_as_by_a_flat_kernel(tower: torch.nn.Module) -> None:
    projection = tower.patch_embed.proj
    pixels = torch.randn(5, 3, 1, 14, 14)
    with torch.no_grad():
        doubled = projection(pixels.expand(-1, -1, 2, -1, -1)).flatten(1)
        flat = F.conv2d(pixels[:, :, 0], projection.weight.sum(2), projection.bias).flatten(1)
    torch.testing.assert_close(doubled, flat, rtol=1e-5, atol=1e-5)


def learned_positions(tower: torch.nn.Module, height: int, width: int) -> torch.Tensor:
    """Return [height * width, C] that the tower adds to the patches of a picture of this grid, row by row."""
    rows = torch.arange(height).repeat_interleave(width)
    columns = torch.arange(width).repeat(height)
    nothing = torch.zeros(height * width, tower.config.hidden_size)
    with torch.no_grad():
        found: torch.Tensor = tower.embeddings(
            nothing, torch.tensor([height * width]), torch.tensor([[1, height, width]]), rows, columns
        )
    return found


def test_learned_positions_are_themselves_on_their_own_grid_and_bicubic_on_another(tower: torch.nn.Module) -> None:
    table = tower.embeddings.position_embedding.weight.detach()
    torch.testing.assert_close(learned_positions(tower, 24, 24), table, rtol=1e-5, atol=1e-5)
    across = (torch.arange(31) + 0.5) / 31 * 2 - 1
    down = (torch.arange(7) + 0.5) / 7 * 2 - 1
    grid = torch.stack([across.expand(7, 31), down[:, None].expand(7, 31)], -1)[None]
    plane = table.T.reshape(1, -1, 24, 24)
    expected = F.grid_sample(plane, grid, mode="bicubic", padding_mode="border", align_corners=False)
    torch.testing.assert_close(learned_positions(tower, 7, 31), expected[0].flatten(1).T, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("in_documents", [False, True])
def test_a_slice_does_not_see_the_next_one(tower: torch.nn.Module, in_documents: bool) -> None:
    (use_document_attention if in_documents else use_plain_attention)(tower)
    patches, grids = torch.randn(48, 1176), torch.tensor([[1, 4, 4], [1, 4, 4], [1, 2, 8]])
    other = patches.clone()
    other[16:] += 1
    with torch.no_grad():
        before, after = (tower(one, grid_thw=grids).pooler_output for one in (patches, other))
    assert torch.equal(before[:4], after[:4])
    assert bool((before[4:] != after[4:]).any(1).all())


def test_what_a_patch_sees_depends_on_how_far_another_is_and_not_on_where_both_are(tower: torch.nn.Module) -> None:
    from transformers.models.glm4v.modeling_glm4v import apply_rotary_pos_emb_vision

    def likeness(one: tuple[int, int], other: tuple[int, int]) -> float:
        cos, sin = tower.rotary_pos_emb(torch.zeros(1), torch.tensor([one, other]))
        asks, answers = apply_rotary_pos_emb_vision(vectors[:, None], vectors[:, None], cos, sin)
        return float((asks[0] * answers[1]).sum())

    vectors = torch.randn(2, 32)
    assert likeness((1, 2), (4, 7)) == pytest.approx(likeness((11, 5), (14, 10)), rel=1e-4)
    assert likeness((1, 2), (4, 7)) != pytest.approx(likeness((1, 2), (7, 4)), rel=1e-2)


@pytest.mark.parametrize("name", ["tiny", "tiny-moe"])
def test_words_alone_have_plain_rotary_positions(name: str) -> None:
    rotary = models.build(preset(name), IDS, 600).model.language_model.rotary_emb
    places = torch.arange(9)
    cos, sin = rotary(torch.zeros(1, 9, 1), places[None, None].expand(3, 1, 9))
    turned = torch.outer(places.float(), 1 / 10_000.0 ** (torch.arange(0, 16, 2) / 16))
    repeated = turned.repeat_interleave(2, -1) if name == "tiny" else turned.repeat(1, 2)
    torch.testing.assert_close(cos[0], repeated.cos(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sin[0], repeated.sin(), rtol=1e-5, atol=1e-5)


def test_a_router_chooses_with_its_bias_and_weighs_without_it() -> None:
    router = routers(models.build(preset("tiny-moe"), IDS, 600))[0]
    hidden = torch.randn(6, 128)
    with torch.no_grad():
        router.weight.normal_(std=0.2)
        router.e_score_correction_bias[5] = 9.0
        logits, weights, picked = router(hidden)
    assert bool((picked == 5).any(1).all())
    torch.testing.assert_close(weights.sum(1), torch.ones(6))
    scores = logits.sigmoid().gather(1, picked)
    torch.testing.assert_close(weights, scores / scores.sum(1, keepdim=True))
