"""A chat endpoint on loopback that does what a script says: answers well, lies, fails, hangs, talks garbage."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from PIL import Image

MOST_DRIP_S = 8.0


class Asked(NamedTuple):
    """A request as it came: its body, its headers, when, and how often the same body came before."""

    body: dict[str, Any]
    headers: dict[str, str]
    at_s: float
    before: int

    @property
    def text(self) -> str:
        """What the user says, the caption of a recaption's request."""
        content = self.body["messages"][-1]["content"]
        said = content if isinstance(content, str) else next(one["text"] for one in content if one["type"] == "text")
        return said.removeprefix("Caption: ")

    def picture(self) -> Image.Image:
        """The picture that was sent."""
        content = self.body["messages"][-1]["content"]
        url = next(one["image_url"]["url"] for one in content if one["type"] == "image_url")
        head, _, data = url.partition(",")
        assert head == "data:image/jpeg;base64"
        return Image.open(io.BytesIO(base64.b64decode(data)))


class Reply(NamedTuple):
    """What is sent back; `drip_s` lets a byte go every so often, for longer than anyone waits."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = {}
    drip_s: float = 0.0


def says(text: str | None, finish: str = "stop", prompt_tokens: int = 100, completion_tokens: int = 20) -> Reply:
    """Return a whole completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return Reply(json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}).encode())


class Server:
    """What was asked so far, how many at once at most, and where it is."""

    def __init__(self, script: Callable[[Asked], Reply]) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self.url = ""
        self._at_once, self._lock = 0, threading.Lock()

    def texts(self) -> list[str]:
        return [asked.text for asked in self.asked]

    def begin(self, body: dict[str, Any], headers: dict[str, str]) -> Asked:
        with self._lock:
            before = sum(other.body == body for other in self.asked)
            asked = Asked(body, headers, time.monotonic(), before)
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            return asked

    def end(self) -> None:
        with self._lock:
            self._at_once -= 1


@contextmanager
def serving(script: Callable[[Asked], Reply]) -> Iterator[Server]:
    """Serve a script on a free port."""
    server, over = Server(script), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = server.begin(body, dict(self.headers))
            try:
                reply = server.script(asked) if self.path == "/v1/chat/completions" else Reply(b"", 404)
            finally:
                server.end()
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body) if not reply.drip_s else 10_000_000))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            if reply.drip_s:
                self._drip(reply.drip_s)

        def _drip(self, pause_s: float) -> None:
            until = time.monotonic() + MOST_DRIP_S
            while not over.wait(pause_s) and time.monotonic() < until:
                self.wfile.write(b" ")
                self.wfile.flush()
            self.close_connection = True

        def handle(self) -> None:
            with suppress(ConnectionError):
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        over.set()
        http.shutdown()
        thread.join()
        http.server_close()
