"""Turns of a record: a dialogue's pieces in order, each a text under its role, or a picture or clip where it stands.

Ways to write a dialogue are `messages` (role, content), `conversations` (from, value), and records that ask once
(asked.py). Texts are kept as they are. The marks `<image>` and `<video>` in a question become pictures and clips, the
one thing that leaves a text; with typed parts, nothing in a text is a mark. A picture may stand in a question only: in
an answer it would be something that a model has to draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from pipelines.ingest.asked import MARK, fields_asked, is_asked, said, turns_asked
from pipelines.ingest.records import first_told, is_empty
from schemas.errors import BadSample

Piece = tuple[str, str]
"""A role and its text, or `image` or `video` and a path, which is empty where the record's list of them has it."""

MEDIA = ("image", "video")

_TURNS = ("messages", "conversations")
_ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bing", "bard", "model"), "assistant"),
}
"""Who speaks, by the names of OpenAI, ShareGPT (which kept the names of several assistants) and Gemini."""
_PARTS = {
    "text": "text",
    "reasoning": "think",
    "image": "image",
    "image_url": "image",
    "video": "video",
    "video_url": "video",
}


def is_dialogue(record: Any) -> bool:
    """Say whether a record is a dialogue beyond doubt: it has turns, or it asks once."""
    if not isinstance(record, Mapping):
        return False
    return any(isinstance(record.get(name), list) for name in _TURNS) or is_asked(record)


def fields_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields that say a record's dialogue: a reference answer beside `messages` is none of them."""
    name = first_told(record, _TURNS)
    return (name, "system") if name else ("system", *fields_asked(record))


def pieces_of(record: Mapping[str, Any], images: int = 0, videos: int = 0) -> list[Piece]:
    """Return a dialogue's pieces; a question without marks is asked of as many pictures and clips as there are.

    Raises BadSample, with the turn where it is one's fault.
    """
    name = fields_of(record)[0]
    turns = record[name] if name in _TURNS else turns_asked(record, "<image>" * images + "<video>" * videos)
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
    speaker = turn.get("role") or turn.get("from")
    role = _ROLES.get(str(speaker), "")
    if not role:
        raise BadSample("unknown_role", f"{where}: {speaker!r}")
    content = turn["value"] if is_empty(turn.get("content")) and "value" in turn else turn.get("content")
    pieces = list(_joined(_content(role, content, where)))
    if role == "user":
        if not any(kind in MEDIA or text.strip() for kind, text in pieces):
            raise BadSample("empty_question", where)
        return pieces
    if any(kind in MEDIA for kind, _ in pieces):
        raise BadSample("media_outside_question", f"{where}: a picture or a clip in what the {role} says")
    told = "".join(text for kind, text in pieces if kind == role)
    if role == "system":
        return [(role, told)] if told.strip() else []
    if not told.strip():
        raise BadSample("empty_answer", where)
    think = "".join(text for kind, text in pieces if kind == "think")
    think = think or said(turn.get("reasoning_content"), f"{where}: reasoning_content")
    return [("think", think), (role, told)] if think.strip() else [(role, told)]


def _content(role: str, content: Any, where: str) -> Iterator[Piece]:
    if isinstance(content, list):
        yield from (_part(role, part, where) for part in content)
        return
    for place, bit in enumerate(MARK.split(said(content, where))):
        yield (bit, "") if place % 2 else (role, bit)


def _part(role: str, part: Any, where: str) -> Piece:
    kind = _PARTS.get(str(part.get("type")), "") if isinstance(part, Mapping) else ""
    if not kind or (kind == "think" and role != "assistant"):
        raise BadSample("unknown_part", f"{where}: {part!r:.100}")
    told = next((part[name] for name in ("value", part["type"]) if not is_empty(part.get(name))), "")
    told = told.get("url") if isinstance(told, Mapping) else told
    return role if kind == "text" else kind, said(told, where)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield pieces with neighbouring texts made one, so that an answer of several parts is one answer."""
    for kind, run in groupby(pieces, key=itemgetter(0)):
        texts = [text for _, text in run]
        if kind in MEDIA:
            yield from ((kind, text) for text in texts)
        elif text := "".join(texts):
            yield kind, text
