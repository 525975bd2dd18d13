"""Scenarios: dialogues that a model is asked to make of a sample, and the structure that each has to have.

A scenario is a JSON file, or one of those here: GUI interaction over several steps, and questions over a long document.
Its constraints are what is checked (scenario_check.py); they are told to the model in words as well.
"""

from __future__ import annotations

from typing import Annotated, Literal

import fsspec
import msgspec
from msgspec import Meta, Struct

from schemas.errors import BadInput

Count = Annotated[int, Meta(ge=0)]
Argument = Literal["point", "text", "direction", "screen"]
MOST_PLACE = 999
"""Points are thousandths of a screen's width and height, 0 to 999."""


class Action(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that may be done on a screen, and what it needs to be said of it."""

    name: str
    needs: tuple[Argument, ...] = ()


class Constraints(Struct, frozen=True, forbid_unknown_fields=True):
    """What a dialogue must be like. A count that is 0 as a lower bound asks nothing.

    `actions` make each answer a list of steps, of which the last is `ends_with`. `least_quotes` are passages that an
    answer must quote of the text, word by word and of at least `least_quote_chars`; in some answer two of them must lie
    `least_apart` of the text apart, so that it cannot be given from one place alone.
    """

    least_turns: Count = 1
    most_turns: Count = 8
    least_question_chars: Count = 10
    least_answer_chars: Count = 1
    most_answer_chars: Count = 4000
    actions: tuple[Action, ...] = ()
    ends_with: str = ""
    least_steps: Count = 0
    most_steps: Count = 20
    least_quotes: Count = 0
    least_quote_chars: Count = 20
    least_apart: Annotated[float, Meta(ge=0, le=1)] = 0.0


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """`of`: what it is made of, samples with pictures or long texts (of `least_chars` to `most_chars` characters)."""

    name: str
    of: Literal["pictures", "text"]
    instructions: str
    constraints: Constraints
    least_chars: Count = 2000
    most_chars: Count = 200_000

    def prompt(self) -> str:
        """Return what the model is told: the task, the structure, and the form of its answer."""
        return "\n".join([self.instructions, *_in_words(self.constraints), _FORM])


_FORM = (
    'Answer with one JSON object and nothing else: {"turns": [{"question": "...", "answer": "...", "quotes": ["..."], '
    '"steps": [{"why": "...", "action": "...", "screen": 0, "x": 0, "y": 0, "text": "...", "direction": "down"}]}]}. '
    "Leave out quotes and steps where none are asked for, and the fields of a step that its action does not need."
)

GUI_STEPS = Scenario(
    "gui-steps",
    "pictures",
    "You see one or more screens of an application, numbered from 0 in their order. Make up a task that a user of it "
    "could have and that takes several steps on these screens, and solve it. The question states the task in the "
    "user's words; the answer says in a sentence what was reached; the steps say what is done and why.",
    Constraints(
        most_turns=1,
        actions=(
            Action("click", ("screen", "point")),
            Action("long_press", ("screen", "point")),
            Action("type", ("screen", "text")),
            Action("scroll", ("screen", "direction")),
            Action("back"),
            Action("done"),
        ),
        ends_with="done",
        least_steps=3,
        most_steps=12,
        most_answer_chars=400,
    ),
)
LONG_DOCUMENT = Scenario(
    "long-document",
    "text",
    "Below is a long document. Make up a dialogue in which a reader asks about it. Each answer must follow from the "
    "document alone, and at least one must join what stands far apart in it. Quote the passages that an answer rests "
    "on word by word.",
    Constraints(least_turns=2, most_turns=6, least_quotes=1, least_apart=0.3, most_answer_chars=2000),
)
SCENARIOS = {one.name: one for one in (GUI_STEPS, LONG_DOCUMENT)}


def find_scenario(name: str) -> Scenario:
    """Return a scenario by its name here, or from a JSON file; raises BadInput that says what is wrong."""
    if name in SCENARIOS:
        return SCENARIOS[name]
    if not name:
        raise BadInput("no scenario is named", where="--scenario", remedy=f"say {', '.join(SCENARIOS)}, or a JSON file")
    try:
        with fsspec.open(name, "rb") as file:
            found = msgspec.json.decode(file.read(), type=Scenario)
    except (OSError, ImportError, ValueError) as error:
        remedy = f"give {' or '.join(SCENARIOS)}, or a JSON file"
        raise BadInput(f"the scenario cannot be used ({error})", where=name or "--scenario", remedy=remedy) from None
    names = [action.name for action in found.constraints.actions]
    if found.constraints.ends_with not in ("", *names):
        raise BadInput(f"ends_with is {found.constraints.ends_with!r}, which is no action of it", where=name)
    return found


def _in_words(asked: Constraints) -> list[str]:
    told = [f"Make {asked.least_turns} to {asked.most_turns} turns, no question twice."]
    if asked.actions:
        listed = "; ".join(f"{one.name} ({', '.join(one.needs) or 'nothing'})" for one in asked.actions)
        told.append(f"Each answer has {asked.least_steps} to {asked.most_steps} steps. Actions, with what each needs:")
        told.append(f"{listed}. A point is x and y, whole numbers from 0 to {MOST_PLACE} across and down the screen.")
        told.append("A direction is up, down, left or right. No step is the same as the one before it.")
    if asked.ends_with:
        told.append(f"The last step is {asked.ends_with}, and only the last.")
    if asked.least_quotes:
        told.append(f"Each answer has at least {asked.least_quotes} quotes of {asked.least_quote_chars} characters up.")
    if asked.least_apart:
        told.append(f"In one answer two quotes lie {asked.least_apart:.0%} of the document apart.")
    told.append(f"An answer has at most {asked.most_answer_chars} characters.")
    return told
