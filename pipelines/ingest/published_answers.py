"""Published answers: what models answered to GSM8K and MathVista, as their authors publish it, made into tasks.

Such an answer has no form of ours: what it says is taken for its thinking, and the answer that its authors took from it
(after `A:` in GSM8K, `extraction` in MathVista) for what stands in the box. Pictures are left out: the files name them
and do not hold them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from string import ascii_uppercase
from typing import Any

from schemas.response import BOX, BOX_END

_SOLUTION, _TRUTH = "solution", "ground_truth"


def as_task(record: Mapping[str, Any], by: str) -> Mapping[str, Any]:
    """Return a record of GSM8K's or MathVista's answers as a task, every other record as it is.

    `by` names who answered, where the record does not.
    """
    if isinstance(record.get(_TRUTH), str) and isinstance(record.get("question"), str):
        return _gsm8k(record)
    if "question_type" in record and "response" in record:
        return _mathvista(record, by)
    return record


def joined(files: Iterable[Iterator[tuple[str, Any]]], names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield the tasks of several files, those of one name once, with the responses of all in the order of the files.

    Names that no record gave itself are of their file alone.
    """
    found: dict[str, Any] = {}
    for records, file in zip(files, names, strict=True):
        for name, record in records:
            key = f"{file}/{name}" if name.startswith("record-") or not isinstance(record, Mapping) else name
            if key in found:
                found[key] = _with(found[key], record)
            else:
                found[key] = record
    yield from found.items()


def _with(task: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    added = {name: [*(task.get(name) or ()), *(other.get(name) or ())] for name in ("responses", "answered_by")}
    return {**task, **added}


def _gsm8k(record: Mapping[str, Any]) -> Mapping[str, Any]:
    answers = {by: one[_SOLUTION] for by, one in record.items() if isinstance(one, Mapping) and _SOLUTION in one}
    return {
        "question": record["question"],
        "domain": "math",
        "reference": record[_TRUTH].rpartition("A:")[2].strip(),
        "responses": [_in_form(*_parted(said)) for said in answers.values()],
        "answered_by": list(answers),
    }


def _parted(solution: str) -> tuple[str, str]:
    said, ended, answer = solution.rpartition("\nA:")
    return (said, answer.strip()) if ended else (solution, "")


def _mathvista(record: Mapping[str, Any], by: str) -> Mapping[str, Any]:
    metadata, choices = record.get("metadata"), record.get("choices")
    choices = choices if isinstance(choices, list) else []
    lines = [f"({letter}) {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False)]
    return {
        "question": "\n".join([str(record.get("question")), *lines]),
        "domain": "choice" if choices else "math",
        "reference": str(record.get("answer")),
        "parameters": {"options": choices} if choices else {},
        "skill": str(metadata.get("task", "")) if isinstance(metadata, Mapping) else "",
        "responses": [_in_form(str(record["response"]), str(record.get("extraction") or ""))],
        "answered_by": [by],
    }


def _in_form(said: str, answer: str) -> str:
    return f"<think>{said}</think><answer>{BOX}{answer}{BOX_END}</answer>" if answer else f"<think>{said}</think>"
