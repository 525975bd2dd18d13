"""The endpoint: /v1/chat/completions, /v1/completions of token ids, /v1/models and /health, as clients ask for them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Any, NamedTuple

import anyio
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.errors import BadInput
from trainer.documents.codec import Codec
from trainer.engine.engine import Drawn, Prompt, Sampling
from trainer.engine.generate import LocalEngine
from trainer.serve.chat_prompt import prompt_of
from trainer.serve.chat_reply import Choice, Head, part_of, usage
from trainer.serve.chat_request import ChatRequest, read_request
from trainer.serve.completion_request import choice_of, read_completion
from trainer.serve.guard import is_let_in
from trainer.serve.one_by_one import Job, OneByOne
from trainer.serve.refusal import Refusal
from trainer.serve.spoken import Heard

MOST_BODY_BYTES = 64 << 20
LEFT = 499
"""For a client that is gone and will not read it."""

ENCODED_AT_ONCE = 2
"""Requests whose pictures are decoded at one time: a large one takes hundreds of MB while it is."""

OPEN_PATHS = ("/health",)

_log = logging.getLogger("ostraka.serve")


class Served(NamedTuple):
    """What is served: a model by name, with what it takes to speak to it; `began` in seconds since 1970."""

    name: str
    engine: LocalEngine
    codec: Codec
    most_tokens: int
    """Of an answer, where the request names no number."""
    began: int


def app_of(served: Served, line: OneByOne, token: str) -> ASGIApp:
    """Return the application."""
    endpoint = Endpoint(served, line)
    routes = [
        Route("/health", endpoint.health),
        Route("/v1/models", endpoint.models),
        Route("/v1/models/{name:path}", endpoint.model),
        Route("/v1/chat/completions", endpoint.chat, methods=["POST"]),
        Route("/v1/completions", endpoint.completions, methods=["POST"]),
    ]
    handlers: Any = {Refusal: _refused, HTTPException: _no_such_way, ClientDisconnect: _nobody, Exception: _failed}
    return Guarded(Starlette(routes=routes, exception_handlers=handlers), token)


class Guarded:
    """Lets requests in that carry the token; /health says nothing that would need one."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            request = Request(scope)
            if not is_let_in(request.headers.get("authorization", ""), self._token):
                refusal = Refusal(401, "a wrong token, or none: send Authorization: Bearer", code="invalid_api_key")
                await _refused(request, refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Endpoint:
    """The routes."""

    def __init__(self, served: Served, line: OneByOne) -> None:
        self._served, self._line = served, line
        self._encoding = anyio.CapacityLimiter(ENCODED_AT_ONCE)

    async def health(self, _: Request) -> Response:
        """Say that it is there, and how many requests it has."""
        return _json({"status": "ok", "running": self._line.running, "waiting": self._line.waiting})

    async def models(self, _: Request) -> Response:
        """List the one model."""
        return _json({"object": "list", "data": [self._model()]})

    async def model(self, request: Request) -> Response:
        """Show the model of this name."""
        self._check_name(request.path_params["name"])
        return _json(self._model())

    async def chat(self, request: Request) -> Response:
        """Answer a chat."""
        asked = read_request(await _body(request))
        self._check_name(asked.model)
        encode = partial(prompt_of, asked.messages, self._served.codec, thinks=asked.thinks)
        prompt = await anyio.to_thread.run_sync(encode, limiter=self._encoding)
        job, told = self._job(asked, prompt)
        self._ask(job)
        head = Head(
            f"chatcmpl-{secrets.token_hex(12)}", int(time.time()), self._served.name, self._served.engine.version
        )
        heard = _until_the_end(request, job, told)
        if asked.stream:
            return StreamingResponse(self._stream(asked, job, head, heard), media_type="text/event-stream")
        return await self._whole(asked, job, head, heard)

    async def completions(self, request: Request) -> Response:
        """Answer token ids with token ids."""
        asked = read_completion(await _body(request))
        self._check_name(asked.model)
        prompt = asked.asked(self._served.engine)
        sampling = asked.sampling(secrets.randbits(63) if asked.seed is None else asked.seed)
        job, told = self._line_up(prompt, asked.n, sampling, None, "prompt")
        self._ask(job)
        drawn: list[list[Drawn]] = [[] for _ in range(asked.n)]
        async for of_step, _ in _until_the_end(request, job, told):
            for one in of_step:
                drawn[one.row] += one.tokens
        decode = self._served.codec.tokens.decode
        texts = [decode(one.token for one in row if one.finish != "stop") for row in drawn]
        choices = [choice_of(place, row, text) for place, (row, text) in enumerate(zip(drawn, texts, strict=True))]
        head = Head(f"cmpl-{secrets.token_hex(12)}", int(time.time()), self._served.name, self._served.engine.version)
        spent = usage(len(prompt.tokens_T), sum(map(len, drawn)))
        return _json(head.of("text_completion", choices) | {"usage": spent})

    def _job(self, asked: ChatRequest, prompt: Prompt) -> tuple[Job, asyncio.Queue[Any]]:
        room = max(1, min(self._served.most_tokens, self._served.engine.positions - len(prompt.tokens_T)))
        sampling = asked.sampling(secrets.randbits(63) if asked.seed is None else asked.seed, room)
        return self._line_up(prompt, asked.choices, sampling, asked.stops, "messages")

    def _line_up(
        self, prompt: Prompt, choices: int, sampling: Sampling, stops: tuple[str, ...] | None, param: str
    ) -> tuple[Job, asyncio.Queue[Any]]:
        """Return a job with the queue that it tells; raises Refusal where there is no room for what it asks."""
        try:
            self._served.engine.check(prompt, sampling.max_tokens)
        except BadInput as error:
            message = f"{error.what}; {error.remedy}"
            raise Refusal(400, message, param=param, code="context_length_exceeded") from None
        told, loop = asyncio.Queue[Any](), asyncio.get_running_loop()

        def tell(what: Sequence[Heard] | Exception | None) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens
                loop.call_soon_threadsafe(told.put_nowait, what)

        return Job(prompt, choices, sampling, stops, tell, Event()), told

    def _ask(self, job: Job) -> None:
        self._line.ask(job)
        _log.info("asked", extra={"fields": {"prompt_tokens": len(job.prompt.tokens_T), "choices": job.choices}})

    async def _whole(
        self, asked: ChatRequest, job: Job, head: Head, heard: AsyncIterator[tuple[Sequence[Heard], int]]
    ) -> Response:
        choices, said = [Choice() for _ in range(job.choices)], 0
        async for of_step, count in heard:
            said += count
            for one in of_step:
                choices[one.row].add(one)
        tokens, logprobs = self._served.codec.tokens, bool(asked.logprobs)
        told = [choice.told(place, tokens, logprobs=logprobs) for place, choice in enumerate(choices)]
        return _json(head.of("chat.completion", told) | {"usage": usage(len(job.prompt.tokens_T), said)})

    async def _stream(
        self, asked: ChatRequest, job: Job, head: Head, heard: AsyncIterator[tuple[Sequence[Heard], int]]
    ) -> AsyncIterator[bytes]:
        kind, said, tokens = "chat.completion.chunk", 0, self._served.codec.tokens
        opening = {"role": "assistant", "content": ""}
        yield _event(head.of(kind, [{"index": row, "delta": opening} for row in range(job.choices)]))
        try:
            async for of_step, count in heard:
                said += count
                for one in of_step:
                    if one.text or one.tokens or one.finish:
                        yield _event(head.of(kind, [part_of(one, tokens, logprobs=bool(asked.logprobs))]))
        except Refusal as refusal:
            yield _event(refusal.body())
            return
        except ClientDisconnect:
            return
        if asked.stream_options and asked.stream_options.include_usage:
            yield _event(head.of(kind, []) | {"usage": usage(len(job.prompt.tokens_T), said)})
        yield b"data: [DONE]\n\n"

    def _check_name(self, name: str) -> None:
        if name != self._served.name:
            message = f"there is no model {name!r}; {self._served.name} is served"
            raise Refusal(404, message, param="model", code="model_not_found")

    def _model(self) -> dict[str, Any]:
        served = self._served
        return {
            "id": served.name,
            "object": "model",
            "created": served.began,
            "owned_by": "ostraka",
            "max_model_len": served.engine.positions,
        }


async def _until_the_end(
    request: Request, job: Job, told: asyncio.Queue[Any]
) -> AsyncIterator[tuple[Sequence[Heard], int]]:
    """Yield what each step said and how many tokens it drew; the rows stop where whoever asked is gone."""
    gone = asyncio.ensure_future(_gone(request))
    try:
        while True:
            next_told = asyncio.ensure_future(told.get())
            await asyncio.wait({gone, next_told}, return_when=asyncio.FIRST_COMPLETED)
            if not next_told.done():
                next_told.cancel()
                raise ClientDisconnect
            what = next_told.result()
            if what is None:
                return
            if isinstance(what, Exception):
                raise what if isinstance(what, Refusal) else Refusal(500, "the engine failed; its log says why")
            yield what, len(what)
    finally:
        job.left.set()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> bytes:
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > MOST_BODY_BYTES:
            raise Refusal(413, f"the body is over {MOST_BODY_BYTES >> 20} MiB; show fewer or smaller pictures")
    return bytes(found)


def _json(what: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(what), status, media_type="application/json")


def _event(what: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(what) + b"\n\n"


def _refused(_: Request, refusal: Refusal) -> Response:
    return _json(refusal.body(), refusal.status)


def _no_such_way(request: Request, error: HTTPException) -> Response:
    message = f"{request.method} {request.url.path}: {error.detail.lower()}"
    return _json(Refusal(error.status_code, message).body(), error.status_code)


def _nobody(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=LEFT)


def _failed(_: Request, __: Exception) -> Response:
    return _json(Refusal(500, "the server failed; its log says why").body(), 500)
