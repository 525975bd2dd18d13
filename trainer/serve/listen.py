"""Listening: the server runs until a signal ends it, and then lets nobody hang."""

from __future__ import annotations

import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from trainer.serve.one_by_one import OneByOne

END_S = 10
"""For requests to take their refusals after the signal."""


class _Server(uvicorn.Server):
    """Ends what the engine does at the first signal; what waits for it is then told so."""

    def __init__(self, config: uvicorn.Config, line: OneByOne) -> None:
        super().__init__(config)
        self._line = line

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._line.close()
        super().handle_exit(sig, frame)


def listen(app: ASGIApp, line: OneByOne, bound: socket.socket) -> None:
    """Serve on a bound socket until Ctrl-C, which it passes on as KeyboardInterrupt once all is ended."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=END_S,
    )
    _Server(config, line).run(sockets=[bound])
