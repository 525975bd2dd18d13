"""The engine on Ray: an actor per worker, and one loop that knows which shard each of them holds.

An actor that dies, alone or with its machine, costs one attempt of its shard, and another actor takes its place. The
rooms and the user's own modules travel to the cluster; packages do not, and each worker says which differ.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

from msgspec import Struct

from pipelines.engines import far
from pipelines.engines.carried import Carried, folder_of
from pipelines.engines.engine import Work
from pipelines.engines.local import ATTEMPTS
from pipelines.record import log
from schemas.errors import Unavailable

POLL_S = 1.0
CLOSE_S = 5.0
SETTINGS = ("AWS_", "OSTRAKA_")
"""How the names of the environment begin that work reads: a Ray of our own has them as they were when it started."""

_ours: tuple[object, ...] = ()
"""How this process connected to Ray; nothing where it did not, or where the user did."""


class Ray(Struct, frozen=True):
    """Runs work in `workers` actors of a cluster, or of a Ray of its own on this machine where no `address` is given.

    A cluster, or a free place on it, that does not come within `wait_s` seconds is Unavailable.
    """

    workers: int = 1
    address: str = ""
    wait_s: float = 60.0

    def map(self, work: Work, shards: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield every shard with its answer; the connection stays for the next map, until the process ends."""
        if not shards:
            return
        carried = Carried(work)
        with _said_plainly(self):
            ray = _connected(self, carried)
            crew = _Crew(ray, carried, min(self.workers, len(shards)))
            try:
                for shard, kind, data in crew.answers(shards, self.wait_s):
                    yield shard, carried.answer(kind, data)
                crew.close()
            finally:
                crew.kill()


class _Crew:
    """The actors of one map, and which shard each holds."""

    def __init__(self, ray: Any, carried: Carried, size: int) -> None:
        ray.cloudpickle.register_pickle_by_value(far)
        needs = carried.needs
        self._ray, self._size, self._parcel = ray, size, ray.put(carried.parcel)
        self._kind = ray.remote(num_cpus=needs.cpus, num_gpus=needs.gpus, max_restarts=0)(far.Worker)
        self._asks = f"{needs.cpus} CPUs and {needs.gpus} GPUs"
        self._actors: list[Any] = []
        self._idle: list[Any] = []
        self._waiting: list[tuple[str, int]] = []
        self._held: dict[Any, tuple[Any, str | None, int]] = {}
        self._stillborn = 0

    def answers(self, shards: Sequence[str], wait_s: float) -> Iterator[tuple[str, str, bytes]]:
        """Yield every shard with what its worker said."""
        self._waiting = [(shard, 1) for shard in reversed(shards)]
        for _ in range(self._size):
            self._hire()
        left, worked = len(shards), time.monotonic()
        while left:
            ready, _ = self._ray.wait(list(self._held), num_returns=1, timeout=POLL_S)
            answers = [found for ref in ready if (found := self._take(ref))]
            if answers or any(shard is not None for _, shard, _ in self._held.values()):
                worked = time.monotonic()
            elif time.monotonic() - worked > wait_s:
                raise Unavailable(
                    f"no worker started within {wait_s:g} s (each takes {self._asks}, and there are "
                    f"{self._ray.available_resources().get('CPU', 0):g} CPUs free)",
                    where="the Ray cluster",
                    remedy="make room or add machines; the same command goes on",
                )
            left -= len(answers)
            yield from answers

    def _hire(self) -> None:
        actor = self._kind.remote(self._parcel)
        self._actors.append(actor)
        self._held[actor.open.remote()] = actor, None, 0

    def _give(self, actor: Any) -> None:
        if self._waiting:
            shard, attempt = self._waiting.pop()
            self._held[actor.do.remote(shard)] = actor, shard, attempt
        else:
            self._idle.append(actor)

    def _take(self, ref: Any) -> tuple[str, str, bytes] | None:
        """Return what a worker said on its shard; nothing where it has only begun, or died."""
        actor, shard, attempt = self._held.pop(ref)
        try:
            said = self._ray.get(ref)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.OutOfMemoryError) as died:
            self._replace(actor, shard, attempt, died)
            return None
        self._give(actor)
        return None if shard is None else (shard, *said)

    def _replace(self, actor: Any, shard: str | None, attempt: int, died: Exception) -> None:
        self._stillborn += shard is None
        deaths = self._stillborn if shard is None else attempt
        if deaths >= ATTEMPTS:
            raise Unavailable(
                f"its worker died {deaths} times ({_why(died)})",
                where="before it had a shard" if shard is None else f"shard {shard}",
                remedy="look for a lack of memory; the same command goes on where this one stopped",
            ) from None
        log.event("worker_died", level="warning", shard=shard or "", attempt=deaths, detail=type(died).__name__)
        self._actors.remove(actor)
        self._ray.kill(actor)
        if shard is not None:
            self._waiting.append((shard, attempt + 1))
        self._hire()
        while self._idle and self._waiting:
            self._give(self._idle.pop())

    def close(self) -> None:
        """Let every worker leave its work."""
        begun = [actor for actor in self._actors if actor in self._idle]
        self._ray.wait([actor.close.remote() for actor in begun], num_returns=len(begun), timeout=CLOSE_S)

    def kill(self) -> None:
        """End every actor, whatever it does."""
        for actor in self._actors:
            with suppress(Exception):
                self._ray.kill(actor)


@contextmanager
def _said_plainly(engine: Ray) -> Iterator[None]:
    import ray

    try:
        yield
    except (ray.exceptions.ObjectStoreFullError, ray.exceptions.OutOfDiskError) as error:
        raise Unavailable(
            f"Ray has no room for an answer ({_why(error)})",
            where="the object store",
            remedy="give Ray a larger object store or make room on its disk; the same command goes on",
        ) from None
    except ray.exceptions.RayError as error:
        raise Unavailable(
            f"{type(error).__name__}: {_why(error)}",
            where=engine.address or "Ray on this machine",
            remedy="the same command goes on where this one stopped",
        ) from error


def _why(error: Exception) -> str:
    """Return the first line of what Ray says; what was raised in a worker comes with its place in front, in colours."""
    return str(getattr(error, "cause", None) or error).strip().partition("\n")[0]


def _connected(engine: Ray, carried: Carried) -> Any:
    """Return ray, connected: as the user did it, as before, or anew, with the modules that the work needs."""
    global _ours  # noqa: PLW0603
    os.environ.update(RAY_ENABLE_UV_RUN_RUNTIME_ENV="0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    cpus = max(engine.workers * carried.needs.cpus, os.cpu_count() or 1)
    settings = sorted((name, value) for name, value in os.environ.items() if name.startswith(SETTINGS))
    own = () if engine.address else (cpus, *settings)
    wanted = (engine.address, own, carried.modules)
    if ray.is_initialized():
        if _ours in ((), wanted):
            return ray
        ray.shutdown()
    folders = [folder_of(module) for module in carried.modules]
    how = {"address": engine.address} if engine.address else {"address": "local", "num_cpus": cpus}
    _connect(
        engine,
        include_dashboard=None if engine.address else False,
        log_to_driver=False,
        logging_level="ERROR",
        runtime_env={"py_modules": folders, "excludes": ["**/__pycache__"]},
        **how,
    )
    _ours = wanted
    return ray


def _connect(engine: Ray, **how: Any) -> None:
    """Connect within the time: Ray itself would wait for minutes where a port is silent or a token is wrong.

    Ray's own processes end with the thread that starts them, so a Ray of our own is started by this one.
    """
    import ray

    raised: list[Exception] = []

    def connect() -> None:
        try:
            ray.init(**how)
        except Exception as error:
            raised.append(error)

    if not engine.address:
        connect()
    elif not _answers(engine.address):
        raise _no_cluster(engine, "nothing listens there")
    else:
        connecting = Thread(target=connect, daemon=True)
        connecting.start()
        connecting.join(engine.wait_s)
        if connecting.is_alive():
            raise _no_cluster(engine, f"it did not let us in within {engine.wait_s:g} s")
    if raised:
        raise _no_cluster(engine, _why(raised[0])) from raised[0]


def _answers(address: str) -> bool:
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit() or "//" in host:
        return True
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=CLOSE_S):
        return True
    return False


def _no_cluster(engine: Ray, why: str) -> Unavailable:
    return Unavailable(
        f"no Ray cluster answers ({why})",
        where=engine.address or "this machine",
        remedy="give the head's HOST:PORT as --address, and set RAY_AUTH_TOKEN_PATH to the token file that it has",
    )
