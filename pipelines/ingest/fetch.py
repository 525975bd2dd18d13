"""Fetching what links lead to: many at once, in order for who asks, with redirects, retries and the owners' wishes.

A link that cannot be had is its own failure; a network that is down stops the run. What came is held in memory up to
HELD_BYTES, so that a slow link does not hold up the ones behind it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any
from urllib.robotparser import RobotFileParser

import httpx

from pipelines.ingest.http import Answer, Http, MayPassError, SilentError
from pipelines.ingest.manners import Manners
from pipelines.ingest.robots import MOST_ROBOTS_BYTES, refusal, rules_of
from schemas.errors import BadSample, Unavailable
from schemas.sniff import HEAD_BYTES, PICTURES, sniff

AHEAD = 16
HELD_BYTES = 256 << 20
MOST_WAIT_S = 60.0
MOST_ROBOTS = 10_000
LINKS_A_HOST = 5

Found = bytes | BadSample


class Fetcher:
    """Fetches links on an event loop of its own, in a thread; a context manager."""

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="fetcher", daemon=True)

    def __enter__(self) -> Fetcher:
        self._thread.start()
        self._fetching = _Fetching(self._manners)
        return self

    def __exit__(self, *_: object) -> None:
        self._submit(self._fetching.close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def fetch(self, links: Sequence[str]) -> Iterator[Found]:
        """Yield the picture of each link, or why there is none, in order; raises Unavailable."""
        coming, flying, taken_bytes = iter(links), deque[Future[Found]](), 0
        self._fetching.begin()
        try:
            for left in range(len(links), 0, -1):
                self._send_off(coming, flying, taken_bytes)
                found = flying.popleft().result()
                taken_bytes += len(found) if isinstance(found, bytes) else 0
                if left == 1:
                    self._fetching.end()
                yield found
        finally:
            for future in flying:
                future.cancel()
            wait(flying)

    def _send_off(self, coming: Iterator[str], flying: deque[Future[Found]], taken_bytes: int) -> None:
        """Begin with further links: one at least where none flies, as many as go ahead and fit into memory at most."""
        while not flying or (
            len(flying) < AHEAD * self._manners.concurrency and self._fetching.received_bytes - taken_bytes < HELD_BYTES
        ):
            if (link := next(coming, None)) is None:
                return
            flying.append(self._submit(self._fetching.one(link)))

    def _submit(self, coming: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coming, self._loop)


class _Fetching:
    """What goes on in the event loop."""

    def __init__(self, manners: Manners) -> None:
        self._manners, self._http = manners, Http(manners)
        self._robots: dict[str, asyncio.Task[RobotFileParser | None]] = {}
        self.begin()

    def begin(self) -> None:
        """Forget what was counted of other links."""
        self.received_bytes = 0
        self._answered, self._silent_links, self._silent_hosts = False, 0, set[str]()
        self._stopped: Unavailable | None = None

    def end(self) -> None:
        """Raise Unavailable where none of the links got any answer."""
        if self._manners.silent_hosts and self._silent_links and not self._answered:
            raise self._down()

    async def close(self) -> None:
        """End what is still under way, and close every connection."""
        for task in self._robots.values():
            task.cancel()
        await asyncio.gather(*self._robots.values(), return_exceptions=True)
        await self._http.close()
        await asyncio.get_running_loop().shutdown_asyncgens()

    async def one(self, link: str) -> Found:
        """Return the picture of a link, after as many tries as it may take, or why there is none."""
        for attempt in range(self._manners.retries + 1):
            try:
                content = await self._picture(link)
                self.received_bytes += len(content)
                return content
            except MayPassError as passing:
                if attempt == self._manners.retries:
                    self._count_silence(passing, link)
                    return passing.bad
                await asyncio.sleep(min(MOST_WAIT_S, max(passing.after_s, self._manners.backoff_s * 2**attempt)))
            except BadSample as bad:
                return bad
        raise AssertionError("the last try returns")

    async def _picture(self, link: str) -> bytes:
        """Follow a link to a picture; whatever it was called, its first bytes say what it is."""
        answer = await self._follow(_url(link), self._manners.most_bytes, robots=self._manners.robots)
        if answer.status != 200:
            raise _refused(answer)
        if directive := refusal(answer.robots, self._manners.token) if self._manners.robots else "":
            raise BadSample("robots_refused", f"X-Robots-Tag says {directive}")
        if (kind := sniff(answer.body[:HEAD_BYTES])) and kind not in PICTURES:
            raise BadSample("not_a_picture", f"{link} is {kind}")
        return answer.body

    async def _follow(self, url: httpx.URL, most_bytes: int, *, robots: bool) -> Answer:
        """Return the answer at the end of the redirects, each of which is checked like the first link."""
        seen, left_s = set[str](), self._manners.timeout_s
        for _ in range(self._manners.redirects + 1):
            if str(url) in seen:
                raise BadSample("redirect_circle", f"back to {url}")
            seen.add(str(url))
            if robots:
                await self._obey(url)
            answer, took_s = await self._http.get(url, most_bytes, max(0.0, left_s))
            self._answered, self._silent_links = True, 0
            self._silent_hosts.clear()
            left_s -= took_s
            if not answer.location:
                return answer
            url = _url(answer.location, url)
        raise BadSample("too_many_redirects", f"more than {self._manners.redirects}")

    async def _obey(self, url: httpx.URL) -> None:
        """Raise BadSample where the host's robots.txt forbids a URL, or MayPassError where it cannot be had."""
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        if origin not in self._robots:
            if len(self._robots) >= MOST_ROBOTS:
                self._robots.pop(next(iter(self._robots)))
            self._robots[origin] = asyncio.create_task(self._rules(httpx.URL(f"{origin}/robots.txt")))
        task = self._robots[origin]
        try:
            rules = await asyncio.shield(task)
        except MayPassError:
            if self._robots.get(origin) is task:
                del self._robots[origin]
            raise
        if rules is None:
            self._robots.pop(origin, None)
            raise MayPassError(BadSample("robots_unread", f"{origin}/robots.txt cannot be had for now"))
        if not rules.can_fetch(self._manners.token, str(url)):
            raise BadSample("robots_refused", f"{origin}/robots.txt forbids it to {self._manners.token}")

    async def _rules(self, url: httpx.URL) -> RobotFileParser | None:
        """Return a host's rules; those that are too long or lead in a circle are none, as if there were no file."""
        try:
            answer = await self._follow(url, MOST_ROBOTS_BYTES, robots=False)
        except BadSample as bad:
            if bad.reason == "private_address":
                raise
            return rules_of(404, b"")
        return rules_of(answer.status, answer.body)

    def _count_silence(self, passing: MayPassError, link: str) -> None:
        if not isinstance(passing, SilentError):
            return
        self._silent_links += 1
        self._silent_hosts.add(_url(link).host)
        most = self._manners.silent_hosts
        links = self._silent_links if not self._answered else 0
        if most and (len(self._silent_hosts) >= most or links >= most * LINKS_A_HOST):
            self._stopped = self._stopped or self._down(passing.bad)
        if self._stopped:
            raise self._stopped

    def _down(self, bad: BadSample | None = None) -> Unavailable:
        last = f", the last: {bad.detail}" if bad else ""
        return Unavailable(
            f"no answer from {len(self._silent_hosts)} hosts and {self._silent_links} links in a row{last}",
            where="the network",
            remedy="see that it is up, and run the same command again; if these hosts are gone, --silent-hosts 0",
        )


def _url(link: str, base: httpx.URL | None = None) -> httpx.URL:
    """Return a link as a URL; raises BadSample("bad_link") where it is none of http or https."""
    try:
        url = base.join(link) if base else httpx.URL(link)
        usable = url.scheme in ("http", "https") and url.host and (url.port is None or 0 < url.port < 1 << 16)
    except (httpx.InvalidURL, ValueError) as error:
        raise BadSample("bad_link", f"{link[:200]!r}: {error}") from None
    if not usable:
        raise BadSample("bad_link", f"{link[:200]!r} is not of http or https")
    return url


def _refused(answer: Answer) -> BadSample | MayPassError:
    detail = f"HTTP {answer.status} {answer.phrase}".rstrip()
    if answer.status in (404, 410):
        return BadSample("link_gone", detail)
    if answer.status in (401, 402, 403, 407, 451):
        return BadSample("link_refused", detail)
    if answer.status == 429:
        return MayPassError(BadSample("rate_limited", detail), answer.after_s)
    if answer.status >= 500 or answer.status in (408, 425):
        return MayPassError(BadSample("server_error", detail), answer.after_s)
    return BadSample("http_error", detail)
