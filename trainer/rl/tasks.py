"""Tasks of exports, as prompts: what is asked is read at once, pictures are decoded when a task is rolled out.

A prompt is rendered by the template that dialogues are trained with, up to the opening of the answer. A task that can
be no prompt (its pictures do not decode, it is longer than there is room for) is told apart when it is met, and is not
rolled out. In memory a task takes its question and some hundred bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from filters.verifiers.verify import verify
from schemas.errors import BadInput, BadSample
from schemas.sample import Sample, Text
from schemas.task import Posed, posed_of
from trainer.curriculum.pool import Known
from trainer.data.count_shard import AT_ONCE, members_of, sample_of
from trainer.data.export_index import Export
from trainer.data.shard_bytes import ShardBytes, Span
from trainer.documents.codec import Codec
from trainer.documents.encode import looked_at
from trainer.documents.layout import grids_of, piece_tokens
from trainer.documents.template import prompt_pieces
from trainer.documents.turns import Said
from trainer.engine.engine import Prompt
from trainer.rl.rollout import RlTask

MOST_HELD = 512
"""Prompts that are held with their pictures."""


class _Place(NamedTuple):
    export: int
    span: Span


class Tasks:
    """The tasks of exports, by their keys and in their order; raises BadInput where an export holds none."""

    def __init__(self, exports: Sequence[Export], codec: Codec) -> None:
        self._codec = codec
        self._readers = [ShardBytes(export.fs) for export in exports]
        self._places: dict[str, _Place] = {}
        self.of: dict[str, RlTask] = {}
        self.known: list[Known] = []
        """What a curriculum may go by, task for task."""
        seen = sha256()
        for number, export in enumerate(exports):
            seen.update(export.digest.encode())
            before = len(self.of)
            self._read(number, export)
            if len(self.of) == before:
                raise BadInput(
                    "it holds no tasks", where=export.url, remedy="give an export of `ostraka run rl-tasks`, or of cot"
                )
        self.digest = seen.hexdigest()
        self.prompt = lru_cache(MOST_HELD)(self._prompt)

    def _read(self, number: int, export: Export) -> None:
        for shard in export.shards:
            places, tar = export.places(shard), export.path(f"{shard.path}.tar")
            keys = [key.tobytes().hex() for key in places.key_N16]
            spans = [Span(tar, *json) for json in places.json_N2.tolist()]
            for at in range(0, len(spans), AT_ONCE):
                some = slice(at, at + AT_ONCE)
                jsons = self._readers[number].read_all(spans[some])
                told = zip(keys[some], jsons, places.span_N2[some].tolist(), strict=True)
                for key, data, span in told:
                    try:
                        posed = posed_of(sample_of(data, key, tar).source.meta)
                    except BadSample:
                        continue
                    self.of[key] = RlTask(key, posed.task)
                    self.known.append(known_of(key, posed))
                    self._places[key] = _Place(number, Span(tar, *span))

    def read(self, key: str) -> tuple[Sample, Sequence[bytes]]:
        """Return the sample of a task, and the bytes of its pictures and clips."""
        number, span = self._places[key]
        return members_of(self._readers[number].read(*span), span.path)

    def _prompt(self, key: str) -> Prompt:
        """Return the prompt of a task; raises BadSample where its pictures cannot be used."""
        sample, contents = self.read(key)
        return prompt_of(sample, contents, self._codec, thinks=self.of[key].task.parameters.thinking)


def known_of(key: str, posed: Posed) -> Known:
    """Return what a curriculum may go by: of the responses that a task came with, how many its verifier pays."""
    task, told = posed.task, posed.responses
    rate = sum(verify(one, task).reward >= 1 for one in told) / len(told) if told else -1.0
    return Known(key, task.domain, task.skill, task.difficulty, rate)


def prompt_of(sample: Sample, contents: Sequence[bytes], codec: Codec, *, thinks: bool) -> Prompt:
    """Return what a model is given to answer a task's sample: its pictures and its question, in their order."""
    media, patches_PD = looked_at(sample, contents, codec)
    tokens = [
        token
        for piece in prompt_pieces(_asked(sample), codec.family, thinks=thinks or codec.family == "4.1v")
        for token in piece_tokens(piece, codec.tokens, media)
    ]
    grids = [grid for place in sorted(media) for grid in grids_of(media[place])]
    return Prompt(sample.key, np.array(tokens, np.int32), np.array(grids, np.int64).reshape(-1, 3), patches_PD)


def _asked(sample: Sample) -> list[Said]:
    """Return the turns before the answer: a system's word, if there is one, and the question with its pictures."""
    system = [Said("system", (part.text.strip(),)) for part in sample.texts if part.role == "system"]
    told = [
        part.text.strip() if isinstance(part, Text) else place
        for place, part in enumerate(sample.parts)
        if not isinstance(part, Text) or part.role == "user"
    ]
    if not any(isinstance(one, str) and one for one in told):
        raise BadSample("no_question", "no text of it is the user's")
    return [*system, Said("user", tuple(told))]
