"""Canaries: an answer graded against a reference that nobody can know, which must pay nothing.

A model never sees a reference, so an answer to a task is as good a bait as an answer to a task made for it, and costs
no token: a share of the answers that are paid are graded a second time, with an impossible reference in place of the
task's. A verifier that pays anything with a digit, or a judge that can be talked to, pays such an answer too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

from msgspec import structs

from filters.verifiers.domain import Domain
from filters.verifiers.number import read_number
from filters.verifiers.verify import domain_of, verify
from schemas.errors import BadInput
from schemas.response import BOX, BOX_END, THINK, THINK_END
from schemas.task import Task

FIRST_RUNE = 0x16A0


def impossible(task: Task, domains: Mapping[str, Domain]) -> Task | None:
    """Return a task with an impossible reference, None where its domain compares with none, or none of that kind.

    A number stands for a number and runes for a text; where half of a number's digits are paid in part, runes do, of
    which no answer holds one. What the verifier pays for other answers is not asked: that is to be found out.
    """
    if not domain_of(task, domains).boxed:
        return None
    for reference in _references(task):
        bait = structs.replace(task, reference=reference)
        try:
            whole, half = (
                verify(_answered(bait, answer, domains), bait, domains).reward
                for answer in (reference, reference[:5] + "0" * 5)
            )
            if whole == 1 and not (reference.isdecimal() and 0 < half < 1):
                return bait
        except BadInput:
            continue
    return None


def is_looked_at(share: float, key: str, row: int, seed: int) -> bool:
    """Return whether an answer is one of the share that is graded as a canary."""
    return fraction("canary", seed, key, row) < share


def fraction(*key: int | str) -> float:
    """Return a number in [0, 1) that hangs on a key alone."""
    said = "\0".join(map(str, key))
    return (int.from_bytes(sha256(said.encode()).digest()[:8], "big") >> 11) * 2.0**-53


def _references(task: Task) -> Iterator[str]:
    word = int.from_bytes(sha256(f"{task.question}\0{task.reference}".encode()).digest()[:8], "big")
    number = str(10**9 + word % (9 * 10**9))
    runes = "".join(chr(FIRST_RUNE + (word >> 4 * at) % 16) for at in range(10))
    yield from (runes, number) if read_number(task.reference) is None else (number, runes)


def _answered(task: Task, answer: str, domains: Mapping[str, Domain]) -> str:
    said = f"{BOX}{answer}{BOX_END}" if domain_of(task, domains).boxed else answer
    return f"{THINK}I look.{THINK_END}{said}" if task.parameters.thinking else said
