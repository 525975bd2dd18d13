"""What a row's own JSON tells: captions, link and licence by the names that img2dataset and its like give them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Struct

from schemas.errors import BadSample

_CAPTION_KEYS = ("caption", "captions", "text", "texts")
_URL_KEYS = ("url", "uri", "coco_url")
_LICENCE_KEYS = ("licence", "license")


class Told(Struct, frozen=True):
    """Captions, link and licence, empty where nothing is said; `meta` is the whole JSON as text."""

    texts: tuple[str, ...] = ()
    uri: str = ""
    licence: str = ""
    meta: str = ""


def told(text: str, name: str) -> Told:
    """Read a sample's JSON; raises BadSample where it is none."""
    fields = read_json(text, name)
    if not isinstance(fields, dict):
        return Told(meta=_meta(text, fields))
    captions = dict.fromkeys(
        caption.strip("\r\n")
        for key in _CAPTION_KEYS
        if key in fields
        for caption in (fields[key] if isinstance(fields[key], list) else [fields[key]])
        if isinstance(caption, str)
    )
    return Told(
        tuple(filter(None, captions)), _first(fields, _URL_KEYS), _first(fields, _LICENCE_KEYS), _meta(text, fields)
    )


def read_json(text: str | bytes, name: str) -> Any:
    """Return what a JSON text holds; NaN and infinities, which are none but which Python writes, become null.

    Raises BadSample("json_unreadable").
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as strict:
        try:
            found = json.loads(text, parse_constant=lambda _: None)
            msgspec.json.encode(found)
        except (ValueError, OverflowError, RecursionError):
            raise BadSample("json_unreadable", f"{name}: {strict}") from None
        return found


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), "")


def _meta(text: str, fields: Any) -> str:
    """Return the source's own words where they are JSON."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.encode(fields).decode()
    return text
