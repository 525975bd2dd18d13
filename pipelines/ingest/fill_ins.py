"""Fill-ins: questions with choices that lie on a shelf, asked without them, each a sample with its parent."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from pipelines.ingest.choices import Choices, split_choices
from pipelines.ingest.fill_in import fill_in, thinking_stands
from pipelines.ingest.parents import Parent, parents
from pipelines.ingest.row import Row
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadSample

MADE = "fill-in"
Said = list[tuple[str, str]]


class FillIns(Struct, frozen=True):
    """A row for each dialogue of one answer whose question has choices; one that is refused fails with its reason."""

    url: str
    is_here: bool = False

    def rows(self) -> Iterator[Row]:
        """Yield the rows. Raises BadInput where the shelf has no samples."""
        for parent in parents(Shelf(self.url), is_here=self.is_here):
            said = [(text.role, text.text) for text in parent.sample.texts]
            choices = split_choices(_last(said, "user"))
            if choices and sum(role == "assistant" for role, _ in said) == 1:
                yield _row(parent, said, choices)


def _row(parent: Parent, said: Said, choices: Choices) -> Row:
    try:
        asked, answer = fill_in(choices, _last(said, "assistant"), has_media=bool(parent.refs))
    except BadSample as bad:
        return parent.failed(MADE, bad.reason, bad.detail)
    last = max(place for place, (role, _) in enumerate(said) if role == "user")
    texts = [
        (role, {last: asked}.get(place, answer if role == "assistant" else text))
        for place, (role, text) in enumerate(said)
        if role != "think" or thinking_stands(text)
    ]
    return parent.child(MADE, tuple(texts), parent.texts_before, "")


def _last(said: Said, role: str) -> str:
    return next((text for other, text in reversed(said) if other == role), "")
