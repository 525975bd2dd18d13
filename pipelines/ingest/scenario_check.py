"""Checking a dialogue that a model made against the constraints of its scenario: each one broken has a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from pipelines.ingest.scenario import MOST_PLACE, Constraints
from schemas.errors import BadSample

DIRECTIONS = ("up", "down", "left", "right")
_FENCE = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)


class Step(Struct, frozen=True):
    """What is done on which screen, and why."""

    action: str
    why: str = ""
    screen: int | None = None
    x: int | None = None
    y: int | None = None
    text: str | None = None
    direction: str | None = None

    def said(self) -> str:
        """Return a step as a line of an answer says it."""
        told = [f"{name}={value}" for name in ("screen", "x", "y") if (value := getattr(self, name)) is not None]
        told += [msgspec.json.encode(one).decode() for one in (self.text, self.direction) if one is not None]
        done = f"{self.action}({', '.join(told)})"
        return f"{self.why.strip()} {done}".strip()


class Turn(Struct, frozen=True):
    """A question with its answer, the passages that it rests on, and the steps that it takes."""

    question: str
    answer: str
    quotes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    def said(self) -> str:
        """Return the answer with its steps as numbered lines before it."""
        return "\n".join(
            [*(f"{place}. {step.said()}" for place, step in enumerate(self.steps, 1)), self.answer.strip()]
        )


class _Told(Struct, frozen=True):
    turns: tuple[Turn, ...]


def checked(told: str, asked: Constraints, document: str, screens: int) -> tuple[Turn, ...]:
    """Return the turns of a model's answer; raises BadSample with the first constraint that it breaks."""
    fenced = _FENCE.fullmatch(told)
    try:
        turns = msgspec.json.decode(fenced[1] if fenced else told, type=_Told).turns
    except msgspec.ValidationError as error:
        raise BadSample("wrong_shape", str(error)) from None
    except msgspec.DecodeError as error:
        raise BadSample("not_json", f"{error}: {told:.100}") from None
    if not asked.least_turns <= len(turns) <= asked.most_turns:
        raise BadSample("wrong_turn_count", f"{len(turns)}, not {asked.least_turns} to {asked.most_turns}")
    questions = {" ".join(turn.question.casefold().split()) for turn in turns}
    if len(questions) < len(turns):
        raise BadSample("repeated_question", f"{len(turns)} questions, {len(questions)} different ones")
    plain = " ".join(document.split())
    spans = [_checked_turn(turn, asked, plain, screens, f"turn {place}") for place, turn in enumerate(turns)]
    apart = max((max(span) - min(span) for span in spans if span), default=0) / (len(plain) or 1)
    if apart < asked.least_apart:
        raise BadSample("quotes_too_close", f"{apart:.2f} of the document, not {asked.least_apart:g}")
    return turns


def _checked_turn(turn: Turn, asked: Constraints, document: str, screens: int, where: str) -> list[int]:
    """Check a turn alone; return where in the document its quotes begin."""
    if len(turn.question.strip()) < asked.least_question_chars:
        raise BadSample("question_too_short", f"{where}: {turn.question!r}")
    if len(turn.answer.strip()) < max(1, asked.least_answer_chars):
        raise BadSample("answer_too_short", f"{where}: {turn.answer!r}")
    if len(turn.answer) > asked.most_answer_chars:
        raise BadSample("answer_too_long", f"{where}: {len(turn.answer)} characters")
    if asked.actions or turn.steps:
        _check_steps(turn.steps, asked, screens, where)
    if len(turn.quotes) < asked.least_quotes:
        raise BadSample("too_few_quotes", f"{where}: {len(turn.quotes)}, not {asked.least_quotes}")
    return list(_places(turn.quotes, asked, document, where))


def _places(quotes: Sequence[str], asked: Constraints, document: str, where: str) -> Iterator[int]:
    for quote in quotes:
        plain = " ".join(quote.split())
        if len(plain) < asked.least_quote_chars:
            raise BadSample("quote_too_short", f"{where}: {plain!r}")
        at = document.find(plain)
        if at < 0:
            raise BadSample("quote_not_in_document", f"{where}: {plain:.100}")
        yield at


def _check_steps(steps: Sequence[Step], asked: Constraints, screens: int, where: str) -> None:
    if not asked.least_steps <= len(steps) <= asked.most_steps:
        raise BadSample("wrong_step_count", f"{where}: {len(steps)}, not {asked.least_steps} to {asked.most_steps}")
    needs = {action.name: action.needs for action in asked.actions}
    for place, step in enumerate(steps):
        here = f"{where}, step {place}"
        if step.action not in needs:
            raise BadSample("unknown_action", f"{here}: {step.action!r}")
        if missing := [one for one in needs[step.action] if not _has(step, one, screens)]:
            raise BadSample(f"no_{missing[0]}", f"{here}: {step.said()}")
        if place and msgspec.structs.replace(step, why="") == msgspec.structs.replace(steps[place - 1], why=""):
            raise BadSample("repeated_step", f"{here}: {step.said()}")
        if asked.ends_with and (step.action == asked.ends_with) != (place == len(steps) - 1):
            raise BadSample("wrong_end", f"{here}: {asked.ends_with} is to be the last step and no other")


def _has(step: Step, needed: str, screens: int) -> bool:
    if needed == "point":
        return all(one is not None and 0 <= one <= MOST_PLACE for one in (step.x, step.y))
    if needed == "screen":
        return step.screen is not None and 0 <= step.screen < screens
    if needed == "text":
        return bool(step.text and step.text.strip())
    return step.direction in DIRECTIONS
