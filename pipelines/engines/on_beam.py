"""The engine on Beam: the names of the shards, spread over the runner's workers.

Beam brings no element back to the driver, and recovers no worker on the runners that run without a cluster. So each
answer is a small file in a folder that the driver watches: it passes answers on as they come, ends the run where none
comes for a stated time, and takes the folder's mark away when it ends, which no worker works without. On one machine
the mark is the lock of a temporary folder, which a driver that is killed lets go; elsewhere it is a file, which stays.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from threading import Thread
from typing import Any
from uuid import uuid4

from msgspec import Struct

from pipelines.engines import far
from pipelines.engines.carried import Carried
from pipelines.engines.engine import Work
from pipelines.engines.temporary import HELD, temporary_folder
from schemas.errors import BadInput, Unavailable

IN_PROCESS = "FnApiRunner"
ELSEWHERE = ("DataflowRunner",)
POLL_S, REMOTE_POLL_S = 0.05, 2.0
LEAVE_S = 2.0
MARK = "running"
DONE = ".done"


class Beam(Struct, frozen=True):
    """Runs work on a Beam runner, by its name and with its options (`--name=value`).

    `temp`: the URL of a folder that driver and workers reach, for answers; by default one on this machine. `wait_s`: no
    answer for so many seconds is Unavailable. `workers` counts for the runner in this process, FnApiRunner.
    """

    workers: int = 1
    runner: str = IN_PROCESS
    options: tuple[str, ...] = ()
    temp: str = ""
    wait_s: float = 600.0

    def map(self, work: Work, shards: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield every shard with its answer."""
        if not shards:
            return
        carried = Carried(work)
        _load_quietly()
        with _answers_folder(self) as folder:
            job = _Job(_pipeline(self, carried.parcel, type(work).__name__, shards, folder))
            job.start()
            try:
                for shard, kind, data in self._answers(job, folder, shards):
                    yield shard, carried.answer(kind, data)
                job.join(self.wait_s)
            finally:
                _remove_mark(folder, MARK if self.temp else HELD)
                job.leave()

    def _answers(self, job: _Job, folder: str, shards: Sequence[str]) -> Iterator[tuple[str, str, bytes]]:
        waiting = {_name(shard): shard for shard in shards}
        poll_s, heard = REMOTE_POLL_S if self.temp else POLL_S, time.monotonic()
        while waiting:
            ended = not job.is_alive()
            for name in [name for name in _listed(folder) if name in waiting]:
                yield waiting.pop(name), *_read(folder, name)
                heard = time.monotonic()
            if waiting and ended:
                raise Unavailable(
                    f"the pipeline ended without {len(waiting)} of {len(shards)} shards ({job.why})",
                    where=self.runner,
                    remedy="the same command goes on where this one stopped",
                ) from job.error
            if time.monotonic() - heard > self.wait_s:
                raise Unavailable(
                    f"no shard was done for {self.wait_s:g} s; a worker may be lost",
                    where=self.runner,
                    remedy="look at the runner's log; the same command goes on, and --wait-s waits longer",
                )
            job.join(poll_s)


class _Job(Thread):
    """A pipeline that runs beside the driver, so that the driver can watch, and be interrupted."""

    def __init__(self, pipeline: Any) -> None:
        super().__init__(daemon=True)
        self._pipeline: Any = pipeline
        self._result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._pipeline.run()
            self._result.wait_until_finish()
        except BaseException as error:
            self.error = error

    @property
    def why(self) -> str:
        """What the runner said last."""
        said = str(self.error).strip().splitlines() if self.error else []
        return f"{type(self.error).__name__}: {said[-1]}" if said else "it says nothing more"

    def leave(self) -> None:
        """Cancel a pipeline that still runs; what it holds ends with this process, or with the mark."""
        if self.is_alive():
            with suppress(Exception):
                if self._result is not None:
                    self._result.cancel()
            self.join(LEAVE_S)


def _load_quietly() -> None:
    """Import Beam, which would otherwise speak through the root logger and make it speak for everybody."""
    silent = logging.NullHandler()
    logging.getLogger().addHandler(silent)
    import apache_beam  # noqa: F401

    logging.getLogger().removeHandler(silent)
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)


def _pipeline(engine: Beam, parcel: str, name: str, shards: Sequence[str], folder: str) -> Any:
    import apache_beam as beam
    from apache_beam.internal.cloudpickle import cloudpickle
    from apache_beam.options.pipeline_options import PipelineOptions

    cloudpickle.register_pickle_by_value(far)
    _look_for_job_server(engine.options)
    options = [f"--runner={engine.runner}", "--default_sdk_harness_log_level=ERROR", *engine.options]
    if engine.runner == IN_PROCESS and engine.workers > 1:
        options += [f"--direct_num_workers={engine.workers}", "--direct_running_mode=multi_processing"]
    try:
        pipeline = beam.Pipeline(options=PipelineOptions(options))
    except (ValueError, ImportError, AttributeError) as error:
        raise BadInput(
            f"Beam has no such runner or option here ({error})",
            where=f"--runner {engine.runner}",
            remedy=f"give {IN_PROCESS}, PortableRunner, FlinkRunner or DataflowRunner",
        ) from None
    spread = pipeline | beam.Create(list(shards)) | beam.Reshuffle()
    spread | name >> beam.ParDo(_doing(parcel, folder, MARK if engine.temp else "", DONE))
    return pipeline


def _doing(parcel: str, folder: str, mark: str, done: str) -> Any:
    """Return what does shards in a worker; it travels by value, and stands on Beam and `far` alone."""
    import apache_beam as beam

    class Doing(beam.DoFn):
        def setup(self) -> None:
            self._worker = far.Worker(parcel)
            self._worker.open()

        def process(self, shard: str) -> None:
            from hashlib import sha256

            from apache_beam.io.filesystems import FileSystems
            from apache_beam.metrics import Metrics

            if not self._is_asked():
                return
            kind, data = self._worker.do(shard)
            if not self._is_asked():
                return
            path = FileSystems.join(folder, sha256(shard.encode()).hexdigest())
            with FileSystems.create(path) as file:
                file.write(kind.encode() + b"\n" + data)
            FileSystems.rename([path], [path + done])
            Metrics.counter("ostraka", f"shards: {kind}").inc()

        def _is_asked(self) -> bool:
            """An answer that nobody waits for would make the folder again."""
            from apache_beam.io.filesystems import FileSystems

            return FileSystems.exists(FileSystems.join(folder, mark)) if mark else far.is_held(folder)

        def teardown(self) -> None:
            self._worker.close()

    return Doing()


def _name(shard: str) -> str:
    return f"{sha256(shard.encode()).hexdigest()}{DONE}"


@contextmanager
def _answers_folder(engine: Beam) -> Iterator[str]:
    from apache_beam.io.filesystems import FileSystems

    if not engine.temp:
        if engine.runner in ELSEWHERE:
            raise BadInput("its workers cannot reach this machine", where=engine.runner, remedy="give --beam-temp URL")
        with temporary_folder("beam") as folder:
            yield folder
        return
    folder = FileSystems.join(engine.temp, f"ostraka-beam-{uuid4().hex}")
    FileSystems.mkdirs(folder)
    try:
        with FileSystems.create(FileSystems.join(folder, MARK)) as file:
            file.write(b"")
        yield folder
    finally:
        with suppress(Exception):
            FileSystems.delete([folder])


def _remove_mark(folder: str, mark: str) -> None:
    from apache_beam.io.filesystems import FileSystems

    with suppress(Exception):
        FileSystems.delete([FileSystems.join(folder, mark)])


def _listed(folder: str) -> list[str]:
    from apache_beam.io.filesystems import FileSystems

    [found] = FileSystems.match([FileSystems.join(folder, f"*{DONE}")])
    return [entry.path.rsplit("/", 1)[-1] for entry in found.metadata_list]


def _read(folder: str, name: str) -> tuple[str, bytes]:
    from apache_beam.io.filesystems import FileSystems

    with FileSystems.open(FileSystems.join(folder, name)) as file:
        kind, _, data = file.read().partition(b"\n")
    return kind.decode(), data


def _look_for_job_server(options: Sequence[str]) -> None:
    """Raise Unavailable where nothing listens at the job endpoint; Beam itself would wait for minutes."""
    for option in options:
        name, _, endpoint = option.partition("=")
        host, _, port = endpoint.rpartition(":")
        if name == "--job_endpoint" and port.isdigit():
            try:
                socket.create_connection((host, int(port)), timeout=5).close()
            except OSError as error:
                raise Unavailable(
                    f"no Beam job server answers ({error})", where=endpoint, remedy="start it, or mend --job_endpoint"
                ) from None
