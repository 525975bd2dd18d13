"""Chemistry: formulas and equations of reactions as they are written, quantities and numbers as in physics."""

from __future__ import annotations

import re
from typing import ClassVar

from filters.verifiers.bounds import check_size
from filters.verifiers.domain import Domain, decided, wrong
from filters.verifiers.domains.physics import Physics
from filters.verifiers.judgeable import judgeable
from filters.verifiers.text import same_text
from schemas.grade import Grade
from schemas.task import Task

_ELEMENTS = (
    "A[cglmrstu]|B[aehikr]?|C[adefl-orsu]?|D[bsy]?|E[rsu]|F[elmr]?|G[ade]|H[efgos]?|I[nr]?|K[r]?|L[airuv]|"
    "M[dgnot]|N[abdeiop]?|O[gs]?|P[abdmortu]?|R[abe-hnu]|S[bcegimnr]?|T[abceh-im]|U|V|W|Xe|Y[b]?|Z[nr]"
)
_FORMULA = re.compile(rf"(?:(?:{_ELEMENTS})[0-9]*|[()\[\]][0-9]*|[·.^+-]|[0-9]+)+")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-0123456789+-")
_DRESS = re.compile(r"\\(?:ce|mathrm|text|mathbf)\s?\{|[{}$_^]|\\[,;: ]|\((?:s|l|g|aq)\)")
_ARROW = re.compile(r"\\(?:long)?rightarrow|\\to|-+>|=+>?|→|⟶|⇌|\\rightleftharpoons")
_PLUS = re.compile(r"\s\+\s|\+(?=[0-9]*[A-Z(\[])")
_LEAST_LETTERS = 2


class Chemistry(Domain, frozen=True):
    """Formulas and reactions, in any dress and the sides of a reaction in any order; quantities within 1e-5."""

    name: ClassVar = "chemistry"
    reads: ClassVar = ("rel_tol", "answer_type", "unit")
    judged: ClassVar = True

    def grade(self, answer: str, task: Task) -> Grade:
        check_size(answer)
        reference, found = reaction(task.reference), reaction(answer)
        quantity = reference is not None and len(reference) == 1 and task.reference.strip()[0].isdigit()
        if reference is None or quantity or task.parameters.unit or task.parameters.answer_type:
            return Physics().grade(answer, task)
        if found is not None:
            return decided(answer, found == reference)
        return wrong(answer) if same_text(answer, task.reference) else judgeable(answer, task)


def reaction(text: str) -> tuple[tuple[str, ...], ...] | None:
    """Return the sides of a reaction, each in one order, or of a formula the one; None where a text is neither."""
    plain = _DRESS.sub("", text.strip().rstrip(".").translate(_LOWERED))
    sides = [["".join(one.split()) for one in _PLUS.split(side)] for side in _ARROW.split(plain)]
    capitals = sum(letter.isupper() for letter in plain)
    has_digits = any(letter.isdigit() for letter in plain)
    if capitals < _LEAST_LETTERS and not (capitals and has_digits):
        return None
    formulas = all(_FORMULA.fullmatch(one) for side in sides for one in side)
    return tuple(tuple(sorted(side)) for side in sides) if formulas else None
