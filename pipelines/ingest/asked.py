"""Records that ask once: a question with its answer and choices, or an instruction with its input and output (Alpaca).

They become turns as `messages` has them. Choices are lettered lines under the question, so that a sample shows what was
asked, and whoever makes something of the choices reads them there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any

from pipelines.ingest.records import CAPTION_COLUMNS, first_told, is_empty
from schemas.errors import BadSample

QUESTION = ("question", "query")
ANSWER = ("answer", "Answer", "label")
CHOICES = ("choices", "options")
INPUT = ("input", "context")
OUTPUT = ("output", "response")
MARK = re.compile(r"<(image|video)>")

_LETTERED = re.compile(r"\(?([A-Z])[).:]")


def is_asked(record: Mapping[str, Any]) -> bool:
    """Say whether a record asks once beyond doubt; where it has a caption too, question and answer are no proof."""
    if is_instruction(record):
        return True
    asks = any(name in record for name in QUESTION) and any(name in record for name in ANSWER)
    return asks and not any(name in record for name in CAPTION_COLUMNS)


def is_instruction(record: Mapping[str, Any]) -> bool:
    """Say whether a record is an instruction with its output."""
    return "instruction" in record and any(name in record for name in OUTPUT)


def fields_asked(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields that say what is asked and answered."""
    if is_instruction(record):
        return ("instruction", first_told(record, INPUT), first_told(record, OUTPUT), "history")
    return (*(first_told(record, names) for names in (QUESTION, ANSWER, CHOICES)), "unit", "solution")


def turns_asked(record: Mapping[str, Any], marks: str) -> list[dict[str, str]]:
    """Return the turns of a record; `marks` stand before a question that has none.

    Raises BadSample where it asks nothing.
    """
    if is_instruction(record):
        return _of_instruction(record, marks)
    question = first_told(record, QUESTION)
    if not question and not any(name in record for name in QUESTION):
        what = "it has neither messages, nor conversations, nor question and answer, nor instruction and output"
        raise BadSample("no_dialogue", what)
    asked, answer = said(record.get(question), "question"), said(record.get(first_told(record, ANSWER)), "answer")
    if not asked.strip():
        raise BadSample("empty_question", "question")
    lines = [asked, *_lettered(record.get(first_told(record, CHOICES)), answer)]
    if not is_empty(unit := record.get("unit")):
        lines.append(f"Unit: {said(unit, 'unit')}")
    solution = said(record.get("solution"), "solution")
    return [
        {"role": "user", "content": _marked("\n".join(lines), marks)},
        {"role": "assistant", "content": answer, "reasoning_content": solution},
    ]


def _of_instruction(record: Mapping[str, Any], marks: str) -> list[dict[str, str]]:
    """Return an instruction as turns: what came before it, then itself with its input on the next line."""
    lines = [said(record.get(name), name) for name in ("instruction", first_told(record, INPUT))]
    asked = "\n".join(line for line in lines if line)
    if not asked.strip():
        raise BadSample("empty_question", "instruction")
    before = record.get("history")
    pairs = [] if is_empty(before) else before
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise BadSample("no_dialogue", f"history is no list of questions with answers: {pairs!r:.100}")
    questions = [said(question, "history") for question, _ in pairs] + [asked]
    answers = [said(answer, "history") for _, answer in pairs] + [
        said(record.get(first_told(record, OUTPUT)), "output")
    ]
    if not any(MARK.search(question) for question in questions):
        questions[0] = marks + questions[0]
    return [
        turn
        for question, answer in zip(questions, answers, strict=True)
        for turn in ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    ]


def _marked(question: str, marks: str) -> str:
    return question if MARK.search(question) else marks + question


def _lettered(choices: Any, answer: str) -> list[str]:
    """Return choices as lines; an answer that is none of them may be a number that counts them, so it is refused.

    A text, and texts that carry their letters already, stay as they are.
    """
    if is_empty(choices) or choices == []:
        return []
    if isinstance(choices, str) and (first := _LETTERED.match(choices)) and first[1] == "A":
        return [choices]
    if not isinstance(choices, list) or len(choices) > len(ascii_uppercase):
        raise BadSample("bad_choices", f"choices is no list of at most {len(ascii_uppercase)}")
    texts = [said(choice, "choices") for choice in choices]
    if answer.strip() and answer not in texts and answer not in ascii_uppercase[: len(texts)]:
        raise BadSample("answer_not_a_choice", f"{answer!r:.100} is none of the choices, nor the letter of one")
    found = [_LETTERED.match(text) for text in texts]
    if all(one and one[1] == letter for one, letter in zip(found, ascii_uppercase, strict=False)):
        return texts
    return [f"{letter}. {text}" for letter, text in zip(ascii_uppercase, texts, strict=False)]


def said(value: Any, where: str) -> str:
    """Return a text as it is, a number as it is written, and nothing as an empty text; raises BadSample."""
    if is_empty(value):
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadSample("not_a_text", f"{where}: {value!r:.100}")
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise BadSample("text_not_utf8", where) from None
    return str(value)
