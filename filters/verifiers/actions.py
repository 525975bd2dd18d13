"""Actions of an agent as answers: a JSON object, or a call, in one small form of their own.

    {"action": "click", "box": [10, 20, 60, 80]}
    left_click(start_box='[35,50]')

Names of actions and fields vary between agents; those here are read as one. Nothing of an answer is evaluated.
"""

from __future__ import annotations

import json
import re
from math import isfinite

from msgspec import Struct

from filters.verifiers.bounds import check_size

MOST_ACTION_CHARS = 4_096
Point = tuple[float, float]
_KINDS = {
    "click": "click", "tap": "click", "left_click": "click", "press_on": "click", "double_click": "double_click",
    "left_double_click": "double_click", "right_click": "right_click", "long_press": "long_press", "hover": "hover",
    "type": "type", "input_text": "type", "input": "type", "write": "type", "scroll": "scroll", "swipe": "scroll",
    "drag": "drag", "left_drag": "drag", "key": "key", "press": "key", "hotkey": "key", "keyboard": "key",
    "open_app": "open_app", "wait": "wait", "done": "done", "status": "done", "terminate": "done", "finished": "done",
    "fail": "fail", "navigate_back": "navigate_back", "back": "navigate_back", "navigate_home": "navigate_home",
    "home": "navigate_home", "keyboard_enter": "keyboard_enter", "answer": "answer",
}  # fmt: skip
_FIELDS = {
    "action": "action", "action_type": "action", "type_of_action": "action", "box": "box", "bbox": "box",
    "box_2d": "box", "start_box": "box", "start": "box", "point": "box", "coordinate": "box", "position": "box",
    "end": "end", "end_box": "end", "text": "text", "content": "text", "app_name": "text", "value": "text",
    "keys": "keys", "key": "keys", "direction": "direction", "step": "step", "amount": "step", "steps": "step",
}  # fmt: skip
_IGNORED = frozenset(("element_info", "override", "goal_status", "reason", "thought"))
_CALL = re.compile(r"(?P<name>[A-Za-z_]{2,30})\((?P<given>.*)\)", re.DOTALL)
_GIVEN = re.compile(r"\s*(?P<name>[A-Za-z_0-9]{2,30})\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[-\w.,\[\] ]+?)\s*(?:,(?=\s*[A-Za-z_0-9]{2,30}\s*=)|$)", re.DOTALL)  # fmt: skip  # noqa: E501
_KEY_NAMES = {"return": "enter", "control": "ctrl", "escape": "esc", "command": "cmd", "delete": "del"}


class Action(Struct, frozen=True):
    """What an agent does: `at` and `end` are a point or a box in thousandths of the picture."""

    kind: str
    at: tuple[float, ...] = ()
    end: tuple[float, ...] = ()
    text: str = ""
    keys: frozenset[str] = frozenset()
    direction: str = ""
    step: float = 0.0


def read_action(text: str) -> Action | None:
    """Return the one action that a text is, None where it is anything else."""
    check_size(text, MOST_ACTION_CHARS)
    text = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    given = _of_json(text) if text.startswith("{") else _of_call(text)
    if given is None:
        return None
    fields: dict[str, object] = {}
    for name, value in given.items():
        if name in _IGNORED:
            continue
        if name not in _FIELDS or _FIELDS[name] in fields:
            return None
        fields[_FIELDS[name]] = value
    return _action(fields)


def _of_json(text: str) -> dict[str, object] | None:
    """Return the fields of an object, each said once."""
    twice: list[str] = []

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        twice.extend(name for name in names if names.count(name) > 1)
        return dict(pairs)

    try:
        found = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and not twice else None


def _of_call(text: str) -> dict[str, object] | None:
    found = _CALL.fullmatch(text)
    if not found:
        return None
    fields: dict[str, object] = {"action": found["name"]}
    rest = found["given"].strip()
    while rest:
        one = _GIVEN.match(rest)
        if not one or one["name"] in fields:
            return None
        fields[one["name"]] = _unquoted(one["value"])
        rest = rest[one.end() :]
    return fields


def _unquoted(value: str) -> str:
    if value[:1] in ("'", '"'):
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value.strip()


def _action(fields: dict[str, object]) -> Action | None:
    kind = _KINDS.get(str(fields.get("action", "")).strip().casefold().replace(" ", "_"))
    at, end = _place(fields.get("box")), _place(fields.get("end"))
    step = _number(fields.get("step", 0))
    if kind is None or at is None or end is None or step is None:
        return None
    text = fields.get("text", "")
    keys = fields.get("keys", "")
    if not isinstance(text, str) or not isinstance(keys, str | list):
        return None
    said = keys.split("+") if isinstance(keys, str) else [str(key) for key in keys]
    named = frozenset(_KEY_NAMES.get(key, key) for one in said if (key := one.strip().casefold()))
    return Action(kind, at, end, text, named, str(fields.get("direction", "")).casefold(), step)


def _place(value: object) -> tuple[float, ...] | None:
    """Return a point or a box, () where there is none, None where a value is neither."""
    if value is None:
        return ()
    if isinstance(value, str):
        numbers: list[object] = [one for one in re.split(r"[\s,\[\]()]+", value) if one]
    elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        numbers = value[0]
    else:
        numbers = list(value) if isinstance(value, list) else [value]
    found = [_number(one) for one in numbers]
    places = tuple(one for one in found if one is not None and 0 <= one <= 1000)
    if len(places) != len(found) or len(places) not in (2, 4):
        return None
    if len(places) == 4 and not (places[0] < places[2] and places[1] < places[3]):
        return None
    return places


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 12:
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if isfinite(found) and str(value).isascii() else None
