"""The webhook door: where the editor's server says that something changed, and nothing more than that is believed.

A hook may be lost, doubled, late, or sent by a stranger; so all that is taken from it is a project's number, and only
from who knows the secret. What changed is then asked of the server itself, and it is asked from time to time in any
case.
"""

from __future__ import annotations

import hmac
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType

from annotators.desk.label_studio.http import Editor, Secret

HEADER = "X-Ostraka-Hook"
ACTIONS = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED")
_PATH = re.compile(r"/hook/(\d{1,12})")
_MOST_BYTES, _PATIENCE_S = 1 << 20, 10.0


class Door:
    """A door on loopback for as long as it is open with `with`."""

    def __init__(self, secret: Secret, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._hints = SimpleQueue[int]()
        self._server = ThreadingHTTPServer((host, port), _handler(secret, self._hints))
        self._server.daemon_threads = True
        self._secret = secret
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def url(self) -> str:
        """The door's address; a project's number stands behind it."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/hook"

    def __enter__(self) -> Door:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def ask_for_hooks(self, editor: Editor, project: int) -> None:
        """Have the server knock here when a project's annotations change, unless it does already.

        Hooks of doors that were closed since are taken away.
        """
        address, is_here = f"{self.url}/{project}", False
        for hook in editor.get("/api/webhooks/", project=project):
            said = (hook["headers"] or {}).get(HEADER)
            if hook["url"] == address and said == self._secret.shown:
                is_here = True
            elif said is not None:
                editor.send("DELETE", f"/api/webhooks/{hook['id']}/", None)
        if not is_here:
            about = {"project": project, "url": address, "headers": {HEADER: self._secret.shown}}
            about |= {"actions": list(ACTIONS), "send_payload": False, "send_for_all_actions": False}
            editor.send("POST", "/api/webhooks/", about)

    def hints(self, wait_s: float) -> frozenset[int]:
        """Return the projects of which something was said, waiting so long for the first; empty where nothing was."""
        found = set[int]()
        try:
            found.add(self._hints.get(timeout=wait_s))
            while True:
                found.add(self._hints.get_nowait())
        except Empty:
            return frozenset(found)


def _handler(secret: Secret, hints: SimpleQueue[int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S

        def do_POST(self) -> None:
            known = hmac.compare_digest(self.headers.get(HEADER, "").encode(), secret.shown.encode())
            named = _PATH.fullmatch(self.path)
            size = self.headers.get("Content-Length", "0")
            if not known or not secret.shown:
                self._say(403)
            elif not named or not size.isdecimal() or int(size) > _MOST_BYTES:
                self._say(400)
            else:
                self.rfile.read(int(size))
                hints.put(int(named[1]))
                self._say(204)

        def _say(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: what strangers send is not repeated."""

    return Handler
