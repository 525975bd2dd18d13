"""Requests in line before one engine: the first come is answered first, all its choices together.

A thread of its own runs the model, so that the server goes on listening; what is said goes to whoever asked, token by
token. A request whose client is gone is passed over, or stopped between two tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Event, Thread
from typing import NamedTuple

from trainer.documents.tokens import Tokens
from trainer.engine.chance import row_seed
from trainer.engine.engine import Drawn, Prompt, Sampling
from trainer.engine.generate import LocalEngine
from trainer.engine.rows import Row
from trainer.serve.refusal import Refusal
from trainer.serve.spoken import Heard, Spoken

MOST_WAITING = 64
"""Each holds its pictures as patches, some 20 kB for a merged token."""

_log = logging.getLogger("ostraka.serve")

Tell = Callable[[Sequence[Heard] | Exception | None], None]
"""Takes what a step said, what went wrong, or None at the end; it is called on the engine's thread."""


class Job(NamedTuple):
    """One request: what is asked, who is told, and whether they have left; without `stops` tokens are told, no text."""

    prompt: Prompt
    choices: int
    sampling: Sampling
    stops: tuple[str, ...] | None
    tell: Tell
    left: Event


class OneByOne:
    """The line; a signal may close it, so it holds no lock that a signal could meet."""

    def __init__(self, engine: LocalEngine, tokens: Tokens) -> None:
        self._engine, self._tokens = engine, tokens
        self._line: SimpleQueue[Job | None] = SimpleQueue()
        self._closed = Event()
        self._thread = Thread(target=self._work, name="engine", daemon=True)
        self.running = 0
        self._thread.start()

    @property
    def waiting(self) -> int:
        return self._line.qsize()

    def ask(self, job: Job) -> None:
        """Put a request in line; raises Refusal where it is full or closed."""
        if self._closed.is_set():
            raise Refusal(503, "the server is ending")
        if self.waiting >= MOST_WAITING:
            raise Refusal(429, f"{MOST_WAITING} requests wait already; ask again later", code="rate_limit_exceeded")
        self._line.put(job)

    def close(self) -> None:
        """Stop what runs, refuse what waits, and end."""
        self._closed.set()
        self._line.put(None)

    def _work(self) -> None:
        with self._engine.answering():
            while job := self._line.get():
                self.running = 1
                try:
                    self._answer(job)
                    job.tell(Refusal(503, "the server is ending") if self._closed.is_set() else None)
                except Exception as error:
                    _log.exception("a request failed")
                    job.tell(error)
                finally:
                    self.running = 0

    def _answer(self, job: Job) -> None:
        if self._over(job):
            return
        prefix = self._engine.read(job.prompt)
        most = self._engine.rows_at_once
        for begin in range(0, job.choices, most):
            places = range(begin, min(begin + most, job.choices))
            of_rows = [Row(0, row_seed(job.sampling.seed, place)) for place in places]
            rows = self._engine.begin([prefix], of_rows, job.sampling)
            spoken = [Spoken(job.stops) for _ in places] if job.stops is not None else None
            while rows.living and not self._over(job):
                heard = [
                    spoken[one.row].hear(one, self._content(one)) if spoken else Heard(one.row, "", (one,), one.finish)
                    for one in rows.step()
                ]
                for one in heard:
                    if one.finish and one.row in rows.living:
                        rows.leave(one.row)
                job.tell([one._replace(row=begin + one.row) for one in heard])

    def _content(self, drawn: Drawn) -> bytes:
        return b"" if drawn.finish == "stop" else self._tokens.bytes_of(drawn.token)

    def _over(self, job: Job) -> bool:
        return job.left.is_set() or self._closed.is_set()
