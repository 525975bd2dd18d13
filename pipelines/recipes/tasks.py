"""Recipes of tasks: what models answered is graded, and tasks of a middling difficulty stay."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from annotators.dialogue_minhash import DialogueMinHash
from annotators.endpoint import Endpoint
from annotators.origin import Origin
from annotators.respond import Respond
from annotators.thought import Thought
from annotators.turns import Turns
from filters.dialogue import FewControlCharacters, HasAnswers
from filters.informative import Informative
from filters.most_per_task import MostPerTask
from filters.new_answers import NewAnswers
from filters.scores import AtLeast, AtMost, Between
from filters.teaches import Teaches
from filters.textdedup import TextNearDedup
from filters.thought import SoundThought
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.recipes.uncontaminated import without_benchmarks
from pipelines.tasks.graded import Graded
from pipelines.tasks.selfcheck import SelfCheck
from pipelines.tasks.told_responses import ToldResponses
from pipelines.tasks.told_rollouts import ToldRollouts

Rate = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]
_ASKED = Endpoint()


def cot(
    model: str = "",
    url: str = _ASKED.url,
    count: Count = 8,
    temperature: Annotated[float, Meta(ge=0)] = 1.0,
    max_tokens: Count = 2048,
    at_once: Count = _ASKED.at_once,
    low: Rate = 0.05,
    high: Rate = 0.9,
    judge: str = "",
    judge_url: str = "",
    benchmarks: str = "",
) -> Recipe:
    """Tasks that a model sometimes gets right: answered `count` times, graded, those between `low` and `high` kept.

    A `model` at a `url` answers; without one, the responses that the tasks' source told are graded. The paper drops
    what is too easy or excessively hard for the pre-trained model and states no bounds (section 4). A model `judge`, at
    `judge_url` or the same `url`, settles what the rules of a domain cannot tell. With `benchmarks`, a folder that
    `ostraka benchmark` wrote, tasks that hold their items go, and before anyone is paid for an answer.
    """
    kept_out = without_benchmarks(benchmarks)
    band = Keep(Between("pass_rate", low, high))
    asked = Endpoint(judge_url or url, judge, max_tokens=8, at_once=at_once) if judge else None
    graded = Annotate(Graded(asked))
    if not model:
        return Recipe("cot", Annotate(ToldResponses()), graded, *kept_out, band)
    endpoint = Endpoint(url, model, max_tokens, temperature, at_once)
    return Recipe("cot", *kept_out, Annotate(Respond(endpoint, count)), graded, band)


def cot_answers(
    repeated: Rate = 0.3, doubts: Count = 3, similarity: Annotated[float, Meta(gt=0, le=1)] = 0.9, benchmarks: str = ""
) -> Recipe:
    """Answers with their thinking: sound thinking, one of each near-duplicate, and no benchmark's items.

    Thinking goes that says more than `repeated` of a stretch again, that doubts itself more than `doubts` times and
    densely, or that comes to another number than its box.
    """
    return Recipe(
        "cot-answers",
        Annotate(Turns()),
        Keep(HasAnswers()),
        Keep(FewControlCharacters()),
        Annotate(Thought()),
        Keep(SoundThought(repeated, doubts)),
        *without_benchmarks(benchmarks),
        Annotate(DialogueMinHash()),
        Keep(TextNearDedup(similarity)),
    )


def enhance(
    low: Rate = 0.1,
    high: Rate = 0.8,
    rare: Rate = 0.02,
    most: Count = 2,
    repeated: Rate = 0.3,
    doubts: Count = 3,
    similarity: Annotated[float, Meta(gt=0, le=1)] = 0.9,
    benchmarks: str = "",
) -> Recipe:
    """The next cold start: answers of all rounds, sound, informative, new, and at most `most` of a task.

    Informative are tasks with a pass rate between `low` and `high`, and those of a skill with at most `rare` of the
    answers. Of near-duplicates and of a task's answers those of the earlier rounds stay. Benchmarks are
    kept out again: what a later checkpoint says was not there when the tasks were looked at.
    """
    answers = cot_answers(repeated, doubts, similarity, benchmarks)
    origin = Annotate(Origin()), Keep(Informative(low, high, rare))
    sound = answers.steps[:-1]
    return Recipe("enhance", *origin, *sound, Keep(NewAnswers(similarity)), Keep(MostPerTask(most)))


def rl_tasks(benchmarks: str = "") -> Recipe:
    """Tasks whose verifier pays their own reference and nothing that is surely wrong; no benchmark's items."""
    return Recipe(
        "rl-tasks",
        Annotate(SelfCheck()),
        Keep(AtLeast("reference_reward", 1)),
        Keep(AtMost("wrong_paid", 0)),
        *without_benchmarks(benchmarks),
    )


def rollouts(low: Rate = 0.0, high: Rate = 1.0) -> Recipe:
    """Rollouts of reinforcement learning: groups whose answers were paid unlike, and `low` to `high` of them right.

    The funnel counts all answers by their domain and how they were paid, and the groups that taught nothing: their
    answers were paid alike, so that none has an advantage.
    """
    return Recipe("rollouts", Annotate(ToldRollouts()), Keep(Teaches()), Keep(Between("pass_rate", low, high)))
