"""Records of a json file, an array of them or an object that holds each under its id; any other file's by its lines.

A json is read whole, since it can be cut nowhere, but each record is decoded when its turn comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecoder
from typing import Any

import msgspec

from pipelines.ingest.records import json_or_bad, records
from pipelines.ingest.source import extension_of
from pipelines.ingest.told import read_json
from schemas.errors import BadInput, BadSample

PEEK_BYTES = 1 << 20
_OPENING = re.compile(r'\s*(\[|\{\s*"(?:[^"\\]|\\.)*"\s*:)\s*')


def keyed_records(fs: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each record with its key in an object, empty elsewhere, a BadSample in place of one that is none.

    Raises BadInput where a json is neither an array nor an object.
    """
    if extension_of(path) != "json":
        yield from (("", record) for record in records(fs, path))
        return
    found = _whole(fs.cat_file(path), path)
    for key, record in found.items() if isinstance(found, dict) else (("", record) for record in found):
        yield key, json_or_bad(bytes(record), key) if isinstance(record, msgspec.Raw) else record


def first_record(fs: Any, path: str) -> Any:
    """Return the first record of a json or jsonl file, None where it is none or longer than a MiB."""
    with fs.open(path, "rb") as file:
        head = file.read(PEEK_BYTES).decode("utf-8-sig", "ignore").lstrip()
    opening = _OPENING.match(head) if extension_of(path) == "json" else None
    try:
        return JSONDecoder().raw_decode(head, opening.end() if opening else 0)[0]
    except (ValueError, RecursionError):
        return None


def _whole(data: bytes, path: str) -> dict[str, Any] | list[Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
    except msgspec.ValidationError:
        found = None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            found = read_json(data, path)
        except BadSample as bad:
            raise BadInput(f"not JSON: {bad.detail}", where=path) from None
    if not isinstance(found, dict | list):
        raise BadInput("neither an array nor an object", where=path, remedy="give an array of records")
    return found
