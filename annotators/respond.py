"""Respond: a model answers each task several times, so that its answers can be graded and the task's difficulty told.

The dialogue of the task is sent as it stands, its pictures as JPEG and its clips as frames with their times. What was
answered is in the journal under the task and the number of the answer: a rerun, or a larger `count`, pays only for
what is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, ClassVar

from msgspec import structs

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.asked_clip import clip_content, picture_part
from annotators.endpoint import MADE_WITH as ASKED_WITH
from annotators.endpoint import Client, Endpoint, Question, Said, digest_of
from annotators.journal import Answer
from annotators.reply import REJECTED
from annotators.rewriter import jpeg_of
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.response import THINK, THINK_END
from schemas.sample import Image, Part, Sample, Text
from schemas.vocabulary.answers import RESPONSE_BY, RESPONSE_FINISH, RESPONSE_TOKENS, RESPONSES

_ROLES = ("system", "user", "assistant")


class Respond(Annotator, frozen=True):
    """Asks for `count` answers to a dialogue that waits for one.

    Pictures have their shorter side at most `side_px`, a clip is `most_frames` frames of that size at even times.
    """

    endpoint: Endpoint = Endpoint(temperature=1.0, max_tokens=2048)
    count: int = 8
    side_px: int = 768
    most_frames: int = 32
    answers: str = ""

    writes: ClassVar = (RESPONSES, RESPONSE_FINISH, RESPONSE_BY, RESPONSE_TOKENS)
    version: ClassVar = 2
    made_with: ClassVar = (*ASKED_WITH, "pillow")
    extra: ClassVar = "endpoint"

    @property
    def batch(self) -> int:
        """How many are asked together: enough that a slow answer keeps the others waiting for little."""
        return 4 * self.endpoint.at_once

    @property
    def needs(self) -> Needs:
        """More time than the endpoint's client gives itself for each of a task's answers before it stops the run."""
        waits_s = self.endpoint.give_up_s + self.endpoint.timeout_s
        return Needs(limit_s=60.0 + self.count * waits_s)

    def weights(self) -> tuple[str, ...]:
        """Return no digest; raises BadInput where the endpoint cannot be asked, or would repeat itself."""
        self.endpoint.check()
        where = f"annotator {self.name}"
        if self.count < 1:
            raise BadInput(f"count is {self.count}", where=where, remedy="ask for one answer or more")
        if self.count > 1 and self.endpoint.temperature == 0:
            what = f"{self.count} answers at temperature 0 are one answer {self.count} times"
            raise BadInput(what, where=where, remedy="give a temperature above 0, or ask for one")
        return ()

    def identity(self) -> Respond:
        return structs.replace(self, endpoint=self.endpoint.identity(), answers="")

    def kept_in(self, folder: str) -> Respond:
        return structs.replace(self, answers=folder)

    def foresee(self, sample: Sample) -> dict[str, int]:
        """Return one request with its tokens: four characters one, and as many as the longest answers may have."""
        prompt_tokens = sum(len(text.text) for text in sample.texts) // 4
        return self.endpoint.spent(1, prompt_tokens, self.count * self.endpoint.max_tokens)

    @contextmanager
    def open(self) -> Iterator[Look]:
        with self.endpoint.open(self.answers) as client:
            yield lambda subjects: self._look(subjects, client)

    def _look(self, subjects: Sequence[Subject], client: Client) -> list[Noted | BadSample]:
        said = client.ask_several([self._question(one) for one in subjects], subjects[0].tar, self.count)
        return [self._noted(one) for one in said]

    def _question(self, subject: Subject) -> Question:
        """Return what is asked; its digest is over the original media, not over what is made of them."""
        model = self.endpoint
        values = (model.url, model.model, model.max_tokens, model.temperature, self.side_px, self.most_frames)
        told = [
            [part.role, part.text] if isinstance(part, Text) else ["", part.digest] for part in subject.sample.parts
        ]
        return Question(digest_of("respond", *values, told), subject.sample.key, lambda: self._messages(subject))

    def _messages(self, subject: Subject) -> list[dict[str, Any]]:
        """Return the dialogue: a picture or clip stands in what the user says."""
        found = []
        for role, parts in groupby(subject.sample.parts, key=_speaker):
            content = [said for part in parts for said in self._content(subject, part)]
            alone = content[0]["text"] if len(content) == 1 and content[0]["type"] == "text" else content
            found.append({"role": role, "content": alone})
        if not found or found[-1]["role"] != "user":
            raise BadSample("no_question", "the dialogue does not wait for an answer")
        return found

    def _content(self, subject: Subject, part: Part) -> list[dict[str, Any]]:
        if isinstance(part, Text):
            return [{"type": "text", "text": part.text}]
        data = subject.content(part)
        if isinstance(part, Image):
            return [picture_part(jpeg_of(data, self.side_px))]
        return clip_content(data, part.extension, self.most_frames, self.side_px)

    def _noted(self, said: list[Said] | Exception) -> Noted | BadSample:
        if isinstance(said, BadSample):
            return said
        if isinstance(said, Exception):
            raise said
        answers, paid = [one.answer for one in said], [one.answer for one in said if one.paid]
        if all(answer.finish == REJECTED for answer in answers):
            return BadSample("endpoint_rejected", answers[0].text)
        tokens = [sum(one.prompt_tokens for one in paid), sum(one.completion_tokens for one in paid)]
        requests = sum(one.prompt_tokens > 0 for one in paid) or bool(paid)
        return Noted(
            {
                "responses": [whole(answer) for answer in answers],
                "response_finish": [answer.finish for answer in answers],
                "response_by": ["@".join(filter(None, (self.endpoint.model, one.weights))) for one in answers],
                "response_tokens": sum(answer.completion_tokens for answer in answers),
            },
            counts={"answers": len(paid), **self.endpoint.spent(int(requests), *tokens)} if paid else {},
        )


def whole(answer: Answer) -> str:
    """Return a response with its thinking in its marks, wherever the server put it; one that it rejected is empty.

    A prompt may end with the mark that opens the thinking, and then the answer begins behind it.
    """
    if answer.finish == REJECTED:
        return ""
    if answer.thinking and THINK not in answer.text:
        return f"{THINK}{answer.thinking}{THINK_END}{answer.text}"
    opened_by_prompt = THINK_END in answer.text and THINK not in answer.text
    return f"{THINK}{answer.text}" if opened_by_prompt else answer.text


def _speaker(part: Part) -> str:
    return part.role if isinstance(part, Text) and part.role in _ROLES else "user"
