"""Whether an answer that the rules cannot tell is one that a judge may see: short, one thing, and not a speech to it.

A judge is a model and can be talked to, and an answer that names several things has one of them right. What hedges,
addresses a judge, gives the question back, or is far longer than the reference is wrong here, and never shown.
"""

from __future__ import annotations

import re

from filters.verifiers.domain import unknown, wrong
from filters.verifiers.text import plain, words
from schemas.grade import Grade
from schemas.task import Task

LEAST_MOST_CHARS, TIMES_REFERENCE = 120, 3
MOST_ECHOED_SHARE = 0.6
SPEECH_MARKS = ("<|", "|>")
_HEDGE = re.compile(
    r"\b(?:or|either|maybe|perhaps|possibly|probably|might|could be|may be|not sure|unsure|i think|any of|all of the"
    r"|one of|depends?|something|someone|between .{1,60} and|from .{1,60} to|approximately|about|roughly"
    r"|at least|at most|more than|less than|unless|alternatively|and\s*/\s*or|a correct|correct number"
    r"|right one|correct one|the question|what is asked)\b|\?|\.\.\.|…"
    r"|或者|或|可能|也许|之间|大约|\boder\b|\bou\b|\bо?или\b|~",
    re.IGNORECASE,
)
_SPEECH = re.compile(
    r"<\||\|>|</?[a-z_]+>|\b(?:judge|grader|grading|reward|verdict|evaluator|evaluation|rubric|score|ignore|disregard"
    r"|previous|instructions?|system|assistant|user|prompt|reference answer|ground ?truth|correct answer|is correct"
    r"|mark (?:this|it)|as correct|you must|please|1\.0|full (?:marks|credit)|equivalent|matches)\b"
    r"|\bthe answer\b|正确|答案|评分|裁判|忽略|标准",
    re.IGNORECASE,
)
_LIST = re.compile(r"[,;/|、，；]|\band\b|\n|和")


def judgeable(answer: str, task: Task, more_names: int = 0) -> Grade:
    """Return unknown for an answer that a judge may see, else wrong with the reason.

    `more_names`: how many more things than the reference an answer may name.
    """
    if len(answer) > max(LEAST_MOST_CHARS, TIMES_REFERENCE * len(task.reference)):
        return wrong(answer, "too_long")
    if _SPEECH.search(answer) and not _SPEECH.search(task.reference):
        return wrong(answer, "speaks_to_judge")
    if _HEDGE.search(answer) and not _HEDGE.search(task.reference):
        return wrong(answer, "hedged")
    if len(_LIST.findall(answer)) > len(_LIST.findall(task.reference)) + more_names:
        return wrong(answer, "hedged")
    if _echoes(answer, task.question):
        return wrong(answer, "echoes_question")
    return unknown(answer) if words(answer) else wrong(answer)


def _echoes(answer: str, question: str) -> bool:
    said, asked = plain(answer), plain(question.rstrip("?"))
    share = len(said) / max(len(asked), 1)
    return bool(said and asked) and share >= MOST_ECHOED_SHARE and (said in asked or asked in said)
