"""Graded: the verifier of each task's domain looks at what was answered, and the task's difficulty comes out.

It stands here and not among the annotators, since it brings verifiers, which are judgements, to a sample's responses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import ClassVar

from msgspec import structs

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.answer_judge import questions, word_of
from annotators.endpoint import MADE_WITH as ASKED_WITH
from annotators.endpoint import Client, Endpoint, Said
from filters.verifiers.settle import may_ask, settle
from filters.verifiers.verify import verify
from schemas.difficulty import difficulty
from schemas.errors import BadInput, BadSample
from schemas.grade import Grade
from schemas.note import Noted
from schemas.task import Task, posed_of
from schemas.vocabulary.answers import (
    ANSWERED,
    DIFFICULTY,
    EXTRACTED,
    GRADES,
    PASS_RATE,
    RESPONSES,
    REWARDS,
    RIGHT_ANSWERS,
    TASK_DOMAIN,
    TASK_SKILL,
)


class Graded(Annotator, frozen=True):
    """Grades every response; a task whose reference its verifier cannot read is a failed row.

    Where a `judge` is given, it is asked about answers that the rules cannot tell, in domains that allow one, and both
    its words have to agree; without one such an answer is not paid.
    """

    judge: Endpoint | None = None
    answers: str = ""

    reads: ClassVar = (RESPONSES.name,)
    writes: ClassVar = (
        TASK_DOMAIN,
        TASK_SKILL,
        REWARDS,
        GRADES,
        EXTRACTED,
        ANSWERED,
        RIGHT_ANSWERS,
        PASS_RATE,
        DIFFICULTY,
    )
    cases: ClassVar = DIFFICULTY.name

    @property
    def batch(self) -> int:
        return 4 * self.judge.at_once if self.judge else 64

    @property
    def needs(self) -> Needs:
        """More time than the judge's client gives itself before it stops the run, where there is one."""
        return Needs(limit_s=60.0 + (self.judge.give_up_s + self.judge.timeout_s if self.judge else 0.0))

    def weights(self) -> tuple[str, ...]:
        """Return the versions of what the judge is asked with; raises BadInput where it cannot be asked."""
        if self.judge is None:
            return ()
        self.judge.check()
        try:
            return tuple(f"{package}=={metadata.version(package)}" for package in ASKED_WITH)
        except metadata.PackageNotFoundError as error:
            what = f"a judge is asked with {error.name}, which is not installed"
            raise BadInput(what, where=f"annotator {self.name}", remedy="pip install 'ostraka[endpoint]'") from None

    def identity(self) -> Graded:
        return structs.replace(self, judge=self.judge.identity() if self.judge else None, answers="")

    def kept_in(self, folder: str) -> Graded:
        return structs.replace(self, answers=folder)

    @contextmanager
    def open(self) -> Iterator[Look]:
        if self.judge is None:
            yield lambda subjects: [_noted(one, {}, {}) for one in map(_graded, subjects)]
            return
        with self.judge.open(self.answers) as client:
            yield lambda subjects: self._judged(subjects, client, self.judge or Endpoint())

    def _judged(self, subjects: Sequence[Subject], client: Client, judge: Endpoint) -> list[Noted | BadSample]:
        found = [_graded(subject) for subject in subjects]
        asked = [
            (at, place, question)
            for at, one in enumerate(found)
            if not isinstance(one, BadSample)
            for place, grade in enumerate(one[1])
            if may_ask(grade, one[0])
            for question in questions(one[0], grade.extracted, subjects[at].sample.key, judge)
        ]
        said = client.ask([question for _, _, question in asked], subjects[0].tar) if asked else []
        words: dict[int, dict[int, list[float]]] = {}
        spent: dict[int, dict[str, int]] = {}
        for (at, place, _), one in zip(asked, said, strict=True):
            if isinstance(one, Exception):
                raise one
            words.setdefault(at, {}).setdefault(place, []).append(word_of(one.answer.text))
            spent[at] = _more(spent.get(at, {}), one, judge)
        return [_noted(one, words.get(at, {}), spent.get(at, {})) for at, one in enumerate(found)]


def _graded(subject: Subject) -> tuple[Task, list[Grade]] | BadSample:
    """Return a sample's task with the grades that the rules give, or why it has none."""
    try:
        task = posed_of(subject.sample.source.meta).task
        grades = [verify(response, task) for response in subject.notes["responses"]]
    except BadSample as bad:
        return bad
    except BadInput as error:
        return BadSample("bad_task", str(error))
    return (task, grades) if grades else BadSample("no_responses", "nobody answered it")


def _noted(
    found: tuple[Task, list[Grade]] | BadSample, words: dict[int, list[float]], spent: dict[str, int]
) -> Noted | BadSample:
    if isinstance(found, BadSample):
        return found
    task, by_rule = found
    grades = [settle(grade, task, words.get(place, ())) for place, grade in enumerate(by_rule)]
    right = sum(grade.reward == 1 for grade in grades)
    tier = difficulty(right / len(grades), task.difficulty)
    return Noted(
        {
            "task_domain": task.domain,
            "task_skill": task.skill or task.domain,
            "rewards": [grade.reward for grade in grades],
            "grades": [grade.reason for grade in grades],
            "extracted": [grade.extracted for grade in grades],
            "answered": len(grades),
            "right_answers": right,
            "pass_rate": right / len(grades),
            "difficulty": tier,
        },
        counts={tier: 1, **spent},
    )


def _more(spent: dict[str, int], said: Said, judge: Endpoint) -> dict[str, int]:
    """Return what was spent, with what an answer that was paid just now cost."""
    if not said.paid:
        return spent
    cost = judge.spent(1, said.answer.prompt_tokens, said.answer.completion_tokens)
    return {name: spent.get(name, 0) + count for name, count in cost.items()}
