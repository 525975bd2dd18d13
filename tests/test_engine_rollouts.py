"""What an engine gives to a trainer: thinking that was ended, weights by name, answers that may be learnt from."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from msgspec import structs

from schemas.errors import BadInput, Unavailable
from trainer.documents.codec import Codec
from trainer.documents.special import Family
from trainer.documents.tokens import train_tokens
from trainer.engine.chance import row_seed
from trainer.engine.engine import Answer, Force, Prompt, Sampling
from trainer.engine.generate import LocalEngine
from trainer.engine.on_policy import check_whole, force_after, on_policy
from trainer.model.attention import use_document_attention

spec = importlib.util.spec_from_file_location("engine_prompts", Path(__file__).parent / "engine_prompts.py")
assert spec and spec.loader
made_here = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made_here)
IDS, PROMPTS, by_the_trainer, made = made_here.IDS, made_here.PROMPTS, made_here.by_the_trainer, made_here.made
END, OPEN = 450, 451
FORCE = Force(6, (END, OPEN))
SAMPLING = Sampling(max_tokens=14, seed=3, force=FORCE)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_thinking_is_ended_at_its_limit_and_the_answer_goes_on() -> None:
    engine, asked = made("tiny"), PROMPTS["one picture"]
    engine.stops = frozenset()
    free = engine.generate([asked], 4, structs.replace(SAMPLING, force=None))[0]
    forced = engine.generate([asked], 4, SAMPLING)[0]
    assert not any(END in answer.tokens for answer in free)
    for answer, other in zip(forced, free, strict=True):
        assert answer.injected == (6, 7) and answer.tokens[6:8] == (END, OPEN)
        assert answer.tokens[:6] == other.tokens[:6] and answer.tokens[8:] != other.tokens[8:]
        assert len(answer.tokens) == 14 and answer.finish == "length"


def test_tokens_that_were_put_in_and_those_behind_have_the_chances_of_training() -> None:
    engine = made("tiny")
    engine.stops = frozenset()
    use_document_attention(engine.model)
    for name in ("text", "two pictures", "slices"):
        for answer in engine.generate([PROMPTS[name]], 2, SAMPLING)[0]:
            expected = by_the_trainer(engine, PROMPTS[name], answer)
            torch.testing.assert_close(torch.tensor(answer.logprobs), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", PROMPTS)
def test_one_row_has_the_chances_of_training_within_a_hundred_thousandth(name: str) -> None:
    engine = made("tiny")
    use_document_attention(engine.model)
    (answer,) = engine.generate([PROMPTS[name]], 1, Sampling(max_tokens=40, seed=9))[0]
    expected = by_the_trainer(engine, PROMPTS[name], answer)
    torch.testing.assert_close(torch.tensor(answer.logprobs), expected, rtol=0, atol=1e-5)


def test_prompts_whose_rows_end_at_other_times_are_answered_together_as_alone() -> None:
    """Many tokens end a row, so rows of each prompt leave, and then whole prompts."""
    together, alone = made("tiny"), made("tiny")
    together.stops = alone.stops = frozenset(range(0, 512, 12))
    asked, sampling = [PROMPTS[name] for name in ("two pictures", "text", "slices")], Sampling(max_tokens=60, seed=6)
    found = together.generate(asked, 4, sampling)
    lengths = [len(answer.tokens) for answers in found for answer in answers]
    assert len(set(lengths)) > 5
    for one, answers in zip(asked, found, strict=True):
        for row, answer in enumerate(answers):
            (expected,) = alone.generate([one], 1, structs.replace(sampling, seed=row_seed(6, row)))[0]
            assert answer.tokens == expected.tokens
            torch.testing.assert_close(
                torch.tensor(answer.logprobs), torch.tensor(expected.logprobs), rtol=0, atol=2e-5
            )


def test_a_row_that_ended_its_thinking_itself_is_left_alone() -> None:
    """The mark is made to be what one row says before the limit, and the others never."""
    engine, asked = made("tiny"), PROMPTS["text"]
    engine.stops = frozenset()
    free = engine.generate([asked], 4, structs.replace(SAMPLING, force=None))[0]
    mark = next(token for token in free[0].tokens[1:5] if not any(token in other.tokens for other in free[1:]))
    forced = engine.generate([asked], 4, structs.replace(SAMPLING, force=Force(6, (mark, OPEN))))[0]
    assert [answer.injected for answer in forced] == [(), (6, 7), (6, 7), (6, 7)]
    assert forced[0].tokens == free[0].tokens


def test_rows_that_end_before_the_limit_leave_the_others_to_be_ended() -> None:
    engine, asked = made("tiny"), PROMPTS["text"]
    engine.stops = frozenset()
    free = engine.generate([asked], 3, structs.replace(SAMPLING, force=None))[0]
    stop = next(token for token in free[0].tokens[:5] if not any(token in other.tokens for other in free[1:]))
    engine.stops = frozenset([stop])
    forced = engine.generate([asked], 3, SAMPLING)[0]
    assert [answer.injected for answer in forced] == [(), (6, 7), (6, 7)]
    assert [answer.finish for answer in forced] == ["stop", "length", "length"]


@pytest.mark.parametrize(("family", "names"), [("4.1v", ["</think>", "<answer>"]), ("4.5v", ["</think>"])])
def test_what_ends_thinking_is_what_the_template_writes_behind_it(family: Family, names: list[str]) -> None:
    codec = Codec(family, train_tokens(["some words"], 400))
    assert force_after(9, codec) == Force(9, tuple(codec.tokens.id(name) for name in names))


def test_a_limit_that_leaves_no_room_for_an_answer_is_refused() -> None:
    with pytest.raises(BadInput, match="thinking ends after 12 tokens with 2 more, of 14"):
        Sampling(max_tokens=14, force=Force(12, (END, OPEN)))


def test_weights_are_taken_from_a_folder_and_named(tmp_path: Path) -> None:
    engine, other, asked = made("tiny"), made("tiny"), PROMPTS["text"]
    with torch.no_grad():
        other.model.lm_head.weight.mul_(1.5)
    other.model.save_pretrained(tmp_path / "other")
    engine.update_weights("second", str(tmp_path / "other"))
    found, expected = (one.generate([asked], 2, Sampling(max_tokens=8)) for one in (engine, other))
    assert [one.tokens for one in found[0]] == [one.tokens for one in expected[0]]
    assert {one.version for one in found[0]} == {"second"}
    made("tiny-moe").model.save_pretrained(tmp_path / "wrong")
    with pytest.raises(BadInput, match="wrong"):
        engine.update_weights("third", str(tmp_path / "wrong"))
    assert engine.version == "second"


def test_weights_that_the_trainer_changed_in_place_are_answered_with_and_named() -> None:
    engine, asked = made("tiny"), PROMPTS["text"]
    before = on_policy(engine, "first", [asked], 1, Sampling(max_tokens=6))
    with torch.no_grad():
        engine.model.lm_head.weight.mul_(-1)
    engine.update_weights("1")
    after = on_policy(engine, "1", [asked], 1, Sampling(max_tokens=6))
    assert before[0][0].tokens != after[0][0].tokens


def test_a_part_of_the_distribution_is_refused_unless_it_is_asked_for() -> None:
    with pytest.raises(BadInput, match=r"top_p is 0.9.*any_top_p"):
        check_whole(Sampling(top_p=0.9))
    check_whole(Sampling(top_p=0.9), any_top_p=True)
    with pytest.raises(BadInput, match="top_p"):
        on_policy(made("tiny"), "first", [PROMPTS["text"]], 1, Sampling(max_tokens=2, top_p=0.5))


class Leaking:
    """The local engine behind a fault of some other program's."""

    def __init__(self, fault: str) -> None:
        self._engine, self._fault, self.version = made("tiny"), fault, "second"

    def update_weights(self, version: str, folder: str = "") -> None:
        self.version = version

    def generate(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Answer]]:
        found = self._engine.generate(prompts, n, sampling)
        if self._fault == "few":
            return [answers[1:] for answers in found]
        if self._fault == "logprobs":
            return [[one._replace(version="second", logprobs=one.logprobs[1:]) for one in answers] for answers in found]
        if self._fault == "nan":
            nan = float("nan")
            return [[one._replace(version="second", logprobs=(nan, *one.logprobs[1:])) for one in found[0]]]
        return found


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("stale", "answered by weights 'first', where 'second' are trained"),
        ("few", "were to be answered 3 times"),
        ("logprobs", "not every token has its log-probability"),
        ("nan", "not every token has its log-probability"),
    ],
)
def test_what_an_engine_gives_otherwise_than_asked_is_refused(fault: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        on_policy(Leaking(fault), "second", [PROMPTS["text"]], 3, Sampling(max_tokens=3))


def test_a_picture_has_as_many_tokens_in_the_prompt_as_the_trainer_packs() -> None:
    engine: LocalEngine = made("tiny")
    use_document_attention(engine.model)
    asked = PROMPTS["two pictures"]
    (answer,) = on_policy(engine, "first", [asked], 1, Sampling(max_tokens=4))[0]
    assert (asked.tokens_T == IDS.image).sum() == sum(height * width // 4 for _, height, width in asked.grids_N3)
    assert len(by_the_trainer(engine, asked, answer)) == len(answer.tokens)
    twice = asked._replace(grids_N3=asked.grids_N3.repeat(2, axis=0))
    with pytest.raises(BadInput, match="18 image tokens, where the grids of its pictures make 36"):
        engine.generate([twice], 1, Sampling(max_tokens=1))
