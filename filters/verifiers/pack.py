"""The adversarial pack of a domain: attacks that must not be paid, honest answers that must, and the rates of both.

A line of `packs/<domain>.jsonl` is a case: `attack` or `honest` names what it is, `answer` stands in a box of a plain
response, in both forms, or `response` is all of it. `{fill}` in either stands for `fill[0]`, `fill[1]` times. An attack
may earn `most` at most (0), an honest answer has to earn `least` at least (1). Unknown counts as neither paid nor
refused where the domain has a judge: it is counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, ValidationError, field, json

from filters.verifiers.domain import Domain
from filters.verifiers.verify import verify
from schemas.errors import BadInput
from schemas.grade import UNKNOWN, Grade
from schemas.response import ANSWER, ANSWER_END, BOX, BOX_END, THINK, THINK_END
from schemas.task import Parameters, Task

_THOUGHT = "I look at what is asked, work it out and check it once more."
_CLOSE = 1e-6


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """A response to a task, and what it may earn."""

    question: str
    reference: str
    attack: str = ""
    honest: str = ""
    answer: str = ""
    response: str = ""
    parameters: Parameters = field(default_factory=Parameters)
    fill: tuple[str, int] = ("", 0)
    most: float = 0.0
    least: float = 1.0


class Miss(Struct, frozen=True):
    """A case that a verifier got wrong: its line, what it is, and the grade."""

    line: int
    case: Case
    grade: Grade


class Rates(Struct, frozen=True):
    """How a domain did on its pack."""

    domain: str
    attacks: int
    paid: tuple[Miss, ...]
    attacks_to_judge: int
    honest: int
    refused: tuple[Miss, ...]
    honest_to_judge: int


def read_pack(lines: Iterable[bytes], where: str) -> list[Case]:
    """Return the cases of a pack; raises BadInput that names the line."""
    found = []
    for at, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            case = json.decode(line, type=Case)
        except ValidationError as error:
            raise BadInput(str(error), where=f"{where}, line {at}", remedy="see the reference of verifiers") from error
        except ValueError as error:
            raise BadInput(f"no JSON: {error}", where=f"{where}, line {at}", remedy="write a case a line") from error
        if bool(case.attack) == bool(case.honest) or bool(case.answer) == bool(case.response):
            raise BadInput(
                "a case is an attack or honest, and has an answer or a response",
                where=f"{where}, line {at}",
                remedy="give one of each",
            )
        found.append(case)
    return found


def rates(domain: Domain, cases: Sequence[Case], domains: Mapping[str, Domain]) -> Rates:
    """Run a pack; a case in two forms counts once, for the worse."""
    paid, refused = [], []
    attacks = honest = attacks_to_judge = honest_to_judge = 0
    for line, case in enumerate(cases, 1):
        grades = list(grades_of(case, domain, domains))
        asked = domain.judged and any(grade.reason == UNKNOWN for grade in grades)
        if case.attack:
            attacks += 1
            attacks_to_judge += asked
            best = max(grades, key=lambda grade: grade.reward)
            if best.reward > case.most + _CLOSE:
                paid.append(Miss(line, case, best))
        else:
            honest += 1
            worst = min(grades, key=lambda grade: grade.reward)
            if worst.reward >= case.least - _CLOSE:
                continue
            if asked:
                honest_to_judge += 1
            else:
                refused.append(Miss(line, case, worst))
    return Rates(domain.name, attacks, tuple(paid), attacks_to_judge, honest, tuple(refused), honest_to_judge)


def grades_of(case: Case, domain: Domain, domains: Mapping[str, Domain]) -> Iterator[Grade]:
    """Yield the grades of a case's responses."""
    task = Task(domain.name, case.question, case.reference, case.parameters)
    for response in responses(case, domain.boxed):
        yield verify(response, task, domains)


def responses(case: Case, boxed: bool = True) -> Iterator[str]:
    """Yield a case's response, or its answer in both forms."""
    text = (case.response or case.answer).replace("{fill}", case.fill[0] * case.fill[1])
    if case.response:
        yield text
        return
    thinking = f"{THINK}{_THOUGHT if case.parameters.thinking else ''}{THINK_END}"
    answer = f"{BOX}{text}{BOX_END}" if boxed else text
    yield f"{thinking}{ANSWER}{answer}{ANSWER_END}"
    yield f"{thinking}\n{answer}"
