"""What the desk says to a Label Studio server, over its HTTP interface.

The vendor's SDK is left out: it demands an older OpenCV than ours and two dozen packages for what is a handful of
requests. A server that is down is asked again and then named; nothing is sent twice that may have arrived.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import msgspec

from annotators.desk.label_studio.environment import PROVEN
from schemas.errors import BadInput, Unavailable

Json = dict[str, Any]
PAGE = 500
_AGAIN = {502, 503, 504}
_FIRST_PAUSE_S = 0.5


class Secret:
    """A token or a password: it prints as stars, in a traceback too, and has to be asked for by name."""

    __slots__ = ("shown",)

    def __init__(self, shown: str) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return "Secret(***)"

    def hidden_in(self, said: str) -> str:
        """Return words without the secret."""
        return said.replace(self.shown, "***") if self.shown else said


class NotThereError(BadInput):
    """The server has nothing under that address."""


class Editor:
    """One server for one user, named by a token: a legacy one, or a personal access token. Use with `with`."""

    def __init__(self, url: str, token: Secret, *, tries: int = 5, timeout_s: float = 120) -> None:
        self.url, self._token, self._tries = url.rstrip("/"), token, tries
        self._client = client(self.url, timeout_s)
        self._is_personal = token.shown.count(".") == 2
        if not self._is_personal:
            self._client.headers["Authorization"] = f"Token {token.shown}"

    def __enter__(self) -> Editor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def healthy(self) -> None:
        """Raise Unavailable where the server does not say that it is up."""
        self._ask("GET", "/health")

    def check(self, *, any_version: bool = False) -> Json:
        """Return who the token stands for.

        Raises BadInput where the server does not know the token, or is of another version than the one that the desk
        is proven on: another may number frames otherwise.
        """
        who: Json = self._ask("GET", "/api/current-user/whoami")
        release = str(self._ask("GET", "/api/version").get("release", "?"))
        if release != PROVEN and not any_version:
            remedy = f"use {PROVEN}, or say --any-version and look at a round trip first"
            raise BadInput(
                f"Label Studio there is {release}, the desk is proven on {PROVEN}", where=self.url, remedy=remedy
            )
        return who

    def get(self, path: str, **query: Any) -> Any:
        """Read; asked again while the server is down."""
        return self._ask("GET", path, query=query)

    def send(self, method: str, path: str, body: object, **query: Any) -> Any:
        """Change something; raises Unavailable where the server may or may not have got it."""
        return self._ask(method, path, body=body, query=query)

    def pages(self, path: str, key: str, **query: Any) -> Iterator[Json]:
        """Yield everything that is listed under a key, page by page; behind a full last one there is none."""
        page = 1
        while True:
            try:
                rows: Sequence[Json] = self.get(path, page=page, page_size=PAGE, **query)[key]
            except NotThereError:
                if page == 1:
                    raise
                return
            yield from rows
            if len(rows) < PAGE:
                return
            page += 1

    def _ask(self, method: str, path: str, body: object = None, query: Mapping[str, Any] | None = None) -> Any:
        httpx = _httpx()
        pause_s = _FIRST_PAUSE_S
        for left in reversed(range(self._tries)):
            try:
                if self._is_personal and "Authorization" not in self._client.headers:
                    self._refresh()
                answer = self._client.request(method, path, params=query, json=body)
            except httpx.ConnectError:
                why = "it does not answer"
            except httpx.TransportError as error:
                why = f"it broke off: {type(error).__name__}"
                if method != "GET":
                    raise self._unavailable(f"{method} {path}: {why}") from None
            else:
                if answer.status_code == 401 and self._is_personal and left:
                    del self._client.headers["Authorization"]
                    continue
                if answer.status_code not in _AGAIN:
                    return self._read(method, path, answer)
                why = f"it says {answer.status_code}"
            if left:
                time.sleep(pause_s)
                pause_s *= 2
        raise self._unavailable(why)

    def _read(self, method: str, path: str, answer: Any) -> Any:
        if answer.status_code in (401, 403):
            remedy = "give its token in OSTRAKA_DESK_TOKEN"
            raise BadInput("it does not accept the token", where=self.url, remedy=remedy)
        if answer.status_code >= 500:
            raise self._unavailable(f"{method} {path}: it says {answer.status_code}")
        if answer.status_code >= 400:
            said = self._token.hidden_in(answer.text[:300])
            kind = NotThereError if answer.status_code == 404 else BadInput
            raise kind(f"{method} {path} is refused with {answer.status_code}: {said}", where=self.url)
        if not answer.content:
            return None
        try:
            return msgspec.json.decode(answer.content)
        except msgspec.DecodeError:
            raise BadInput(f"{path} answers with no JSON", where=self.url, remedy="is that a Label Studio?") from None

    def _refresh(self) -> None:
        """Change the personal token, which lives long, for one that lives five minutes."""
        answer = self._client.post("/api/token/refresh", json={"refresh": self._token.shown})
        access = self._read("POST", "/api/token/refresh", answer)["access"]
        self._client.headers["Authorization"] = f"Bearer {access}"

    def _unavailable(self, why: str) -> Unavailable:
        return Unavailable(why, where=self.url, remedy="when it is up again, the same command goes on")


def client(url: str, timeout_s: float = 120) -> Any:
    """Return an HTTP client of a server, which no proxy of the surroundings comes between."""
    return _httpx().Client(base_url=url, timeout=timeout_s, trust_env=False)


def _httpx() -> Any:
    try:
        import httpx
    except ImportError:
        raise Unavailable(
            "the editor is asked with httpx, which is not here", remedy="pip install 'ostraka[desk]'"
        ) from None
    return httpx
