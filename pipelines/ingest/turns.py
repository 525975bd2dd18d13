"""Turns of a record: a dialogue's pieces in order, each a text under its role, or a picture or clip where it stands.

Three ways to write a dialogue are read: `messages` (role, content), `conversations` (from, value), and `question` with
`answer`. Texts are kept as they are. The marks `<image>` and `<video>` in a question become pictures and clips and are
the one thing that leaves a text; with typed parts, nothing in a text is a mark. A picture may stand in a question only:
in an answer it would be something that a model has to draw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from string import ascii_uppercase
from typing import Any

from pipelines.ingest.records import CAPTION_COLUMNS, first_told, is_empty
from schemas.errors import BadSample

Piece = tuple[str, str]
"""A role and its text, or `image` or `video` and a path, which is empty where the record's list of them has it."""

MEDIA = ("image", "video")

_TURNS = ("messages", "conversations")
_ASKED = ("question", "choices", "unit", "solution", "answer")
_MARK = re.compile(r"<(image|video)>")
_ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}
_PARTS = {
    "text": "text",
    "reasoning": "think",
    "image": "image",
    "image_url": "image",
    "video": "video",
    "video_url": "video",
}


def is_dialogue(record: Any) -> bool:
    """Say whether a record is a dialogue beyond doubt: it has turns, or question and answer, and no caption."""
    if not isinstance(record, Mapping):
        return False
    has_turns = any(isinstance(record.get(name), list) for name in _TURNS)
    is_asked = "question" in record and "answer" in record
    return has_turns or (is_asked and not any(name in record for name in CAPTION_COLUMNS))


def fields_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields that say a record's dialogue: a reference answer beside `messages` is none of them."""
    name = first_told(record, _TURNS)
    return (name, "system") if name else ("system", *_ASKED)


def pieces_of(record: Mapping[str, Any], images: int = 0, videos: int = 0) -> list[Piece]:
    """Return a dialogue's pieces; a question without marks is asked of as many pictures and clips as there are.

    Raises BadSample, with the turn where it is one's fault.
    """
    name = fields_of(record)[0]
    turns = record[name] if name in _TURNS else _asked(record, "<image>" * images + "<video>" * videos)
    if not isinstance(turns, list):
        raise BadSample("no_dialogue", f"{name} is no list of turns")
    if not is_empty(system := record.get("system")):
        turns = [{"role": "system", "content": system}, *turns]
    pieces = [piece for place, turn in enumerate(turns) for piece in _turn(turn, f"turn {place}")]
    if not pieces or pieces[-1][0] != "assistant":
        raise BadSample("no_last_answer", "its last turn is not the assistant's")
    return pieces


def _turn(turn: Any, where: str) -> list[Piece]:
    if not isinstance(turn, Mapping):
        raise BadSample("no_dialogue", f"{where} is no record")
    told = turn.get("role") or turn.get("from")
    role = _ROLES.get(str(told), "")
    if not role:
        raise BadSample("unknown_role", f"{where}: {told!r}")
    content = turn["value"] if is_empty(turn.get("content")) and "value" in turn else turn.get("content")
    pieces = list(_joined(_content(role, content, where)))
    if role == "user":
        if not any(kind in MEDIA or text.strip() for kind, text in pieces):
            raise BadSample("empty_question", where)
        return pieces
    if any(kind in MEDIA for kind, _ in pieces):
        raise BadSample("media_outside_question", f"{where}: a picture or a clip in what the {role} says")
    said = "".join(text for kind, text in pieces if kind == role)
    if role == "system":
        return [(role, said)] if said.strip() else []
    if not said.strip():
        raise BadSample("empty_answer", where)
    think = "".join(text for kind, text in pieces if kind == "think")
    think = think or _text(turn.get("reasoning_content"), f"{where}: reasoning_content")
    return [("think", think), (role, said)] if think.strip() else [(role, said)]


def _content(role: str, content: Any, where: str) -> Iterator[Piece]:
    if isinstance(content, list):
        yield from (_part(role, part, where) for part in content)
        return
    for place, bit in enumerate(_MARK.split(_text(content, where))):
        yield (bit, "") if place % 2 else (role, bit)


def _part(role: str, part: Any, where: str) -> Piece:
    kind = _PARTS.get(str(part.get("type")), "") if isinstance(part, Mapping) else ""
    if not kind or (kind == "think" and role != "assistant"):
        raise BadSample("unknown_part", f"{where}: {part!r:.100}")
    told = next((part[name] for name in ("value", part["type"]) if not is_empty(part.get(name))), "")
    told = told.get("url") if isinstance(told, Mapping) else told
    return role if kind == "text" else kind, _text(told, where)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield pieces with neighbouring texts made one, so that an answer of several parts is one answer."""
    for kind, run in groupby(pieces, key=itemgetter(0)):
        texts = [text for _, text in run]
        if kind in MEDIA:
            yield from ((kind, text) for text in texts)
        elif text := "".join(texts):
            yield kind, text


def _asked(record: Mapping[str, Any], marks: str) -> list[dict[str, str]]:
    """Return question and answer as turns: choices are lettered lines under the question, the unit is a last one."""
    if "question" not in record:
        raise BadSample("no_dialogue", "it has neither messages, nor conversations, nor question and answer")
    question, answer = _text(record["question"], "question"), _text(record.get("answer"), "answer")
    if not question.strip():
        raise BadSample("empty_question", "question")
    lines = [question, *_lettered(record.get("choices"), answer)]
    if not is_empty(unit := record.get("unit")):
        lines.append(f"Unit: {_text(unit, 'unit')}")
    asked = "\n".join(lines)
    asked = asked if _MARK.search(asked) else marks + asked
    solution = _text(record.get("solution"), "solution")
    return [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": answer, "reasoning_content": solution},
    ]


def _lettered(choices: Any, answer: str) -> list[str]:
    """Return choices as lines; an answer that is none of them may be a number that counts them, so it is refused."""
    if is_empty(choices) or choices == []:
        return []
    if not isinstance(choices, list) or len(choices) > len(ascii_uppercase):
        raise BadSample("bad_choices", f"choices is no list of at most {len(ascii_uppercase)}")
    texts = [_text(choice, "choices") for choice in choices]
    if answer.strip() and answer not in texts and answer not in ascii_uppercase[: len(texts)]:
        raise BadSample("answer_not_a_choice", f"{answer!r:.100} is none of the choices, nor the letter of one")
    return [f"{letter}. {text}" for letter, text in zip(ascii_uppercase, texts, strict=False)]


def _text(value: Any, where: str) -> str:
    """Return a text as it is, a number as it is written, and nothing as an empty text."""
    if is_empty(value):
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadSample("not_a_text", f"{where}: {value!r:.100}")
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise BadSample("text_not_utf8", where) from None
    return str(value)
