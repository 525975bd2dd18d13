"""Rewriter: a caption written anew by a model that sees the picture, and that must not lose what the caption states.

Names, places and numbers of the original are looked for in the recaption (facts.py); where one is lost, where a number
came from nowhere, or where the answer is no caption of this picture at all, the original stands and the reason is
noted. The answers lie in the endpoint's journal under what was asked, so stricter or looser rules make other notes of
them and pay nothing.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from msgspec import structs
from PIL import Image

from annotators import facts
from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.asked_clip import picture_part
from annotators.endpoint import MADE_WITH as ASKED_WITH
from annotators.endpoint import Client, Endpoint, Question, Said, digest_of
from annotators.facts import Reader
from annotators.header import PILLOW_RAISES
from annotators.journal import Answer
from annotators.reply import REJECTED
from annotators.upright import upright_rgb
from schemas.errors import BadSample
from schemas.form import caption_place
from schemas.note import Noted
from schemas.sample import Sample, Text
from schemas.vocabulary.captions import RECAPTION, RECAPTION_DETAIL, RECAPTION_STATUS, REWRITTEN

INSTRUCTIONS = (
    "Below is a picture and its caption from the web. Write the caption anew: one factual paragraph in the caption's "
    "language that describes what the picture shows. Keep every name, place, date and number of the caption exactly as "
    "it is written. Leave out file names, links, hashtags and advertising. Do not guess at what neither the picture "
    "nor the caption says. Answer with the caption alone."
)
LONGER_PX = 2048
PIXELS_PER_TOKEN = 500
_MOST_MPX = 200.0
_DETAIL_CHARS = 400

_MARKUP = re.compile(r"</?[a-z!][^>]*>|^\s*[{\[]|```|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", re.IGNORECASE)
_TALK = re.compile(r"^(?:sure\b|certainly|of course|here(?:'s| is| are)|(?:new |rewritten )?caption:)", re.IGNORECASE)
_REFUSAL = re.compile(
    r"^(?:i['’]?m (?:sorry|unable|not able)|sorry\b|i (?:cannot|can['’]t|am unable|am not able|won['’]t)|as an ai\b)",
    re.IGNORECASE,
)


class Rewriter(Annotator, frozen=True):
    """Asks for the first caption with the picture as JPEG of at most `side_px` on its shorter side.

    A recaption that holds less than `least_shared` of the caption's names and nouns is of another picture. What is up
    to `most_counted` may have been counted in the picture; a larger number that the caption does not state is invented.
    """

    endpoint: Endpoint = Endpoint()
    instructions: str = INSTRUCTIONS
    side_px: int = 768
    least_shared: float = 0.34
    most_counted: int = 20
    answers: str = ""

    writes: ClassVar = (RECAPTION, RECAPTION_STATUS, RECAPTION_DETAIL)
    made_with: ClassVar = (*ASKED_WITH, *facts.MADE_WITH, "pillow")
    extra: ClassVar = "endpoint"
    cases: ClassVar = RECAPTION_STATUS.name

    @property
    def batch(self) -> int:
        """How many are asked together: enough that a slow answer keeps the others waiting for little."""
        return 16 * self.endpoint.at_once

    @property
    def needs(self) -> Needs:
        """More time than the endpoint's client gives itself before it stops the run."""
        waits_s = 1 / self.endpoint.per_s if self.endpoint.per_s else 0.0
        return Needs(limit_s=60.0 + self.endpoint.give_up_s + self.endpoint.timeout_s + waits_s)

    def weights(self) -> tuple[str, ...]:
        """Return no digest; raises BadInput where the endpoint cannot be asked."""
        self.endpoint.check()
        return ()

    def identity(self) -> Rewriter:
        return structs.replace(self, endpoint=self.endpoint.identity(), answers="")

    def kept_in(self, folder: str) -> Rewriter:
        return structs.replace(self, answers=folder)

    def foresee(self, sample: Sample) -> dict[str, int]:
        """Return one request with its tokens: four characters one, and as many as the longest answer may have."""
        original = caption_of(sample)
        if original is None:
            return {}
        pixels = self.side_px * min(LONGER_PX, 2 * self.side_px)
        prompt_tokens = (len(self.instructions) + len(original)) // 4 + pixels // PIXELS_PER_TOKEN
        return self.endpoint.spent(1, prompt_tokens, self.endpoint.max_tokens)

    @contextmanager
    def open(self) -> Iterator[Look]:
        reader = Reader()
        with self.endpoint.open(self.answers) as client:
            yield lambda subjects: self._look(subjects, client, reader)

    def _look(self, subjects: Sequence[Subject], client: Client, reader: Reader) -> list[Noted | BadSample]:
        captions = [caption_of(subject.sample) for subject in subjects]
        asking = [(one, caption) for one, caption in zip(subjects, captions, strict=True) if caption is not None]
        tar = subjects[0].tar
        said = iter(client.ask([self._question(one, caption) for one, caption in asking], tar) if asking else ())
        return [_NO_CAPTION if caption is None else self._noted(caption, next(said), reader) for caption in captions]

    def _question(self, subject: Subject, caption: str) -> Question:
        """Return what is asked; its digest is over the original picture, not over what Pillow makes of it."""
        picture, model = subject.picture(), self.endpoint
        values = (model.url, model.model, model.max_tokens, model.temperature, self.instructions, self.side_px)
        asked = digest_of("rewriter", *values, picture.digest, caption)
        return Question(asked, subject.sample.key, lambda: self._messages(subject.content(picture), caption))

    def _messages(self, data: bytes, caption: str) -> list[dict[str, Any]]:
        text = {"type": "text", "text": f"Caption: {caption}"}
        return [
            {"role": "system", "content": self.instructions},
            {"role": "user", "content": [picture_part(jpeg_of(data, self.side_px)), text]},
        ]

    def _noted(self, original: str, said: Said | Exception, reader: Reader) -> Noted | BadSample:
        if isinstance(said, BadSample):
            return said
        if isinstance(said, Exception):
            raise said
        status, detail = judged(said.answer, original, reader, self.least_shared, self.most_counted)
        recaption = tidy(said.answer.text) if status == REWRITTEN else ""
        spent = self.endpoint.spent(1, said.answer.prompt_tokens, said.answer.completion_tokens) if said.paid else {}
        return _noted(recaption, status, detail, spent)


def judged(answer: Answer, original: str, reader: Reader, least_shared: float, most_counted: int) -> tuple[str, str]:
    """Return REWRITTEN where an answer may stand for the original, else one of ORIGINAL_STANDS, with the detail."""
    text = tidy(answer.text)
    if status := unusable(answer, text):
        return status, text[:_DETAIL_CHARS]
    stated, said = reader.facts(original), reader.said(text)
    if (shared := facts.kept_share(stated, said)) < least_shared:
        return "unrelated", f"shares {shared:.2f}: {text}"[:_DETAIL_CHARS]
    if gone := facts.lost(stated, text, said):
        return "facts_lost", f"lost {', '.join(gone)}: {text}"[:_DETAIL_CHARS]
    if more := facts.added(stated, text, most_counted):
        return "facts_added", f"added {', '.join(more)}: {text}"[:_DETAIL_CHARS]
    return REWRITTEN, ""


def unusable(answer: Answer, text: str) -> str:
    """Return why an answer is no caption of any picture, empty where it may be one."""
    if answer.finish == REJECTED:
        return "rejected"
    if answer.finish == "content_filter" or _REFUSAL.search(text):
        return "refused"
    if answer.finish == "length":
        return "cut_off"
    if not text:
        return "empty"
    if _MARKUP.search(text) or _TALK.search(text):
        return "not_a_caption"
    return "noisy" if facts.noise(text) else ""


def caption_of(sample: Sample) -> str | None:
    """Return the caption that is rewritten, None where there is none; what the source calls a label is no caption."""
    place = caption_place(sample.parts)
    part = None if place is None else sample.parts[place]
    return part.text if isinstance(part, Text) and part.role != "label" and part.text.strip() else None


def tidy(text: str) -> str:
    """Return an answer on one line, without the quotation marks around it."""
    line = " ".join(text.split())
    return line[1:-1].strip() if len(line) > 1 and (line[0], line[-1]) in (('"', '"'), ("“", "”")) else line


def jpeg_of(data: bytes, side_px: int) -> bytes:
    """Return a picture as an endpoint takes it: upright, RGB, its sides at most `side_px` and LONGER_PX.

    Raises BadSample where it cannot be decoded.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
            warnings.simplefilter("ignore")
            if picture.width * picture.height > _MOST_MPX * 1e6:
                raise BadSample("too_many_pixels", f"{picture.width} x {picture.height}")
            picture.draft("RGB", (side_px, side_px))
            picture.load()
            small = upright_rgb(picture, side_px)
    except PILLOW_RAISES as error:
        raise BadSample("undecodable", f"{type(error).__name__}: {error}") from None
    small.thumbnail((LONGER_PX, LONGER_PX))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=90)
    return out.getvalue()


def _noted(recaption: str, status: str, detail: str, spent: dict[str, int]) -> Noted:
    values: dict[str, Any] = {"recaption": recaption, "recaption_status": status, "recaption_detail": detail}
    return Noted(values, counts={status: 1, **spent})


_NO_CAPTION = _noted("", "no_caption", "", {})
