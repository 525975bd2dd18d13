"""Presets: what the published models count, and that each runs its first forward."""

from __future__ import annotations

import pytest
import torch
from msgspec import structs

from schemas.errors import BadInput
from trainer import model as models
from trainer.presets import cut, preset


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
