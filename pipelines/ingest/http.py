"""One request, by the rules: a checked address, one slot of the host's and one of all, a whole answer within a time.

httpcore is the HTTP beneath httpx; taken by itself it follows no redirect, unpacks nothing and keeps no cookie, all of
which are decided here.
"""

from __future__ import annotations

import asyncio
import ssl
from weakref import WeakValueDictionary

import httpcore
import httpx
from msgspec import Struct

from pipelines.ingest.body import Body
from pipelines.ingest.manners import Manners
from pipelines.ingest.public import CheckedNetwork
from schemas.errors import BadSample

REDIRECTS = (301, 302, 303, 307, 308)


class MayPassError(Exception):
    """A failure that another try may not meet; `after_s` is how long the host asked to wait."""

    def __init__(self, bad: BadSample, after_s: float = 0.0) -> None:
        self.bad, self.after_s = bad, after_s
        super().__init__(bad)


class SilentError(MayPassError):
    """The host gave no answer at all: it is gone, or the network is down."""


class Answer(Struct, frozen=True):
    """What a host answered: the body of a status 200, and where a redirect leads; `robots` are X-Robots-Tag headers."""

    status: int
    phrase: str
    body: bytes
    location: str
    robots: list[str]
    after_s: float


class Http:
    """Asks for one URL at a time of many; belongs to one event loop."""

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._slots = asyncio.Semaphore(manners.concurrency)
        self._host_slots = WeakValueDictionary[str, asyncio.Semaphore]()
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=manners.concurrency,
            max_keepalive_connections=manners.concurrency,
            keepalive_expiry=5.0,
            network_backend=CheckedNetwork(allow_private=manners.allow_private),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def get(self, url: httpx.URL, most_bytes: int, limit_s: float) -> tuple[Answer, float]:
        """Return the answer and the seconds that it took, waiting not counted; raises BadSample, MayPassError."""
        slot = self._host_slots.setdefault(url.host, asyncio.Semaphore(self._manners.per_host))
        async with slot, self._slots:
            began = asyncio.get_running_loop().time()
            answer = await self._within(url, most_bytes, limit_s)
            return answer, asyncio.get_running_loop().time() - began

    async def _within(self, url: httpx.URL, most_bytes: int, limit_s: float) -> Answer:
        answered = list[int]()
        try:
            async with asyncio.timeout(limit_s):
                return await self._ask(url, most_bytes, answered)
        except TimeoutError:
            kind = MayPassError if answered else SilentError
            raise kind(BadSample("timed_out", f"{url.host} took longer than {limit_s:.3g} s")) from None
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLError):
                raise BadSample("no_safe_connection", f"{url.host}: {error}") from None
            raise SilentError(BadSample("no_connection", f"{url.host}: {error}")) from None
        except (httpcore.ProtocolError, httpcore.NetworkError) as error:
            broken = BadSample("connection_broken", f"{url.host}: {error or type(error).__name__}")
            raise MayPassError(broken) from None

    async def _ask(self, url: httpx.URL, most_bytes: int, answered: list[int]) -> Answer:
        headers = [
            ("Host", url.netloc.decode("ascii")),
            ("User-Agent", self._manners.user_agent),
            ("Accept", "image/*,*/*;q=0.1"),
            ("Accept-Encoding", "identity"),
        ]
        address = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        async with self._pool.stream("GET", address, headers=headers) as response:
            answered.append(response.status)
            told = httpx.Headers(response.headers)
            body = Body(most_bytes, told.get("Content-Encoding", ""))
            if response.status == 200:
                if (length := told.get("Content-Length", "")).isdecimal() and int(length) > most_bytes:
                    raise BadSample("too_large", f"{length} bytes, more than {most_bytes}")
                async for piece in response.aiter_stream():
                    body.add(piece)
            return Answer(
                response.status,
                bytes(response.extensions.get("reason_phrase", b"")).decode("latin-1"),
                body.content() if response.status == 200 else b"",
                told.get("Location", "") if response.status in REDIRECTS else "",
                told.get_list("X-Robots-Tag"),
                _seconds(told.get("Retry-After", "")),
            )


def _seconds(told: str) -> float:
    """Return what Retry-After asks for; a date is passed over."""
    return float(told) if told.isdecimal() and len(told) < 8 else 0.0
