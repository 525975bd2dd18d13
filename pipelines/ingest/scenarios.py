"""Scenarios over a shelf: of each sample that fits, a model makes a dialogue, which is checked and has its parent.

What was answered lies in the endpoint's journal on the shelf before it is used, so a listing that was killed goes on
where it was and pays for nothing twice. It runs in the process that lists, `at_once` requests at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from msgspec import Struct

from annotators.endpoint import Client, Endpoint, Question, Said, digest_of
from annotators.journal import Answer
from annotators.prose import learnt_text
from annotators.reply import REJECTED
from pipelines.guard.guard import Guard
from pipelines.ingest.parents import Parent, parents
from pipelines.ingest.records import json_of
from pipelines.ingest.row import Row
from pipelines.ingest.scenario import Scenario
from pipelines.ingest.scenario_check import Turn, checked
from pipelines.ingest.scenario_pictures import EndpointPicture, picture_urls
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadSample
from schemas.sample import Image, Text

SIDE_PX = 1024
MOST_PICTURES = 16


class Scenarios(Struct, frozen=True):
    """A row for each sample of the shelf that fits the scenario; one whose answer breaks a constraint fails.

    A scenario of pictures fits samples with pictures alone, one of text those without any that are long enough.
    """

    url: str
    scenario: Scenario
    endpoint: Endpoint
    is_here: bool = False

    def rows(self) -> Iterator[Row]:
        """Yield the rows; raises BadInput where endpoint or shelf cannot be used, Unavailable where one fails."""
        shelf = Shelf(self.url)
        answers = shelf.path("answers") if shelf.is_local else f"{shelf.url}/answers"
        fitting = (parent for parent in parents(shelf, is_here=self.is_here) if self._fits(parent))
        with self.endpoint.open(answers) as client, Guard(EndpointPicture(SIDE_PX)) as guard:
            for shard, of_shard in groupby(fitting, key=attrgetter("shard")):
                while some := list(islice(of_shard, 16 * self.endpoint.at_once)):
                    yield from self._made(some, client, guard, f"{self.scenario.name}-{shard}")

    def _fits(self, parent: Parent) -> bool:
        media = [part for _, part in parent.sample.media()]
        if self.scenario.of == "pictures":
            return bool(media) and all(isinstance(part, Image) for part in media)
        chars = len(learnt_text(parent.sample))
        return not media and self.scenario.least_chars <= chars

    def _made(self, some: Sequence[Parent], client: Client, guard: Guard, name: str) -> Iterator[Row]:
        said = client.ask([self._question(parent, guard) for parent in some], name)
        for parent, one in zip(some, said, strict=True):
            try:
                yield self._row(parent, one)
            except BadSample as bad:
                yield parent.failed(self.scenario.name, bad.reason, bad.detail)

    def _question(self, parent: Parent, guard: Guard) -> Question:
        model, parts = self.endpoint, parent.sample.parts
        digests = [part.text if isinstance(part, Text) else part.digest for part in parts]
        values = (model.url, model.model, model.max_tokens, model.temperature, SIDE_PX)
        asked = digest_of("scenario", *values, self.scenario.prompt(), digests)
        return Question(asked, parent.sample.key, lambda: self._messages(parent, guard))

    def _messages(self, parent: Parent, guard: Guard) -> list[dict[str, Any]]:
        if self.scenario.of == "text":
            document = learnt_text(parent.sample)
            if len(document) > self.scenario.most_chars:
                raise BadSample("document_too_long", f"{len(document)} characters")
            content: Any = document
        else:
            if len(parent.refs) > MOST_PICTURES:
                raise BadSample("too_many_pictures", f"{len(parent.refs)}")
            urls = picture_urls(guard, Shelf(self.url), parent)
            content = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return [{"role": "system", "content": self.scenario.prompt()}, {"role": "user", "content": content}]

    def _row(self, parent: Parent, said: Said | Exception) -> Row:
        if isinstance(said, Exception):
            raise said
        text, document = _usable(said.answer), learnt_text(parent.sample) if self.scenario.of == "text" else ""
        turns = checked(text, self.scenario.constraints, document, len(parent.refs))
        texts = tuple(_texts(turns, document))
        before = (0,) * len(parent.refs)
        meta = json_of({"scenario": self.scenario.name, "model": self.endpoint.model, "quotes": _quotes(turns)}, ())
        return parent.child(self.scenario.name, texts, before, meta)


def _usable(answer: Answer) -> str:
    """Return what was said; raises BadSample where it was refused or cut off."""
    if answer.finish == REJECTED:
        raise BadSample("rejected", answer.text)
    if answer.finish == "content_filter":
        raise BadSample("refused", answer.text)
    if answer.finish == "length":
        raise BadSample("cut_off", f"after {answer.completion_tokens} tokens")
    return answer.text


def _texts(turns: Sequence[Turn], document: str) -> Iterator[tuple[str, str]]:
    """Yield the texts of a dialogue; a document stands before its first question."""
    for place, turn in enumerate(turns):
        question = turn.question.strip()
        yield "user", f"{document}\n\n{question}" if document and not place else question
        yield "assistant", turn.said()


def _quotes(turns: Sequence[Turn]) -> list[list[str]]:
    return [list(turn.quotes) for turn in turns] if any(turn.quotes for turn in turns) else []
