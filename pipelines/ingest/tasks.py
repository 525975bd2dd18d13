"""Tasks: questions with a reference answer and a verifier, of pictures, clips or text alone, and what models answered.

A record asks as a dialogue does that ends before its answer: `question`, or `messages`; `images` and `videos` are
paths. `domain` names its verifier, `reference` is the right answer; `parameters`, `skill`, `difficulty` and `responses`
may stand beside. Published answers of models to GSM8K and MathVista become such records (published_answers.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

import msgspec
from msgspec import Struct, json

from pipelines.ingest.dialogues import DIALOGUE_IDS, IMAGE_COLUMNS, VIDEO_COLUMNS, placed
from pipelines.ingest.json_records import keyed_records
from pipelines.ingest.published_answers import as_task, joined
from pipelines.ingest.records import LICENCE_COLUMNS, URL_COLUMNS, each, first_told, is_empty, text_of
from pipelines.ingest.row import Row
from pipelines.ingest.source import extension_of, file_ref, need, open_url, resolve
from pipelines.ingest.turns import MEDIA, Piece, pieces_of
from schemas.errors import BadInput, BadSample
from schemas.task import Parameters, Posed, Task, posed_of

TASK_FILES = ("json", "jsonl")
_TOLD = ("domain", "reference", "skill", "difficulty")
_PEEK = 100


class Tasks(Struct, frozen=True):
    """A file of records, or a folder of them; a record of the same id in several files is one task with the responses
    of all. Paths are relative to `root`, by default the file's own folder."""

    url: str
    root: str = ""
    id_column: str = ""

    def rows(self) -> Iterator[Row]:
        """Yield a row per task, called by its key, its id or its place; raises BadInput where there is none."""
        fs, path = open_url(self.url)
        is_folder = fs.isdir(path)
        root = open_url(self.root)[1] if self.root else path if is_folder else path.rsplit("/", 1)[0]
        found = self._named(fs, path, is_folder=is_folder)
        first = list(islice(found, _PEEK))
        need(first, "it holds no records", path)
        for name, record in chain(first, found):
            yield self._row(fs, root, name, record)

    def tells_responses(self) -> bool:
        """Say whether one of the first tasks comes with a response."""
        metas = (row.meta for row in islice(self.rows(), _PEEK) if not row.failed)
        return any(posed_of(meta).responses for meta in metas)

    def _named(self, fs: Any, path: str, *, is_folder: bool) -> Iterator[tuple[str, Any]]:
        if not is_folder:
            yield from self._of_file(fs, path)
            return
        listed = sorted(str(one) for one in fs.ls(path, detail=False) if extension_of(str(one)) in TASK_FILES)
        yield from joined((self._of_file(fs, one) for one in listed), [one.rsplit("/", 1)[-1] for one in listed])

    def _of_file(self, fs: Any, path: str) -> Iterator[tuple[str, Any]]:
        for number, (key, record) in enumerate(keyed_records(fs, path)):
            name = key or f"record-{number + 1:09d}"
            if isinstance(record, Mapping):
                named = text_of(record, self.id_column or first_told(record, DIALOGUE_IDS))
                yield named or name, as_task(record, path.rsplit("/", 1)[-1].rsplit(".", 1)[0])
            else:
                yield name, record

    def _row(self, fs: Any, root: str, name: str, record: Any) -> Row:
        try:
            if isinstance(record, BadSample):
                raise record
            if not isinstance(record, Mapping):
                raise BadSample("not_a_record", f"{record!r:.100}")
            listed = {"image": _paths(record, IMAGE_COLUMNS), "video": _paths(record, VIDEO_COLUMNS)}
            pieces = _asked(record, len(listed["image"]), len(listed["video"]))
            posed = _posed(record, pieces)
            paths, texts_before = placed(pieces, listed)
            media = tuple(file_ref(fs, resolve(root, one), one, within=root) for one in paths)
        except BadSample as bad:
            return Row(name, failed=bad.reason, meta=bad.detail)
        return Row(
            name,
            media,
            tuple(piece for piece in pieces if piece[0] not in MEDIA),
            uri=text_of(record, first_told(record, URL_COLUMNS)),
            licence=text_of(record, first_told(record, LICENCE_COLUMNS)),
            meta=json.encode(posed).decode(),
            texts_before=texts_before,
        )


def is_task(record: Any) -> bool:
    """Say whether a record is a task beyond doubt."""
    return isinstance(record, Mapping) and "domain" in record and "reference" in record


def _asked(record: Mapping[str, Any], images: int, videos: int) -> list[Piece]:
    """Return the pieces of a dialogue that ends before its last answer."""
    answer = {"role": "assistant", "content": "."}
    if isinstance(record.get("messages"), list):
        return pieces_of({**record, "messages": [*record["messages"], answer]})[:-1]
    if not isinstance(record.get("question"), str):
        raise BadSample("no_question", "it has neither question nor messages")
    return pieces_of({"question": record["question"], "answer": "."}, images, videos)[:-1]


def _posed(record: Mapping[str, Any], pieces: list[Piece]) -> Posed:
    question = "\n".join(text for role, text in pieces if role == "user").strip()
    told = {name: record[name] for name in _TOLD if not is_empty(record.get(name))}
    try:
        task = msgspec.convert({"domain": "", "reference": "", "question": question, **told}, type=Task)
        parameters = msgspec.convert(record.get("parameters") or {}, type=Parameters)
        responses = msgspec.convert(record.get("responses") or (), type=tuple[str, ...])
        by = msgspec.convert(record.get("answered_by") or (), type=tuple[str, ...])
    except (msgspec.ValidationError, BadInput) as error:
        raise BadSample("bad_task", str(error)) from None
    if not task.domain or not task.reference:
        raise BadSample("no_reference", "a task has a domain and a reference")
    return Posed(msgspec.structs.replace(task, parameters=parameters), responses, by)


def _paths(record: Mapping[str, Any], columns: tuple[str, ...]) -> list[str]:
    column = first_told(record, columns)
    paths = [] if is_empty(record.get(column)) else each(record[column])
    if not all(isinstance(path, str) and path for path in paths):
        raise BadSample("no_image_path", f"{column} is {record[column]!r:.100}")
    return paths
