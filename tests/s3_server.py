"""An S3 on loopback: moto's, with what is asked of it written down, and with failures to order."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

Respond = Callable[..., Any]


class Quiet(MotoRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing on standard error."""


class Asked:
    """One request: GET, HEAD, LIST, PUT, DELETE or PART, and the path, bucket first."""

    def __init__(self, environ: dict[str, Any]) -> None:
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        method, self.path = environ["REQUEST_METHOD"], environ["PATH_INFO"].lstrip("/")
        if "uploadId" in query or "uploads" in query:
            method = "PART"
        elif method == "GET" and "/" not in self.path.rstrip("/"):
            method, self.path = "LIST", f"{self.path}/{query.get('prefix', [''])[0]}"
        elif method == "POST" and "delete" in query:
            method = "DELETE"
        self.method, self.headers = method, environ


class S3Server:
    """Serves at `url` until `stop`; `before` may answer a request in the store's place, `after` may change a body."""

    def __init__(self, port: int = 0) -> None:
        self._store = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", port, self._app, True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.asked: list[Asked] = []
        self.before: Callable[[Asked], tuple[str, str] | None] = lambda asked: None
        self.after: Callable[[Asked, bytes], bytes] = lambda asked, body: body
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def calm(self) -> None:
        """Forget what was asked, and fail no more."""
        self.asked.clear()
        self.before, self.after = lambda asked: None, lambda asked, body: body

    def counts(self) -> Counter[str]:
        """Return how often each kind of request was made."""
        return Counter(one.method for one in self.asked)

    def _app(self, environ: dict[str, Any], start: Respond) -> Iterable[bytes]:
        asked = Asked(environ)
        self.asked.append(asked)
        refused = self.before(asked)
        if refused:
            status, code = refused
            body = f"<Error><Code>{code}</Code><Message>{code} it is</Message></Error>".encode()
            start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [] if asked.method == "HEAD" else [body]
        return self._changed(asked, self._store(environ, start))

    def _changed(self, asked: Asked, bodies: Iterable[bytes]) -> Iterator[bytes]:
        yield self.after(asked, b"".join(bodies))
