"""A task: a question with its reference answer, and how an answer is verified."""

from __future__ import annotations

from typing import Literal

from msgspec import DecodeError, Struct, json

from schemas.errors import BadInput, BadSample

Difficulty = Literal["very_easy", "easy", "medium", "hard", "very_hard"]
DIFFICULTIES: tuple[Difficulty, ...] = ("very_easy", "easy", "medium", "hard", "very_hard")
Argument = int | float | str | list[str]


class Constraint(Struct, frozen=True):
    """One thing that an instruction asks of the answer: a kind of `filters.verifiers.constraints`, its arguments."""

    kind: str
    arguments: dict[str, Argument] = {}


class Parameters(Struct, frozen=True, omit_defaults=True):
    """How an answer is verified; a domain reads those that it names in `reads`.

    `rel_tol` is a true relative error, |answer - reference| <= rel_tol * |reference|: a reference of 0 is met by 0
    alone. Below 0 stands for the domain's own, as None does for `case_sensitive`.
    """

    thinking: bool = True
    rel_tol: float = -1.0
    answer_type: Literal["", "number", "year", "text", "set"] = ""
    unit: str = ""
    options: tuple[str, ...] = ()
    multi: bool = False
    case_sensitive: bool | None = None
    iou_threshold: float = 0.5
    matching: Literal["best", "greedy", "in_order"] = "best"
    denominator: Literal["larger", "reference", "predicted"] = "larger"
    platform: Literal["android", "desktop"] = "android"
    task: Literal["", "grounding", "qa", "action", "temporal_grounding", "choice", "text", "count"] = ""
    duration_s: float = 0.0
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        if self.rel_tol >= 1:
            raise BadInput(f"rel_tol is {self.rel_tol:g}", remedy="a relative error lies below 1")
        if not 0 < self.iou_threshold <= 1:
            raise BadInput(f"iou_threshold is {self.iou_threshold:g}", remedy="give more than 0 and at most 1")
        if self.duration_s < 0:
            raise BadInput(f"duration_s is {self.duration_s:g}", remedy="give the clip's seconds, or leave it out")


class Task(Struct, frozen=True, omit_defaults=True):
    """What was asked, in which domain, the answer that is right, and the parameters of its verifier.

    `skill` says what it takes, as finely as its source tells; `difficulty` is what people say of it, or nothing.
    """

    domain: str
    question: str
    reference: str
    parameters: Parameters = Parameters()
    skill: str = ""
    difficulty: Difficulty | Literal[""] = ""


class Posed(Struct, frozen=True, omit_defaults=True):
    """A task as a sample holds it in its source's meta, and the responses to it that its source knows.

    `answered_by` names who gave each response, where that is told.
    """

    task: Task
    responses: tuple[str, ...] = ()
    answered_by: tuple[str, ...] = ()


def posed_of(meta: str) -> Posed:
    """Read the task of a sample's meta; raises BadSample where it holds none."""
    try:
        return json.decode(meta or "null", type=Posed)
    except (DecodeError, BadInput) as error:
        raise BadSample("no_task", str(error)) from None
