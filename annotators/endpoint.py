"""An endpoint: the one client for models behind an OpenAI-compatible /chat/completions.

What is answered is journalled before it is used, so that nothing is paid twice. A failure of the endpoint (down, slow,
garbage) is tried again and then stops the run; it is never a sample's. The key comes from OSTRAKA_ENDPOINT_KEY alone,
and wherever a server repeats it, it is masked. A request that was killed in flight, or timed out, may have been paid.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from annotators.journal import Answer, Journal, Line, file_name
from annotators.pace import Pace
from annotators.reply import REJECTED, AgainError, answers_of
from schemas.errors import BadInput, Unavailable

KEY = "OSTRAKA_ENDPOINT_KEY"
MADE_WITH = ("httpx", "tenacity")
MOST_REPLY_BYTES = 4 << 20
FEW_REJECTED = 8
"""So many requests may be rejected before one is answered: after that it is not the samples' fault."""


class Endpoint(Struct, frozen=True):
    """A model behind a URL, as vLLM, SGLang and others serve it. Raises ValueError where a number makes no sense.

    The first four say what is answered. The others say how it is asked, and are in no fingerprint: `at_once` requests
    at most in a worker, `per_s` of them a second (0: no limit); one may take `timeout_s`, all tries together
    `give_up_s`, the first pause `pause_s`. Prices are for a million tokens, in whatever currency.
    """

    url: str = "http://127.0.0.1:8000/v1"
    model: str = ""
    max_tokens: int = 300
    temperature: float = 0.0
    at_once: int = 8
    per_s: float = 0.0
    timeout_s: float = 120.0
    give_up_s: float = 600.0
    pause_s: float = 1.0
    price_in: float = 0.0
    price_out: float = 0.0

    def __post_init__(self) -> None:
        if self.at_once < 1 or self.max_tokens < 1 or self.timeout_s <= 0 or self.pause_s <= 0:
            raise ValueError("at_once and max_tokens must be 1 or more, timeout_s and pause_s above 0")
        if min(self.per_s, self.give_up_s, self.price_in, self.price_out) < 0:
            raise ValueError("per_s, give_up_s and prices cannot be negative")

    def identity(self) -> Endpoint:
        """Return it with nothing but what decides over the answers."""
        return Endpoint(self.url, self.model, self.max_tokens, self.temperature)

    @property
    def name(self) -> str:
        """The name in paths, model@fingerprint."""
        digest = sha256(f"{self.url}\0{self.model}".encode()).hexdigest()[:10]
        return f"{file_name(self.model)}@{digest}"

    def check(self) -> None:
        """Raise BadInput where the model, the URL or the key of the environment cannot be used."""
        if not self.model:
            raise BadInput("no model is named", where="the endpoint", remedy="add --with model=NAME")
        if not re.fullmatch(r"https?://[^\s@?#]+", self.url):
            remedy = f"give http://HOST:PORT/v1 without user or query; a key is read from {KEY}"
            raise BadInput(f"{self.url!r} cannot be an endpoint's address", remedy=remedy)
        key_of_environment()

    def price_millionths(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Return what so many tokens cost, in millionths of the prices' currency."""
        return round(prompt_tokens * self.price_in + completion_tokens * self.price_out)

    def spent(self, requests: int, prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
        """Return what so many requests and tokens come to, as a run's record counts them."""
        return {
            "requests": requests,
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "cost_millionths": self.price_millionths(prompt_tokens, completion_tokens),
        }

    @contextmanager
    def open(self, folder: str) -> Iterator[Client]:
        """Open the client and its journal, below `folder`; raises BadInput as `check` does."""
        import httpx

        self.check()
        try:
            httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise BadInput(f"{self.url!r} cannot be an endpoint's address ({error})") from None
        key = key_of_environment()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=self.at_once)
        with asyncio.Runner() as runner:
            client = httpx.AsyncClient(headers=headers, limits=limits, timeout=self.timeout_s)
            try:
                yield Client(self, key, client, runner, Journal(f"{folder}/{self.name}"))
            finally:
                runner.run(client.aclose())


class Question(Struct, frozen=True):
    """What is asked: the digest of all that it is made of, whom it is about, and what builds its messages."""

    asked: str
    about: str
    messages: Callable[[], list[dict[str, Any]]]


class Said(Struct, frozen=True):
    """An answer, and whether it was asked for (and paid) just now."""

    answer: Answer
    paid: bool


class Client:
    """Asks; what was answered before is taken from the journal."""

    def __init__(self, endpoint: Endpoint, key: str, client: Any, runner: asyncio.Runner, journal: Journal) -> None:
        self._endpoint, self._key, self._client, self._runner, self._journal = endpoint, key, client, runner, journal
        self._pace = Pace(endpoint.per_s)
        self._rejected, self._answered = 0, False
        self._gave_up: Unavailable | None = None
        self._one_by_one = False

    def ask(self, questions: Sequence[Question], name: str) -> list[Said | Exception]:
        """Return an answer to each question, or what its `messages` raised; `name` is the journal's file.

        Raises Unavailable where the endpoint fails for longer than it may; what was answered by then is journalled.
        """
        self._journal.turn_to(file_name(name))
        self._gave_up = None
        first: dict[str, int] = {}
        for at, question in enumerate(questions):
            first.setdefault(question.asked, at)
        asked = [questions[at] for at in first.values()]
        found = dict(zip(first, self._runner.run(self._ask_all(asked, 1)), strict=True))
        if self._gave_up:
            raise self._gave_up
        one_each = {asked: said if isinstance(said, Exception) else said[0] for asked, said in found.items()}
        return [_once_paid(one_each[one.asked], first[one.asked] == at) for at, one in enumerate(questions)]

    def ask_several(self, questions: Sequence[Question], name: str, count: int) -> list[list[Said] | Exception]:
        """Return `count` answers to each question, which differ where the temperature lets them; else as `ask`.

        A server that gives fewer choices than it was asked for, or takes no `n`, is asked for one at a time from then
        on, each with a seed of its own.
        """
        self._journal.turn_to(file_name(name))
        self._gave_up = None
        found = self._runner.run(self._ask_all(questions, count))
        if self._gave_up:
            raise self._gave_up
        return found

    async def _ask_all(self, questions: Sequence[Question], count: int) -> list[list[Said] | Exception]:
        slots = asyncio.Semaphore(self._endpoint.at_once)
        return await asyncio.gather(*(self._ask(question, count, slots) for question in questions))

    async def _ask(self, question: Question, count: int, slots: asyncio.Semaphore) -> list[Said] | Exception:
        names = [question.asked] if count == 1 else [digest_of(question.asked, place) for place in range(count)]
        async with slots:
            known = {name: Said(answer, paid=False) for name in names if (answer := self._journal.find(name))}
            left = [place for place, name in enumerate(names) if name not in known]
            if left and self._gave_up:
                return self._gave_up
            try:
                messages = question.messages() if left else []
            except Exception as error:
                return error
            try:
                while left:
                    asked = left[:1] if self._one_by_one else left
                    answers = await self._try(messages, len(asked), asked[0] if count > 1 else None)
                    self._one_by_one = self._one_by_one or len(answers) < len(asked)
                    if len(asked) > 1 and answers[0].finish == REJECTED:
                        continue
                    for place, answer in zip(asked, answers, strict=False):
                        self._check_rejected(answer)
                        self._journal.keep(Line(names[place], question.about, answer))
                        known[names[place]] = Said(answer, paid=True)
                    left = left[min(len(answers), len(asked)) :]
            except Unavailable as error:
                self._gave_up = self._gave_up or error
                return error
        return [known[name] for name in names]

    async def _try(self, messages: list[dict[str, Any]], count: int, seed: int | None) -> list[Answer]:
        import tenacity

        pause_s = self._endpoint.pause_s
        pauses = tenacity.wait_exponential(pause_s, max=60) + tenacity.wait_random(0, pause_s)
        tries = tenacity.AsyncRetrying(
            stop=tenacity.stop_before_delay(self._endpoint.give_up_s),
            wait=lambda state: max(pauses(state), _asked_pause_s(state)),
            retry=tenacity.retry_if_exception_type(AgainError),
            reraise=True,
        )
        try:
            answers: list[Answer] = await tries(self._once, messages, count, seed)
            return answers
        except AgainError as error:
            raise Unavailable(
                f"no answer within {self._endpoint.give_up_s:g} s: {error}",
                where=self._endpoint.url,
                remedy="mend the endpoint: the same command goes on, and asks nothing twice that was answered",
            ) from None

    async def _once(self, messages: list[dict[str, Any]], count: int, seed: int | None) -> list[Answer]:
        """Ask once; raises AgainError where it may be tried again."""
        import httpx

        await self._pace.turn()
        if self._gave_up:
            raise self._gave_up
        body: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": messages,
            "max_tokens": self._endpoint.max_tokens,
            "temperature": self._endpoint.temperature,
            **({"n": count} if count > 1 else {}),
            **({} if seed is None else {"seed": seed}),
        }
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                request = self._client.stream("POST", f"{self._endpoint.url.rstrip('/')}/chat/completions", json=body)
                async with request as response:
                    data = await _read(response)
        except TimeoutError:
            raise AgainError(f"it took longer than {self._endpoint.timeout_s:g} s") from None
        except httpx.HTTPError as error:
            raise AgainError(f"{type(error).__name__}: {error}") from None
        if self._key:
            data = data.replace(self._key.encode(), b"***")
        try:
            return answers_of(response.status_code, response.headers, data, self._endpoint.url)
        except AgainError as error:
            if error.pause_s <= self._endpoint.give_up_s:
                self._pace.rest(error.pause_s)
            raise

    def _check_rejected(self, answer: Answer) -> None:
        """Raise Unavailable where request after request is rejected and none was ever answered."""
        self._answered = self._answered or answer.finish != REJECTED
        self._rejected += answer.finish == REJECTED
        if not self._answered and self._rejected >= FEW_REJECTED:
            raise Unavailable(
                f"it rejected {self._rejected} requests and answered none, the last with: {answer.text}",
                where=self._endpoint.url,
                remedy="look whether it takes pictures, and what the recipe's values ask of it",
            )


def _once_paid(said: Said | Exception, first: bool) -> Said | Exception:
    """Return an answer that several share as paid for the first of them alone."""
    return said if first or isinstance(said, Exception) else Said(said.answer, paid=False)


async def _read(response: Any) -> bytes:
    """Return a reply's body; raises AgainError where it is larger than any answer."""
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > MOST_REPLY_BYTES:
            raise AgainError(f"it sent more than {MOST_REPLY_BYTES >> 20} MiB")
    return bytes(data)


def _asked_pause_s(state: Any) -> float:
    error = state.outcome.exception()
    return error.pause_s if isinstance(error, AgainError) else 0.0


def key_of_environment() -> str:
    """Return the key, empty where there is none; raises BadInput, which does not show it, where it cannot be one."""
    key = os.environ.get(KEY, "").strip()
    if not re.fullmatch(r"[!-~]*", key):
        raise BadInput("it holds characters that a key cannot have", where=KEY, remedy="set it to the key alone")
    return key


def digest_of(*parts: Any) -> str:
    """Return what names a question: the SHA-256 of all that it is made of, as JSON."""
    return sha256(msgspec.json.encode(parts)).hexdigest()
