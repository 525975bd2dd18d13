"""Taxonomist: of which category of a taxonomy a dialogue is, by rules, then by embeddings, then by a model.

Each way is asked only for what the one before it left open, so a model is paid for the rest alone: rules cost nothing
and settle most, an encoder that is given places what is near a category's examples, and an endpoint reads what is left.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import metadata
from typing import Any, ClassVar

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.endpoint import MADE_WITH as ASKED_WITH
from annotators.endpoint import Client, Endpoint, Question, digest_of
from annotators.taxonomy import Taxonomy, read_taxonomy
from annotators.text_encoder import MADE_WITH as ENCODED_WITH
from annotators.text_encoder import Encode, TextEncoder
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.sample import Image, Sample, Video
from schemas.vocabulary.dialogues import CATEGORY, CATEGORY_BY, CATEGORY_SIMILARITY

INSTRUCTIONS = (
    "Say of which category a question to a vision-language model is. Answer with the name of one category from this "
    "list and nothing else.\n"
)
MOST_CHARS = 2000
_DECIMALS = 6


class Taxonomist(Annotator, frozen=True):
    """`taxonomy`: a JSON file (taxonomy.py), by default the one that comes with ostraka.

    Embeddings, with the `encoder` that is given, place a question by the cosine with what a category says and its
    examples, where that is at least `least_similarity`; a model behind `endpoint` is asked where there is one.
    """

    taxonomy: str = ""
    embeddings: bool = False
    encoder: str = ""
    model: str = ""
    least_similarity: float = 0.5
    endpoint: Endpoint | None = None
    answers: str = ""

    writes: ClassVar = (CATEGORY, CATEGORY_BY, CATEGORY_SIMILARITY)
    cases: ClassVar = CATEGORY_BY.name

    @property
    def batch(self) -> int:
        return 16 * self.endpoint.at_once if self.endpoint else 256

    @property
    def needs(self) -> Needs:
        """More time than the endpoint's client gives itself before it stops the run, where there is one."""
        waits_s = self.endpoint.give_up_s + self.endpoint.timeout_s if self.endpoint else 0.0
        return Needs(limit_s=60.0 + waits_s, memory_mib=8192 if self.embeddings else 3072)

    def weights(self) -> tuple[str, ...]:
        """Return the digests of the taxonomy and of the encoder, and what they are made with.

        Raises BadInput where one cannot be used.
        """
        found = [read_taxonomy(self.taxonomy).digest]
        if self.endpoint:
            found += self._versions(ASKED_WITH, "endpoint")
            self.endpoint.check()
        if self.embeddings:
            found += self._versions(ENCODED_WITH, "clip")
            found += self._encoder().digests(self.name)
        return tuple(found)

    def identity(self) -> Taxonomist:
        endpoint = self.endpoint.identity() if self.endpoint else None
        return structs.replace(self, taxonomy="", encoder="", endpoint=endpoint, answers="")

    def given(self, weights: str) -> Taxonomist:
        return structs.replace(self, encoder=os.path.abspath(weights), embeddings=True)

    def kept_in(self, folder: str) -> Taxonomist:
        return structs.replace(self, answers=folder)

    def _versions(self, packages: Sequence[str], extra: str) -> list[str]:
        """Return the versions of packages that only one of the ways needs; raises BadInput where one is not here."""
        try:
            return [f"{package}=={metadata.version(package)}" for package in packages]
        except metadata.PackageNotFoundError as error:
            what = f"it is made with {error.name}, which is not installed"
            raise BadInput(what, where=f"annotator {self.name}", remedy=f"pip install 'ostraka[{extra}]'") from None

    def _encoder(self) -> TextEncoder:
        return TextEncoder(self.encoder, self.model)

    def foresee(self, sample: Sample) -> dict[str, int]:
        """Return one request with its tokens where there is an endpoint, as if nothing else could place the sample."""
        if self.endpoint is None:
            return {}
        chars = len(_system(read_taxonomy(self.taxonomy))) + len(question_of(sample))
        return self.endpoint.spent(1, chars // 4, self.endpoint.max_tokens)

    @contextmanager
    def open(self) -> Iterator[Look]:
        taxonomy = read_taxonomy(self.taxonomy)
        with ExitStack() as stack:
            encode = self._encoder().load() if self.embeddings else None
            client = stack.enter_context(self.endpoint.open(self.answers)) if self.endpoint else None
            yield _Looking(self, taxonomy, encode, client).look


class _Asked(Struct):
    """A sample's question on its way to a category: which categories are open to it, and what was found."""

    question: str
    key: str
    pictures: int
    clips: int
    places: list[int]
    category: str = ""
    by: str = "undecided"
    similarity: float = float("nan")
    counts: dict[str, int] = {}

    def settle(self, category: str, by: str) -> None:
        self.category, self.by = category, by


class _Looking:
    """The taxonomy at work, with what places the questions that its rules leave open."""

    def __init__(self, annotator: Taxonomist, taxonomy: Taxonomy, encode: Encode | None, client: Client | None) -> None:
        self._annotator, self._taxonomy, self._encode, self._client = annotator, taxonomy, encode, client
        self._prototypes_CD = _prototypes(taxonomy, encode) if encode else None

    def look(self, subjects: Sequence[Subject]) -> list[Noted | BadSample]:
        asked = [self._asked(subject.sample) for subject in subjects]
        for one in asked:
            self._by_rules(one)
        self._by_embeddings([one for one in asked if not one.category and one.question])
        self._by_endpoint([one for one in asked if not one.category and one.question], subjects[0].tar)
        return [
            Noted(
                {
                    "category": one.category or self._taxonomy.other,
                    "category_by": one.by,
                    "category_similarity": round(one.similarity, _DECIMALS),
                },
                counts={one.by: 1, **one.counts},
            )
            for one in asked
        ]

    def _asked(self, sample: Sample) -> _Asked:
        media = [part for _, part in sample.media()]
        pictures, clips = (sum(isinstance(part, kind) for part in media) for kind in (Image, Video))
        return _Asked(question_of(sample), sample.key, pictures, clips, self._taxonomy.open_to(pictures, clips))

    def _by_rules(self, one: _Asked) -> None:
        found = self._taxonomy.by_rules(one.question, one.places)
        if len(found) == 1 or (found and self._encode is None):
            one.settle(self._taxonomy.categories[found[0]].name, "rule")
        one.places = found or one.places

    def _by_embeddings(self, asked: Sequence[_Asked]) -> None:
        if self._encode is None or self._prototypes_CD is None or not asked:
            return
        cosines_NC = self._encode([one.question for one in asked]) @ self._prototypes_CD.T
        for one, cosines_C in zip(asked, cosines_NC, strict=True):
            if not one.places:
                continue
            best = max(one.places, key=lambda place: cosines_C[place])
            one.similarity = float(cosines_C[best])
            if one.similarity >= self._annotator.least_similarity:
                one.settle(self._taxonomy.categories[best].name, "embedding")

    def _by_endpoint(self, asked: Sequence[_Asked], name: str) -> None:
        if self._client is None or not asked:
            return
        for one, said in zip(asked, self._client.ask([self._question(one) for one in asked], name), strict=True):
            if isinstance(said, Exception):
                raise said
            told = said.answer.text.strip().strip("\"'`.*").casefold()
            if told in self._taxonomy.names:
                one.settle(told, "endpoint")
            if said.paid and self._annotator.endpoint:
                answer = said.answer
                one.counts = self._annotator.endpoint.spent(1, answer.prompt_tokens, answer.completion_tokens)

    def _question(self, one: _Asked) -> Question:
        system = _system(self._taxonomy)
        user = f"It comes with {one.pictures} pictures and {one.clips} clips. The question:\n{one.question}"
        model = self._annotator.endpoint or Endpoint()
        asked = digest_of("taxonomist", model.url, model.model, model.max_tokens, model.temperature, system, user)

        def messages() -> list[dict[str, Any]]:
            return [{"role": "system", "content": system}, {"role": "user", "content": user}]

        return Question(asked, one.key, messages)


def _system(taxonomy: Taxonomy) -> str:
    """Return what a model is told: what to do, and each category with what it says."""
    listed = "\n".join(f"{one.name}: {one.says}" for one in taxonomy.categories)
    return f"{INSTRUCTIONS}{listed}\n{taxonomy.other}: none of these"


def question_of(sample: Sample) -> str:
    """Return what is asked in a dialogue, of much text its beginning and its end."""
    asked = "\n".join(text.text.strip() for text in sample.texts if text.role == "user")
    return asked if len(asked) <= 2 * MOST_CHARS else f"{asked[:MOST_CHARS]}\n{asked[-MOST_CHARS:]}"


def _prototypes(taxonomy: Taxonomy, encode: Encode) -> NDArray[np.float64]:
    """Return a unit vector for each category, the mean of what it says and of its examples."""
    found_CD = []
    for one in taxonomy.categories:
        mean_D = encode([one.says, *one.examples]).mean(axis=0)
        found_CD.append(mean_D / max(float(np.linalg.norm(mean_D)), 1e-12))
    return np.stack(found_CD)
