"""What an instruction may ask of an answer, by kind: each a small test of the text that nobody has to judge."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from schemas.errors import BadInput
from schemas.task import Argument, Constraint

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_SENTENCE_END = re.compile(r"[.!?。！？]+(?=\s|$|[\"”'])|[。！？]")
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|[0-9]{1,3}[.)])\s+\S", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +\S", re.MULTILINE)
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")
_MOST_PLACES = 1_000
_SCRIPT_SHARE = 0.9

Given = Mapping[str, Argument]


def count_words(text: str) -> int:
    """Count words; each Chinese character is one."""
    chinese = len(_CHINESE.findall(text))
    return chinese + len(_WORD.findall(_CHINESE.sub(" ", text)))


def holds(constraint: Constraint, text: str) -> bool:
    """Return whether an answer keeps a constraint; raises BadInput for a kind or arguments that are not known."""
    if constraint.kind not in KINDS:
        raise BadInput(f"no constraint of the kind {constraint.kind!r}", remedy=f"choose one of {', '.join(KINDS)}")
    try:
        return KINDS[constraint.kind](text, constraint.arguments)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"the constraint {constraint.kind} cannot use {constraint.arguments!r}: {error}", remedy="mend the task"
        ) from error


def _between(count: int, given: Given) -> bool:
    if not {"least", "most"} & set(given):
        raise ValueError("least or most is due")
    return int(_number(given.get("least", 0))) <= count <= float(_number(given.get("most", float("inf"))))


def _number(value: Argument) -> float:
    if isinstance(value, str | list):
        raise TypeError(f"{value!r} is no number")
    return value


def _words_of(given: Given) -> list[str]:
    found = given["words"]
    if not isinstance(found, list) or not found:
        raise TypeError("words is a list of texts")
    return found


def _count_of(text: str, word: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE))


def _paragraphs(text: str) -> list[str]:
    return [one for one in re.split(r"\n\s*\n", text) if one.strip()]


def _is_json(text: str) -> bool:
    text = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _in_language(text: str, given: Given) -> bool:
    chinese, latin = len(_CHINESE.findall(text)), len(_LATIN.findall(text))
    due = {"zh": chinese, "en": latin}[str(given["language"])]
    return due > 0 and due >= _SCRIPT_SHARE * (chinese + latin)


def _cased(text: str, upper: bool) -> bool:
    return any(letter.isalpha() for letter in text) and text == (text.upper() if upper else text.lower())


KINDS: dict[str, Callable[[str, Given], bool]] = {
    "words": lambda text, given: _between(count_words(text), given),
    "characters": lambda text, given: _between(len(text), given),
    "sentences": lambda text, given: _between(len(_SENTENCE_END.findall(text)), given),
    "paragraphs": lambda text, given: _between(len(_paragraphs(text)), given),
    "bullets": lambda text, given: _between(len(_BULLET.findall(text)), given),
    "headings": lambda text, given: _between(len(_HEADING.findall(text)), given),
    "contains": lambda text, given: all(_count_of(text, word) for word in _words_of(given)),
    "leaves_out": lambda text, given: not any(_count_of(text, word) for word in _words_of(given)),
    "word_count": lambda text, given: _between(_count_of(text, str(given["word"])), given),
    "starts_with": lambda text, given: text.startswith(str(given["text"])),
    "ends_with": lambda text, given: text.rstrip().endswith(str(given["text"])),
    "no_commas": lambda text, given: not any(comma in text for comma in ",，、"),
    "upper_case": lambda text, given: _cased(text, True),
    "lower_case": lambda text, given: _cased(text, False),
    "json": lambda text, given: _is_json(text),
    "language": _in_language,
}
