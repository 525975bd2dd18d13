"""The local engine's contract: plain transformers' tokens, the trainer's log-probabilities, rows that hang on nothing
but their own seed. Models have random weights: what is said means nothing, and is the same each time."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs

from schemas.errors import BadInput, Unavailable
from trainer.engine.chance import fraction, row_seed
from trainer.engine.engine import Answer, Prompt, Sampling
from trainer.engine.generate import LocalEngine
from trainer.engine.pick import nucleus, pick
from trainer.model.attention import use_document_attention
from trainer.model.normalised import normalised
from trainer.model.torchvision_ready import torchvision_ready

torchvision_ready()
import transformers  # noqa: E402

spec = importlib.util.spec_from_file_location("engine_prompts", Path(__file__).parent / "engine_prompts.py")
assert spec and spec.loader
made_here = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_here)
IDS, PROMPTS, by_the_trainer, made = made_here.IDS, made_here.PROMPTS, made_here.by_the_trainer, made_here.made
CLOSE = 2e-5


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module", params=["tiny", "tiny-moe"])
def engine(request: pytest.FixtureRequest) -> LocalEngine:
    return made(request.param)


@pytest.mark.parametrize("name", PROMPTS)
def test_the_likeliest_tokens_are_those_of_plain_transformers(engine: LocalEngine, name: str) -> None:
    asked = PROMPTS[name]
    (answer,) = engine.generate([asked], 1, Sampling(max_tokens=40, temperature=0))[0]
    tokens = torch.from_numpy(asked.tokens_T).long()[None]
    said: dict[str, Any] = {}
    if len(asked.grids_N3):
        said = {
            "pixel_values": normalised(asked.patches_PD),
            "image_grid_thw": torch.from_numpy(asked.grids_N3),
            "mm_token_type_ids": (tokens == IDS.image).int(),
        }
    expected = engine.model.generate(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        max_new_tokens=40,
        do_sample=False,
        suppress_tokens=[IDS.image, IDS.video],
        **said,
    )[0, len(asked.tokens_T) :]
    assert list(answer.tokens) == expected.tolist()
    assert len(answer.tokens) > 10


@pytest.mark.parametrize("name", PROMPTS)
def test_log_probabilities_are_those_of_training_whatever_the_temperature(name: str) -> None:
    engine = made("tiny")
    use_document_attention(engine.model)
    asked = PROMPTS[name]
    for answer in engine.generate([asked], 3, Sampling(max_tokens=30, temperature=0.7, top_p=0.9, seed=5))[0]:
        found = torch.tensor(answer.logprobs)
        torch.testing.assert_close(found, by_the_trainer(engine, asked, answer), rtol=0, atol=CLOSE)


def test_a_model_in_sixteen_bits_answers_nearly_as_in_thirty_two() -> None:
    exact, asked = made("tiny"), PROMPTS["two pictures"]
    coarse = LocalEngine(made("tiny").model.to(torch.bfloat16))
    use_document_attention(exact.model)
    for answer in coarse.generate([asked], 2, Sampling(max_tokens=20, seed=1))[0]:
        expected = by_the_trainer(exact, asked, answer)
        torch.testing.assert_close(torch.tensor(answer.logprobs), expected, rtol=0, atol=0.2)


def same(found: Answer, expected: Answer) -> None:
    assert (found.tokens, found.finish, found.seed) == (expected.tokens, expected.finish, expected.seed)
    torch.testing.assert_close(torch.tensor(found.logprobs), torch.tensor(expected.logprobs), rtol=0, atol=CLOSE)


def test_rows_of_one_seed_are_calls_with_their_seeds(engine: LocalEngine) -> None:
    asked, sampling = PROMPTS["two pictures"], Sampling(max_tokens=40, seed=11)
    together = engine.generate([asked], 6, sampling)[0]
    assert len({answer.tokens for answer in together}) == 6
    for row, answer in enumerate(together):
        same(engine.generate([asked], 1, structs.replace(sampling, seed=row_seed(11, row)))[0][0], answer)


def test_prompts_of_many_lengths_are_answered_together_as_alone() -> None:
    asked, sampling = list(PROMPTS.values()), Sampling(max_tokens=25, seed=2)
    alone = [made("tiny").generate([one], 3, sampling)[0] for one in asked]
    for rows_at_once in (5, 12):
        together = made("tiny", rows_at_once=rows_at_once).generate(asked, 3, sampling)
        for found, expected in zip(together, alone, strict=True):
            for one, other in zip(found, expected, strict=True):
                same(one, other)


def test_a_row_that_ends_early_does_not_move_the_others() -> None:
    """Its end is made to come early, by the third token of one row, which others never say."""
    asked, sampling = PROMPTS["one picture"], Sampling(max_tokens=30, seed=4)
    free = made("tiny")
    free.stops = frozenset()
    whole = free.generate([asked], 4, sampling)[0]
    ends = {
        row: next(
            (place, token)
            for place, token in enumerate(answer.tokens[2:20], start=2)
            if not any(token in other.tokens for at, other in enumerate(whole) if at != row)
            and token not in answer.tokens[:place]
        )
        for row, answer in enumerate(whole[:2])
    }
    free.stops = frozenset(token for _, token in ends.values())
    cut = free.generate([asked], 4, sampling)[0]
    for row, (place, _) in ends.items():
        assert cut[row].finish == "stop" and cut[row].tokens == whole[row].tokens[: place + 1]
    for row in (2, 3):
        same(cut[row], whole[row])


def test_finished_rows_leave_the_batch() -> None:
    engine, sizes = made("tiny"), list[int]()
    engine.stops = frozenset(range(0, 512, 10))
    engine.model.lm_head.register_forward_hook(lambda _, given, out: sizes.append(len(given[0])))
    answers = engine.generate([PROMPTS["text"]], 16, Sampling(max_tokens=200, seed=1))[0]
    lengths = [len(answer.tokens) for answer in answers]
    assert len(set(lengths)) > 3
    assert sizes[1:] == [sum(length > step for length in lengths) for step in range(1, max(lengths))]


def test_a_prompt_is_read_once_for_all_its_rows() -> None:
    engine, seen = made("tiny", rows_at_once=3), list[int]()
    engine.model.model.visual.register_forward_hook(lambda _, given, out: seen.append(len(given[0])))
    engine.generate([PROMPTS["one picture"], PROMPTS["two pictures"]], 5, Sampling(max_tokens=2))
    assert seen == [24, 72]


def test_another_seed_another_answer_and_another_key_too() -> None:
    engine, asked = made("tiny"), PROMPTS["text"]
    said = {
        engine.generate([asked._replace(key=key)], 1, Sampling(max_tokens=20, seed=seed))[0][0].tokens
        for key, seed in [("", 0), ("", 1), ("a", 0)]
    }
    assert len(said) == 3


def test_training_gets_its_model_back_as_it_was() -> None:
    engine = made("tiny")
    use_document_attention(engine.model)
    engine.model.train()
    engine.generate([PROMPTS["text"]], 1, Sampling(max_tokens=2))
    assert engine.model.training
    assert {module.config._attn_implementation for module in engine.model.modules() if hasattr(module, "config")} == {
        "documents_flash"
    }


def test_an_answer_names_the_weights_that_said_it() -> None:
    engine = made("tiny")
    before = engine.generate([PROMPTS["text"]], 1, Sampling(max_tokens=1))[0][0]
    engine.version = "second"
    after = engine.generate([PROMPTS["text"]], 1, Sampling(max_tokens=1))[0][0]
    assert (before.version, after.version) == ("first", "second")


def test_the_likeliest_tokens_are_told_beside_each() -> None:
    engine = made("tiny")
    (answer,) = engine.generate([PROMPTS["text"]], 1, Sampling(max_tokens=3, temperature=0, top=4))[0]
    for token, logprob, top in zip(answer.tokens, answer.logprobs, answer.top, strict=True):
        assert top[0] == (token, logprob)
        assert [value for _, value in top] == sorted((value for _, value in top), reverse=True) and len(top) == 4


@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.9, 0.999])
def test_the_nucleus_is_that_of_transformers(top_p: float) -> None:
    logits = torch.randn(20, 300, generator=torch.Generator().manual_seed(0)) * 3
    kept = nucleus(logits.double().softmax(-1), top_p) > 0
    expected = transformers.TopPLogitsWarper(top_p)(None, logits.double()) > -torch.inf
    assert torch.equal(kept, expected)


def test_tokens_come_as_often_as_their_chances_say() -> None:
    chances = torch.tensor([0.5, 0.0, 0.3, 0.2])
    rows = 20_000
    drawn = pick(chances.log().expand(rows, 4), [fraction(7, "", place) for place in range(rows)], Sampling())
    shares = torch.bincount(torch.tensor(drawn.tokens_R), minlength=4) / rows
    torch.testing.assert_close(shares, chances, rtol=0, atol=0.015)
    assert shares[1] == 0


def test_a_temperature_near_nothing_takes_the_likeliest() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    assert pick(logits, [0.999], Sampling(temperature=1e-300)).tokens_R == [1]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_barred_token_is_never_picked_and_takes_no_chance_from_what_is_told(temperature: float) -> None:
    logits = torch.tensor([[1.0, 9.0, 2.0]] * 50)
    fractions = [place / 50 for place in range(50)]
    picked = pick(logits, fractions, Sampling(temperature=temperature), (1,))
    assert set(picked.tokens_R) <= {0, 2}
    told = torch.tensor(picked.logprobs_R)
    torch.testing.assert_close(told, logits.log_softmax(-1)[0, picked.tokens_R])


def test_logits_that_are_no_numbers_are_told() -> None:
    with pytest.raises(Unavailable, match="not numbers"):
        pick(torch.full((1, 5), torch.nan), [0.5], Sampling())


def test_a_prompt_beyond_the_positions_and_pictures_that_do_not_fit_are_refused() -> None:
    engine = made("tiny")
    with pytest.raises(BadInput, match="12 tokens and 32768 for the answer, where the model has 32768 positions"):
        engine.generate([PROMPTS["text"]], 1, Sampling(max_tokens=32_768))
    with pytest.raises(BadInput, match="6 image tokens, where the grids of its pictures make 0"):
        engine.generate([Prompt("", PROMPTS["one picture"].tokens_T)], 1, Sampling())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"max_tokens": 0}, "max_tokens 0; it has to be 1 or more"),
        ({"temperature": -1.0}, "temperature -1.0"),
        ({"top_p": 0.0}, "top_p 0.0"),
        ({"top_p": float("nan")}, "top_p nan"),
        ({"top": 21}, "top 21"),
        ({"seed": 1 << 63}, "seed 9223372036854775808"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Sampling(**changed)
