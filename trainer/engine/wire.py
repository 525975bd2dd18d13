"""A wire: JSON asked of a server over HTTP, tried again where a failure may pass.

How it is asked (how much at once, how long, how often) is an endpoint's, and so is its key; the client of annotators
itself speaks of chats and texts, where rollouts are tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from annotators.endpoint import Endpoint, key_of_environment
from annotators.pace import Pace
from annotators.reply import AgainError, check_status, shown
from schemas.errors import Unavailable
from trainer.needs import need

MOST_REPLY_BYTES = 64 << 20
"""Some 60 bytes for each token of an answer, and as many for each of the likeliest beside it."""

Reply = TypeVar("Reply")


class Wire:
    """Asks one server; `root` is its address without the /v1 that an endpoint's may end in."""

    def __init__(self, endpoint: Endpoint) -> None:
        need("httpx", "tenacity", extra="endpoint")
        endpoint.check()
        self.endpoint = endpoint
        self.root = endpoint.url.rstrip("/").removesuffix("/v1")

    def ask(self, path: str, bodies: Sequence[Any], kind: type[Reply]) -> list[Reply]:
        """Return the reply to each body; raises Unavailable where one does not come within the endpoint's patience."""
        return asyncio.run(self._ask_all(path, bodies, kind))

    async def _ask_all(self, path: str, bodies: Sequence[Any], kind: type[Reply]) -> list[Reply]:
        import httpx

        asked, key = self.endpoint, key_of_environment()
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        slots, pace = asyncio.Semaphore(asked.at_once), Pace(asked.per_s)
        limits = httpx.Limits(max_connections=asked.at_once)
        async with httpx.AsyncClient(headers=headers, limits=limits, timeout=asked.timeout_s) as client:

            async def one(body: Any) -> Reply:
                async with slots:
                    return await self._try(client, pace, path, msgspec.json.encode(body), kind)

            return await asyncio.gather(*map(one, bodies))

    async def _try(self, client: Any, pace: Pace, path: str, body: bytes, kind: type[Reply]) -> Reply:
        import tenacity

        asked = self.endpoint
        tries = tenacity.AsyncRetrying(
            stop=tenacity.stop_before_delay(asked.give_up_s),
            wait=tenacity.wait_exponential(asked.pause_s, max=60) + tenacity.wait_random(0, asked.pause_s),
            retry=tenacity.retry_if_exception_type(AgainError),
            reraise=True,
        )
        try:
            found: Reply = await tries(self._once, client, pace, path, body, kind)
            return found
        except AgainError as error:
            raise Unavailable(
                f"no answer within {asked.give_up_s:g} s: {error}",
                where=f"{self.root}{path}",
                remedy="mend the server; the run goes on from its last checkpoint",
            ) from None

    async def _once(self, client: Any, pace: Pace, path: str, body: bytes, kind: type[Reply]) -> Reply:
        import httpx

        await pace.turn()
        try:
            async with (
                asyncio.timeout(self.endpoint.timeout_s),
                client.stream("POST", f"{self.root}{path}", content=body) as response,
            ):
                data = bytearray()
                async for piece in response.aiter_bytes():
                    data += piece
                    if len(data) > MOST_REPLY_BYTES:
                        raise AgainError(f"it sent more than {MOST_REPLY_BYTES >> 20} MiB")
        except TimeoutError:
            raise AgainError(f"it took longer than {self.endpoint.timeout_s:g} s") from None
        except httpx.HTTPError as error:
            raise AgainError(f"{type(error).__name__}: {error}") from None
        check_status(response.status_code, response.headers, bytes(data), f"{self.root}{path}")
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.DecodeError as error:
            raise AgainError(f"its reply is not of the form that is known ({error}): {shown(bytes(data))}") from None
