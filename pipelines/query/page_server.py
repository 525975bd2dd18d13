"""The page's door: serves the browse page and the videos it shows to a browser on this machine, and nothing else.

It listens on loopback alone, and every address begins with a token made at the start: a page from elsewhere that the
same browser shows can neither guess it nor, since the host's name is checked, borrow one of its own for this machine.
Videos go out as they lie on the shelf, in the ranges that a player asks for, never read whole; frames and contact
sheets are made in the guard's children. The standard library's server is enough for one pair of eyes.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from pipelines.guard.talk import Request
from pipelines.query.byte_range import byte_range
from pipelines.query.films.contact_sheets import png, sheet_of
from pipelines.query.films.lanes import Lane
from pipelines.query.films.stills import Filmed
from pipelines.shelf.media import MediaReader
from schemas.errors import BadInput, OstrakaError
from schemas.sample import Video

LOOPBACK = "127.0.0.1"
STILL_PX = 1280
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_PIECE_BYTES = 1 << 20
_SHEET_FRAMES = 36
_TYPES = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
    "mpg": "video/mpeg",
    "wmv": "video/x-ms-wmv",
    "ts": "video/mp2t",
}
_ADDRESS = re.compile(r"(media|times|sheet|still)/([0-9a-f]{32})(?:/(-?\d{1,18}))?")
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class Film(Struct, frozen=True):
    """A video that the page shows: its name, where its bytes are, and what was noted on its spans."""

    name: str
    request: Request
    lanes: list[Lane]

    @property
    def video(self) -> tuple[Video, int]:
        """The video, and where in its tar it begins."""
        pairs = zip(self.request.sample.parts, self.request.offsets, strict=True)
        return next((part, offset) for part, offset in pairs if isinstance(part, Video))


class PageServer(ThreadingHTTPServer):
    """Serves one page and its films; a context manager, `serve_forever` until it is shut down."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, page: bytes, films: Mapping[str, Film], port: int = 0) -> None:
        self.page, self.films, self.token = page, films, secrets.token_urlsafe(24)
        self.small, self.large = Filmed(240), Filmed(STILL_PX)
        try:
            super().__init__((LOOPBACK, port), _Answer)
        except OSError as error:
            remedy = "choose another --port, or leave it out for any that is free"
            raise BadInput(f"{error.strerror}", where=f"{LOOPBACK}:{port}", remedy=remedy) from None

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    def serve(self) -> None:
        """Serve until Ctrl-C."""
        with suppress(KeyboardInterrupt):
            self.serve_forever()

    def server_close(self) -> None:
        """Stop listening, and end the children."""
        super().server_close()
        self.small.close()
        self.large.close()

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a browser that goes away in the middle: a player does all the time."""


class _Answer(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "ostraka", ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer, where the address holds the token and names what there is."""
        inside = self._inside()
        if inside is None:
            return self._refuse(404)
        if inside == "":
            return self._send(200, self.server.page, "text/html; charset=utf-8", {"Cache-Control": "no-store"})
        found = _ADDRESS.fullmatch(inside)
        film = self.server.films.get(found[2]) if found else None
        if not found or film is None or (found[1] == "still") != bool(found[3]):
            return self._refuse(404)
        try:
            answers: dict[str, Callable[[Film, str], None]] = {
                "media": self._media,
                "times": self._times,
                "sheet": self._sheet,
                "still": self._still,
            }
            answers[found[1]](film, found[3] or "")
        except OstrakaError as error:
            self._send(422, str(error).encode(), "text/plain; charset=utf-8")

    do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        """Write no log: addresses hold the token."""

    def _inside(self) -> str | None:
        """Return what is asked for below the token; None where it is not for us."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        _, _, below = self.path.partition("/")
        token, slash, inside = below.partition("/")
        same = hmac.compare_digest(token.encode(), self.server.token.encode())
        return inside if same and slash and host in _HERE else None

    def _media(self, film: Film, _: str) -> None:
        """Send a video, or the range of it that is asked for."""
        video, offset = film.video
        kind, tag = _TYPES.get(video.extension, "application/octet-stream"), f'"{video.digest}"'
        headers = {"Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, max-age=3600"}
        asked = self.headers.get("Range", "")
        if self.headers.get("If-Range", tag) != tag:
            asked = ""
        try:
            part = byte_range(asked, video.size_bytes)
        except ValueError:
            return self._send(416, b"", kind, {**headers, "Content-Range": f"bytes */{video.size_bytes}"})
        start, end = part or (0, video.size_bytes)
        if part:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{video.size_bytes}"
        with closing(MediaReader()) as read:
            wanted = ((at, min(_PIECE_BYTES, end - at)) for at in range(start, end, _PIECE_BYTES))
            pieces = (read(film.request.media, offset + at, size_bytes) for at, size_bytes in wanted)
            first = next(pieces)
            self._head(206 if part else 200, end - start, kind, headers)
            if self.command != "HEAD":
                self._write(chain([first], pieces))
        return None

    def _write(self, pieces: Iterable[bytes]) -> None:
        """Send pieces; where the shelf fails in the middle, only the end of the connection can say so."""
        try:
            for piece in pieces:
                self.wfile.write(piece)
        except OstrakaError:
            self.close_connection = True

    def _times(self, film: Film, _: str) -> None:
        clip = self.server.small.clip(film.request)
        self._send(200, msgspec.json.encode(clip), "application/json", {"Cache-Control": "no-store"})

    def _sheet(self, film: Film, _: str) -> None:
        sheet = sheet_of(self.server.small, film.request, film.lanes, film.name, _SHEET_FRAMES)
        self._send(200, png(sheet.draw()), "image/png")

    def _still(self, film: Film, pts: str) -> None:
        [still] = self.server.large.stills(film.request, [int(pts)])
        self._send(200, still, "image/jpeg")

    def _refuse(self, code: int) -> None:
        self._send(code, b"", "text/plain")

    def _send(self, code: int, body: bytes, kind: str, headers: Mapping[str, str] = {}) -> None:
        self._head(code, len(body), kind, headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, code: int, size_bytes: int, kind: str, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        for name, value in {**_ALWAYS, "Content-Type": kind, "Content-Length": str(size_bytes), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
