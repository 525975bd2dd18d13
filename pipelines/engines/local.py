"""The local engine: this process for one worker, a pool of processes for more.

A process that dies costs one attempt of one shard. Processes come from a fork server: a fork of a process that holds
DuckDB's threads can hang.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing.context import ForkServerContext
from multiprocessing.util import Finalize
from typing import Any

from msgspec import Struct

from pipelines.engines.engine import Work
from pipelines.record import log
from schemas.errors import Unavailable

ATTEMPTS = 3
BROKEN_S = 1.0
"""How often it is looked whether the pool is still there: one that breaks forgets the shards in its queue."""

_doing: Any = None


class Local(Struct, frozen=True):
    """Runs work on this machine in `workers` processes."""

    workers: int = 1

    def map(self, work: Work, shards: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield every shard with its answer."""
        if self.workers <= 1 or len(shards) <= 1:
            with work.open() as do:
                for shard in shards:
                    yield shard, do(shard)
        else:
            yield from self._pools(work, shards)

    def _pools(self, work: Work, shards: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """A pool gives up where a process dies while none has a shard; then another takes its place."""
        waiting, broke = [(shard, 1) for shard in reversed(shards)], 0
        while waiting:
            try:
                for answer in self._pool(work, waiting):
                    yield answer
                    broke = 0
            except BrokenProcessPool:
                broke += 1
                if broke >= ATTEMPTS:
                    raise Unavailable(
                        f"workers died {broke} times before they had a shard",
                        where="the local engine",
                        remedy="look for a lack of memory; the same command goes on where this one stopped",
                    ) from None
                log.event("worker_died", level="warning", attempt=broke)

    def _pool(self, work: Work, waiting: list[tuple[str, int]]) -> Iterator[tuple[str, Any]]:
        """Yield answers and take their shards from those that wait, in one pool."""
        from pebble import ProcessExpired, ProcessPool

        context = _KeepsLocks()
        pool: Any = ProcessPool(
            max_workers=min(self.workers, len(waiting)),
            context=context,
            initializer=_open,
            initargs=(work, log.level(), dict(os.environ)),
        )
        flying: dict[Future[Any], tuple[str, int]] = {}
        try:
            while waiting or flying:
                while waiting and len(flying) < 2 * self.workers:
                    future = _scheduled(pool, waiting[-1][0])
                    flying[future] = waiting.pop()
                done = wait(flying, BROKEN_S, FIRST_COMPLETED).done
                if not done and not pool.active:
                    raise BrokenProcessPool("the pool broke with shards in its queue")
                for future in done:
                    shard, attempt = flying[future]
                    try:
                        answer = future.result()
                    except ProcessExpired as died:
                        if attempt >= ATTEMPTS:
                            raise Unavailable(
                                f"its worker died {attempt} times ({died})",
                                where=f"shard {shard}",
                                remedy="look for a lack of memory; the same command goes on where this one stopped",
                            ) from None
                        log.event("worker_died", level="warning", shard=shard, attempt=attempt, exit_code=died.exitcode)
                        waiting.append((shard, attempt + 1))
                        del flying[future]
                    else:
                        del flying[future]
                        yield shard, answer
            pool.close()
        except BaseException:
            waiting += flying.values()
            pool.stop()
            raise
        finally:
            pool.join()
            context.locks.clear()


def _scheduled(pool: Any, shard: str) -> Future[Any]:
    try:
        future: Future[Any] = pool.schedule(_do, args=(shard,))
    except RuntimeError as error:
        raise BrokenProcessPool(str(error)) from error
    return future


class _KeepsLocks(ForkServerContext):
    """Holds the locks of a pool until its processes are gone: the pool gives them up before, and a process that is
    still starting then says on standard error that it cannot find them."""

    def __init__(self) -> None:
        super().__init__()
        self.locks: list[Any] = []

    def RLock(self) -> Any:
        lock = super().RLock()
        self.locks.append(lock)
        return lock


def _open(work: Work, log_level: log.Level, environment: dict[str, str]) -> None:
    """Open the work, in the environment of the command: a fork server keeps the one that it was started in."""
    global _doing  # noqa: PLW0603
    os.environ.clear()
    os.environ.update(environment)
    log.to_standard_error(log_level)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stack = ExitStack()
    try:
        _doing = stack.enter_context(work.open())
    except Exception as error:
        _doing = _raises(error)
    Finalize(None, stack.close, exitpriority=10)


def _raises(error: Exception) -> Callable[[str], Any]:
    """Return what raises this error for its shard: a pool whose initializer raises never says why."""

    def do(shard: str) -> Any:
        raise error

    return do


def _do(shard: str) -> Any:
    return _doing(shard)
