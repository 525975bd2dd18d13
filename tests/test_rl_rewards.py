"""The reward system: who pays what, failing closed, canaries, and monitors that freeze one domain and leave others."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from math import inf, nextafter
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.verifiers.domain import Domain, decided
from filters.verifiers.domains.all import DOMAINS
from filters.verifiers.pack import responses
from filters.verifiers.verify import verify
from pipelines.packs import pack_of
from schemas.errors import BadInput, Unavailable
from schemas.grade import Grade
from schemas.response import BOX, BOX_END
from schemas.task import Parameters, Task
from trainer.curriculum.curriculum import CurriculumSampling
from trainer.curriculum.pool import Known
from trainer.curriculum.settings import Settings, read_settings
from trainer.engine.engine import Answer, Prompt
from trainer.rewards.canary import impossible
from trainer.rewards.classifier import Classifier
from trainer.rewards.exact import STEPS, exact
from trainer.rewards.limits import MEASURES, Limits
from trainer.rewards.monitor import Watched, watch
from trainer.rewards.numbers import Numbers, numbers_of
from trainer.rewards.opened import opened
from trainer.rewards.settings import RewardModel, Rewards, Rule, read_rewards
from trainer.rewards.system import RewardSystem
from trainer.rewards.verifiers import BUILT_IN
from trainer.rewards.watched import WatchedCurriculum
from trainer.rl.curriculum import Curriculum
from trainer.rl.reward import Rewarder
from trainer.rl.rollout import Group, Rewarded, RlTask, Rollout

spec = importlib.util.spec_from_file_location("scripted_endpoint", Path(__file__).parent / "scripted_endpoint.py")
assert spec and spec.loader
scripted = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scripted)

COUNT = Task("counting", "How many birds are there?", "5")
VQA = Task("vqa", "What animal is it?", "a dog")


class AnyDigit(Domain, frozen=True):
    """A verifier that can be gamed: it pays whatever holds a digit."""

    name: ClassVar = "any_digit"

    def grade(self, answer: str, task: Task) -> Grade:
        return decided(answer, any(letter.isdigit() for letter in answer))


class Raises(Domain, frozen=True):
    """A verifier with a fault."""

    name: ClassVar = "raises"

    def grade(self, answer: str, task: Task) -> Grade:
        return decided(answer, int(answer) > 0)


def said(answer: str, thinking: str = "I look.") -> str:
    return f"<think>{thinking}</think>{BOX}{answer}{BOX_END}"


def rollout(task: Task, response: str, key: str = "k", row: int = 0, tokens: int = 8) -> Rollout:
    answer = Answer(tuple(range(tokens)), (-0.5,) * tokens, "stop", 0, "v")
    return Rollout(RlTask(key, task), row, Prompt(key, np.zeros(1, np.int32)), answer, response)


def paid(system: Rewarder, task: Task, response: str, key: str = "k", row: int = 0) -> Rewarded:
    return system.reward(task, response, rollout(task, response, key, row))


def plain_system(rewards: Rewards, **of_one_s_own: Domain) -> RewardSystem:
    return RewardSystem(rewards, {**BUILT_IN, **of_one_s_own})


def test_a_skill_s_rule_goes_before_its_domain_s_and_a_domain_pays_by_its_own_verifier() -> None:
    rules = Rewards(domains={"counting": Rule("any_digit")}, skills={"exact": Rule("same_text")})
    system = plain_system(rules, any_digit=AnyDigit())
    assert paid(system, COUNT, said("7")).total == 1
    assert paid(system, msgspec.structs.replace(COUNT, skill="exact"), said("5.0")).total == 0
    assert paid(system, VQA, said("dog")).total == 1


def test_what_a_verifier_raises_is_no_reward_with_its_reason_and_counted_apart() -> None:
    system = plain_system(Rewards(domains={"counting": Rule("raises")}), raises=Raises())
    failed = paid(system, COUNT, said("five"))
    assert (failed.total, failed.grade.reason) == (0, "verifier_failed")
    assert "five" in failed.grade.extracted
    assert paid(system, COUNT, said("5")).total == 1
    nobody_s = paid(system, Task("chess", "Mate in two?", "Qh5"), said("Qh5"))
    assert (nobody_s.total, nobody_s.grade.reason) == (0, "no_verifier")
    mended = [rollout(COUNT, said("five"))._replace(rewarded=failed), rollout(COUNT, "5")]
    assert numbers_of([Group(RlTask("k", COUNT), tuple(mended))])["counting"].failed == 0.5


@given(st.floats(-1, 1), st.integers(2, 64))
def test_a_group_of_answers_worth_the_same_has_no_advantage_at_all(reward: float, count: int) -> None:
    noisy = [nextafter(reward, (inf, -inf)[at % 2]) for at in range(count)]
    found = {exact(one) for one in noisy} if abs(reward * STEPS % 1 - 0.5) > 1e-6 else {exact(reward)}
    assert len(found) == 1
    alike = np.full(count, found.pop(), np.float32)
    assert not (alike - alike.mean()).any()


def test_bad_form_and_bad_style_cost_what_they_are_set_to_and_nothing_else_is_asked() -> None:
    system = plain_system(Rewards(format_penalty=0.25, style_penalty=0.5))
    without_box = paid(system, COUNT, "<think>I look.</think>5")
    assert (without_box.total, without_box.by_function) == (-0.25, {"verifier": 0, "format": -0.25})
    repeating = paid(system, COUNT, said("5", "I count the birds one more time, I count the birds, " * 30))
    assert (repeating.total, repeating.grade.reason) == (-0.5, "repeated_text")


def test_a_reward_model_sees_the_answer_alone_and_is_weighed_with_the_verifier() -> None:
    seen = list[str]()

    class Length:
        def score(self, question: str, answer: str) -> float:
            seen.append(answer)
            return len(answer) / 10

    rules = Rewards(
        domains={
            "poem": Rule("free", model="length"),
            "counting": Rule(model="length", weights={"verifier": 3, "model": 1}),
        }
    )
    system = RewardSystem(rules, BUILT_IN, scorers={"length": Length()})
    poem = Task("poem", "Write one.", "")
    assert paid(system, poem, "<think>short</think>roses").total == paid(system, poem, "<think>long</think>roses").total
    assert seen == ["roses", "roses"]
    assert paid(system, poem, said("roses")).grade.reason == "box_unasked"
    weighed = paid(system, COUNT, said("5"))
    assert (weighed.total, weighed.by_function) == (exact((3 + 0.1) / 4), {"verifier": 1, "model": exact(0.1)})


def test_a_judge_is_asked_what_the_rules_cannot_tell_and_one_that_always_agrees_pays_a_canary(tmp_path: Path) -> None:
    def honest(asked: Any) -> Any:
        told = json.loads(asked.text)
        return scripted.says("same" if {told["first"], told["second"]} == {"a dog", "a hound"} else "different")

    with scripted.serving(honest) as server:
        rules = msgspec.convert(
            {
                "domains": {"vqa": {"judge": "house", "canary_share": 1}},
                "judges": {"house": {"url": server.url, "model": "m"}},
            },
            Rewards,
        )
        with opened(rules, [VQA], str(tmp_path)) as system:
            found = paid(system, VQA, said("a hound"))
            assert (found.total, found.grade.reason, found.by_function["canary"]) == (1, "judged_right", 0)
            assert paid(system, VQA, said("a cat")).total == 0
            asked = len(server.asked)
            paid(system, VQA, said("a hound"))
            assert len(server.asked) == asked
        server.script = lambda asked: scripted.says("same")
        with opened(rules, [VQA], str(tmp_path / "other")) as system:
            assert paid(system, VQA, said("a hound")).by_function["canary"] == 1


def test_a_judge_that_does_not_answer_stops_the_run_and_pays_nobody(tmp_path: Path) -> None:
    endpoint = {"url": "http://127.0.0.1:9/v1", "model": "m", "give_up_s": 0.0, "pause_s": 0.01}
    rules = msgspec.convert({"domains": {"vqa": {"judge": "house"}}, "judges": {"house": endpoint}}, Rewards)
    with opened(rules, [VQA], str(tmp_path)) as system, pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        paid(system, VQA, said("a hound"))


def cases() -> Iterator[tuple[str, Task, str]]:
    for name, domain in DOMAINS.items():
        for case in pack_of(domain):
            if case.honest:
                task = Task(name, case.question, case.reference, case.parameters)
                yield name, task, next(responses(case, domain.boxed))


def test_no_honest_answer_of_any_pack_is_paid_against_an_impossible_reference() -> None:
    with_bait = dict[str, int]()
    for name, task, response in cases():
        bait = impossible(task, DOMAINS)
        if bait is not None:
            assert verify(response, bait).reward == 0, (name, task.reference, response)
            with_bait[name] = with_bait.get(name, 0) + 1
    assert {"math", "physics", "chemistry", "chart", "ocr", "counting", "vqa", "geo", "long_document"} <= set(with_bait)


def chance(*said: object) -> float:
    return int.from_bytes(sha256(repr(said).encode()).digest()[:8], "big") / 2**64


def test_an_answer_like_half_of_a_number_is_no_canary_where_likeness_is_paid() -> None:
    bait = impossible(Task("ocr", "Which digits are there?", "4307"), DOMAINS)
    assert bait is not None
    for at in range(200):
        assert verify(said(f"{at * 7_919_777_777 % 10**10:010d}"), bait).reward == 0


class Policy:
    """A learner in small: for each domain the odds of an honest try, which is right now and then, and of a trick."""

    def __init__(self, skill: float) -> None:
        self.trick: dict[str, float] = {}
        self.right: dict[str, float] = {}
        self.skill = skill

    def answer(self, task: Task, key: str, step: int, row: int) -> str:
        tricks, knows = (chance(key, step, row, at) for at in (0, 1))
        if tricks < self.trick.get(task.domain, 0.02):
            return said("12 34 56 7")
        return said(task.reference if knows < self.right.get(task.domain, self.skill) else "none")

    def learn(self, groups: Any) -> None:
        for group in groups:
            for one in group.rollouts:
                advantage = one.reward - sum(group.rewards) / len(group.rewards)
                domain, tricky = one.task.task.domain, "12 34" in one.text
                self.trick[domain] = moved(self.trick.get(domain, 0.02), tricky, advantage)
                if not tricky:
                    self.right[domain] = moved(self.right.get(domain, self.skill), "none" not in one.text, advantage)


def moved(odds: float, chosen: bool, advantage: float) -> float:
    """Return the odds of a choice after it was, or was not, what earned so much more than the others did."""
    return min(0.98, max(0.01, odds + 0.004 * advantage * (chosen - odds)))


def trained(rewards: Rewards, steps: int = 90) -> tuple[Policy, WatchedCurriculum, list[Any]]:
    words = ("apple", "river", "stone", "cloud", "table", "horse", "violin", "candle", "forest", "mirror")
    tasks = {
        f"{domain}-{at}": Task(domain, f"What is number {at}?", words[at], Parameters(answer_type="text"))
        for domain in ("chart", "vqa", "ocr")
        for at in range(10)
    }
    system = plain_system(rewards, any_digit=AnyDigit())
    alarms = list[Any]()
    watched = WatchedCurriculum(
        CurriculumSampling([Known(key, task.domain) for key, task in tasks.items()], Settings(prompts=15, seed=1)),
        rewards.limits,
        alarms.append,
    )
    policy = Policy(0.3)
    for step in range(steps):
        groups = []
        for key in watched.choose(step):
            rolled = [rollout(tasks[key], policy.answer(tasks[key], key, step, row), key, row) for row in range(8)]
            scored = [one._replace(rewarded=system.reward(tasks[key], one.text, one)) for one in rolled]
            groups.append(Group(RlTask(key, tasks[key]), tuple(scored)))
        policy.learn(watched.select(groups))
    return policy, watched, alarms


def frozen(watched: WatchedCurriculum) -> Mapping[str, str]:
    assert watched.told is not None
    return watched.told.frozen


def test_a_verifier_that_can_be_gamed_freezes_its_domain_by_the_held_out_one_and_others_go_on() -> None:
    leaky = Rewards(domains={"chart": Rule("any_digit", second="chart", canary_share=0)})
    unwatched = msgspec.structs.replace(leaky, limits=Limits(disagreement=(inf, inf), reward_fall=(inf, inf)))
    policy, watched, _ = trained(unwatched)
    assert not frozen(watched)
    assert policy.trick["chart"] > 0.9
    policy, watched, alarms = trained(leaky)
    assert set(frozen(watched)) == {"chart"}
    assert "disagreement" in frozen(watched)["chart"]
    assert policy.trick["chart"] < 0.75
    assert policy.right["vqa"] > 0.8
    assert policy.right["ocr"] > 0.8
    first = next(alarm for alarm in alarms if alarm.action == "freeze")
    warned = next(alarm for alarm in alarms if alarm.action == "warn" and alarm.measure == "disagreement")
    assert warned.step < first.step
    keys = watched.choose(99)
    assert not [key for key in keys if key.startswith("chart")]


def test_one_paid_canary_freezes_its_domain_at_once_or_stops_the_run_if_that_is_asked() -> None:
    leaky = Rewards(domains={"chart": Rule("any_digit", canary_share=1)})
    policy, watched, alarms = trained(leaky, steps=3)
    assert {alarm.domain for alarm in alarms if alarm.measure == "paid_canaries"} == {"chart"}
    assert set(frozen(watched)) == {"chart"}
    assert policy.trick.get("chart", 0.02) <= 0.02
    with pytest.raises(Unavailable, match=r"domain chart.*nobody can know"):
        trained(msgspec.structs.replace(leaky, limits=Limits(paid_canary="stop")), steps=3)


def test_a_sound_verifier_freezes_nothing() -> None:
    policy, _, alarms = trained(Rewards(domains={"chart": Rule(second="same_text", canary_share=1)}))
    assert not [alarm for alarm in alarms if alarm.action == "freeze"]
    assert policy.right["chart"] > 0.8


def quiet(**other: Any) -> Numbers:
    values = {"answers": 64, "reward": 0.5, "tokens": 100.0, "entropy": 1.0, "format_errors": 0.05, "failed": 0.0}
    return Numbers(**{**values, **other})


@pytest.mark.parametrize(
    ("measure", "after", "action"),
    [
        ("length_times", {"tokens": 900.0}, "freeze"),
        ("length_times", {"tokens": 5.0}, "freeze"),
        ("entropy_times", {"entropy": 5.0}, "freeze"),
        ("entropy_fall", {"entropy": 0.01}, "warn"),
        ("format_errors", {"format_errors": 0.95}, "freeze"),
        ("failed", {"failed": 0.5}, "freeze"),
        ("reward_fall", {"reward": 0.0}, "warn"),
        ("kl", {"kl": 9.0}, "freeze"),
        ("disagreement", {"disagreement": 0.6}, "freeze"),
    ],
)
def test_each_measure_warns_first_and_freezes_after_patience(measure: str, after: Any, action: str) -> None:
    limits = Limits(patience=4)
    start = {"kl": 0.0} if "kl" in after else {"disagreement": 0.1} if "disagreement" in after else {}
    known: Any = {}
    told = []
    for step in range(40):
        numbers = {"math": quiet(**(start if step < 10 else after)), "ocr": quiet()}
        known, alarms = watch(known, numbers, limits, step)
        told += alarms
    assert {alarm.domain for alarm in told} == {"math"}
    assert {alarm.measure for alarm in told} == {measure}
    assert [alarm.action for alarm in told].count("warn") >= 1
    assert ("freeze" in [alarm.action for alarm in told]) == (action == "freeze")
    if action == "freeze":
        first = next(alarm.step for alarm in told if alarm.action == "freeze")
        assert first - next(alarm.step for alarm in told if alarm.action == "warn") >= limits.patience - 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=8, max_size=20), st.integers(1, 7))
def test_monitors_go_on_from_a_state_and_a_log_that_went_through_json(errors: list[float], cut: int) -> None:
    log = [{"math": quiet(format_errors=share, reward=1 - share)} for share in errors]
    read = msgspec.json.decode(msgspec.json.encode(log), type=list[dict[str, Numbers]])
    straight, told = list[Any]([{}]), list[Any]()
    for step, numbers in enumerate(log):
        known, alarms = watch(straight[-1], numbers, Limits(), step)
        straight.append(known)
        told.append(alarms)
    resumed = msgspec.json.decode(msgspec.json.encode(straight[cut]), type=dict[str, Watched])
    for step in range(cut, len(log)):
        resumed, alarms = watch(resumed, read[step], Limits(), step)
        assert (resumed, alarms) == (straight[step + 1], told[step])


def test_a_watched_curriculum_s_state_chooses_and_knows_as_it_did() -> None:
    rules = Rewards(domains={"chart": Rule("any_digit", canary_share=1)})
    _, watched, _ = trained(rules, steps=8)
    state = json.loads(json.dumps(watched.state()))
    _, again, _ = trained(rules, steps=1)
    again.load(state)
    assert again.state() == watched.state()
    assert again.choose(8) == watched.choose(8)
    assert state["curriculum"]["frozen"].keys() == {"chart"}


def test_they_are_what_the_loop_asks_for() -> None:
    _, watched, _ = trained(Rewards(), steps=1)
    curriculum: Curriculum = watched
    rewarder: Rewarder = plain_system(Rewards())
    assert curriculum.choose(1)
    assert paid(rewarder, COUNT, said("5")).total == 1


def test_a_reward_model_s_folder_scores_the_answer_segment_whatever_was_thought(tmp_path: Path) -> None:
    folder = classifier(tmp_path, outputs=1)
    rules = Rewards(domains={"poem": Rule("free", model="taste")}, models={"taste": RewardModel(folder=folder)})
    poem = Task("poem", "write a poem", "")
    with opened(rules, [poem], str(tmp_path / "run")) as system:
        totals = [
            paid(system, poem, f"<think>{thought}</think>roses are red").total for thought in ("red", "blue " * 9)
        ]
        assert totals[0] == totals[1] == exact(totals[0])
        assert 0 < totals[0] < 1
        assert paid(system, poem, "<think>red</think>blue blue blue").total != totals[0]


def test_a_folder_that_holds_no_reward_model_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no config\.json"):
        Classifier(str(tmp_path))
    with pytest.raises(BadInput, match="3 outputs"):
        Classifier(classifier(tmp_path, outputs=3))


def classifier(folder: Path, outputs: int) -> str:
    """Save a small sequence classifier with weights drawn by a seed."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    from trainer.model.torchvision_ready import torchvision_ready

    names = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *["write", "a", "poem", "roses", "are", "red", "blue"]]
    words = Tokenizer(models.WordLevel({name: at for at, name in enumerate(names)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [("[CLS]", 1), ("[SEP]", 2)]
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special
    )
    torchvision_ready()
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(names),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            num_labels=outputs,
            initializer_range=1.0,
        )
        BertForSequenceClassification(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", model_max_length=64).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("[skills.chess]", "no task is of the skill 'chess'.*the tasks' skills are: none"),
        ("[domains.chess]", "no task is of the domain 'chess'.*counting"),
        ("[domains.counting]\njudge = 'x'", r"no judge 'x'.*add \[judges.x\]"),
        ("[domains.counting]\nverifier = 'sums'", "no verifier 'sums'"),
        ("[domains.counting]\nverifier = 'json:loads'", "no verifier 'json:loads'"),
        ("[domains.counting]\nsecond = 'json:JSONDecoder'", "no Domain"),
        ("[domains.counting]\nverifier = 'free'", "needs a model"),
        ("[domains.counting]\nweights = {judge = 1}", "weights are of"),
        ("[domains.counting]\ncanary = 1", "canary"),
        ("[models.a]", "folder, or its url"),
        ("[limits]\nkl = [2.0, 1.0]", "no later than"),
    ],
)
def test_rewards_that_cannot_pay_the_tasks_are_refused_before_any_work(tmp_path: Path, file: str, told: str) -> None:
    path = tmp_path / "rewards.toml"
    path.write_text(file)
    with pytest.raises(BadInput) as refused, opened(read_rewards(str(path)), [COUNT], str(tmp_path)):
        pass
    assert re.search(told, str(refused.value))


def test_the_files_that_the_page_shows_are_read(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "how-to" / "rewards.md").read_text()
    files = dict(re.findall(r"^```\{code-block\} toml\n:caption: (\S+)\n\n(.*?)^```$", page, re.M | re.S))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    rewards = read_rewards(str(tmp_path / "rewards.toml"))
    assert read_settings(str(tmp_path / "curriculum.toml")).proportions == {"counting": 0.5, "chart": 0.3, "vqa": 0.2}
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page, re.M))
    told = {
        name: tuple(inf if one == "never" else float(one) for one in said.split(", ")) for name, said in rows.items()
    }
    assert told == {name: getattr(Limits(), name) for name in MEASURES}
    assert set(rewards.domains) == {"vqa", "chart", "essay"}


def test_a_task_whose_domain_nobody_pays_is_refused_before_any_work(tmp_path: Path) -> None:
    tasks = [COUNT, Task("chess", "Mate in two?", "Qh5")]
    with pytest.raises(BadInput, match=r"Mate.*domain 'chess'"), opened(Rewards(), tasks, str(tmp_path)):
        pass
