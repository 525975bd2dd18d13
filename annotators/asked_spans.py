"""Spans of a video that a model behind an endpoint is asked about: each with a few frames and the time of each.

A request shows frames as JPEG, each after its time, in seconds from the video's first frame. Frames of a video are
decoded once, and only where one of its spans was not answered before: what was answered lies in the endpoint's journal,
under the digest of the video and of all that was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from msgspec import Struct, structs

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.asked_clip import jpeg_of_frame, picture_part
from annotators.container import Container, read_container
from annotators.endpoint import MADE_WITH as ASKED_WITH
from annotators.endpoint import Client, Endpoint, Question, Said, digest_of
from annotators.frames import Decoder, frames_at
from annotators.journal import Answer
from annotators.sampled import pieces
from schemas.errors import BadSample
from schemas.note import Noted, TimeSpan
from schemas.sample import Sample
from schemas.vocabulary.shots import SHOT_FIRST_FRAMES

MADE_WITH = (*ASKED_WITH, "av", "decord", "opencv-python-headless", "pillow")
NOT_ASKED = "not_asked"
PIXELS_PER_TOKEN = 500


class Span(Struct, frozen=True):
    """A span of a video, and the places of the frames that are shown of it."""

    at: TimeSpan
    shown: tuple[int, ...]


class AskedSpans(Annotator, frozen=True):
    """Shows `frames` of a span at most, their longer side at most `side_px`; of a video with more spans than
    `most_spans` the longest are asked about."""

    endpoint: Endpoint = Endpoint()
    frames: int = 8
    side_px: int = 512
    most_spans: int = 64
    decoder: Decoder = "decord"
    answers: str = ""

    @property
    def batch(self) -> int:
        """How many videos are asked about together: enough that a slow answer keeps the others waiting for little."""
        return 2 * self.endpoint.at_once

    @property
    def needs(self) -> Needs:
        """More time than the endpoint's client gives itself before it stops the run."""
        waits_s = self.most_spans / self.endpoint.per_s if self.endpoint.per_s else 0.0
        return Needs(limit_s=900.0 + self.endpoint.give_up_s + self.endpoint.timeout_s + waits_s, memory_mib=6144)

    def weights(self) -> tuple[str, ...]:
        """Return no digest; raises BadInput where the endpoint cannot be asked."""
        self.endpoint.check()
        return ()

    def identity(self) -> Annotator:
        return structs.replace(self, endpoint=self.endpoint.identity(), answers="")

    def kept_in(self, folder: str) -> Annotator:
        return structs.replace(self, answers=folder)

    def foresee(self, sample: Sample) -> dict[str, int]:
        """Return the requests for as many spans as there may be, with their tokens: four characters one."""
        pixels = self.frames * self.side_px**2
        prompt_tokens = len(self.system()) // 4 + pixels // PIXELS_PER_TOKEN
        one = self.endpoint.spent(1, prompt_tokens, self.endpoint.max_tokens)
        return {name: number * self.most_spans for name, number in one.items()}

    def system(self) -> str:
        """Return what a model is told to do."""
        raise NotImplementedError(f"{type(self).__name__} has no system()")

    def spans(self, container: Container, shots: Sequence[int]) -> list[tuple[int, int]]:
        """Return the frames [first, end) of each span."""
        raise NotImplementedError(f"{type(self).__name__} has no spans()")

    def noted(self, film: Film, answers: Sequence[Answer | None], counts: dict[str, int]) -> Noted:
        """Return the notes of a video of which these answers were given, none where a span was not asked about."""
        raise NotImplementedError(f"{type(self).__name__} has no noted()")

    @contextmanager
    def open(self) -> Iterator[Look]:
        with self.endpoint.open(self.answers) as client:
            yield lambda subjects: self._look(subjects, client)

    def _look(self, subjects: Sequence[Subject], client: Client) -> list[Noted | BadSample]:
        films = [self._film(subject) for subject in subjects]
        questions = [one for film in films if isinstance(film, Film) for one in film.questions()]
        said = iter(client.ask(questions, subjects[0].tar) if questions else ())
        return [
            film if isinstance(film, BadSample) else self._said(film, [next(said) for _ in film.asked_about])
            for film in films
        ]

    def _film(self, subject: Subject) -> Film | BadSample:
        try:
            return Film(self, subject)
        except BadSample as bad:
            return bad

    def _said(self, film: Film, said: Sequence[Said | Exception]) -> Noted | BadSample:
        answers: list[Answer | None] = [None] * len(film.spans)
        counts = dict[str, int]()
        for place, one in zip(film.asked_about, said, strict=True):
            if isinstance(one, BadSample):
                return one
            if isinstance(one, Exception):
                raise one
            answers[place] = one.answer
            paid = self._paid(one)
            counts = {name: counts.get(name, 0) + paid.get(name, 0) for name in {**counts, **paid}}
        return self.noted(film, answers, counts)

    def _paid(self, said: Said) -> dict[str, int]:
        answer = said.answer
        return self.endpoint.spent(1, answer.prompt_tokens, answer.completion_tokens) if said.paid else {}


class Film:
    """A video on its way to an endpoint; its frames are held as JPEG from the first question that shows one."""

    def __init__(self, asking: AskedSpans, subject: Subject) -> None:
        self._asking, self._key = asking, subject.sample.key
        part, self._video = subject.video()
        self._content = subject.content(self._video)
        self._container = read_container(self._content, self._video.extension)
        shots = [int(first) for first in subject.notes[SHOT_FIRST_FRAMES.name]]
        self.spans = [self._span(part, first, end) for first, end in asking.spans(self._container, shots)]

    @property
    def asked_about(self) -> list[int]:
        """The places of the spans that are asked about: all, or the longest."""
        lasts = [span.at.start_pts - span.at.end_pts for span in self.spans]
        return sorted(sorted(range(len(lasts)), key=lasts.__getitem__)[: self._asking.most_spans])

    def questions(self) -> list[Question]:
        """Return what is asked, a question a span."""
        return [self._question(self.spans[place]) for place in self.asked_about]

    def _span(self, part: int, first: int, end: int) -> Span:
        shown = pieces(self._container, first, end, self._asking.frames)
        return Span(self._container.span(part, first, end), tuple(piece.looked_at for piece in shown))

    def _question(self, span: Span) -> Question:
        """Return a question; its digest is over the original video and the frames' places, not over JPEGs."""
        asking, model = self._asking, self._asking.endpoint
        values = (asking.name, model.url, model.model, model.max_tokens, model.temperature, asking.system())
        shown = (self._video.digest, span.at.start_pts, span.at.end_pts, span.shown, asking.side_px, asking.decoder)
        return Question(digest_of(*values, *shown), self._key, lambda: self._messages(span))

    def _messages(self, span: Span) -> list[dict[str, Any]]:
        content = list[dict[str, Any]]()
        for place in span.shown:
            content.append({"type": "text", "text": f"{self._seconds(self._container.pts[place]):.2f} s"})
            content.append(picture_part(self._jpegs[place]))
        start_s, end_s = self._seconds(span.at.start_pts), self._seconds(span.at.end_pts)
        content.append({"type": "text", "text": f"The span lasts from {start_s:.2f} s to {end_s:.2f} s."})
        return [{"role": "system", "content": self._asking.system()}, {"role": "user", "content": content}]

    def _seconds(self, pts: int) -> float:
        return self._container.seconds(pts - self._container.pts[0])

    @cached_property
    def _jpegs(self) -> dict[int, bytes]:
        """Every frame that any span shows, by its place."""
        places = sorted({place for at in self.asked_about for place in self.spans[at].shown})
        asking = self._asking
        frames = frames_at(
            self._content, self._video.extension, self._container, places, asking.side_px, asking.decoder
        )
        return {place: jpeg_of_frame(frame) for place, frame in zip(places, frames, strict=True)}
