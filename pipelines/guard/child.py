"""The guard's child: a process that opens one annotator, answers for samples, and dies with its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import closing
from importlib import import_module

import msgspec

from annotators.annotator import Annotator, Look, Subject
from annotators.check import check
from pipelines.guard.talk import Answer, Broken, Found, Frame, Ready, Request, Start, receive, send
from pipelines.recipes.value import Value
from pipelines.record import log
from pipelines.shelf.media import MediaReader
from schemas.errors import BadSample, OstrakaError, Unavailable
from schemas.names import snake_case
from schemas.note import Failed, Noted

_PR_SET_PDEATHSIG = 1


def main(read: int, write: int, log_to: int) -> None:
    """Open the annotator that comes first, then answer frames until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.to_standard_error(stream=os.fdopen(log_to, "w"))
    file = os.fdopen(read, "rb")
    start = msgspec.msgpack.decode(receive(file), type=Start)
    _die_with_parent(start.parent)
    _know_addresses(start.annotator)
    try:
        annotator: Annotator = start.annotator.build()
        with closing(MediaReader()) as read_media, annotator.open() as look:
            if annotator.weights() != start.weights:
                raise Unavailable("its weights changed while it ran", where=f"annotator {annotator.name}")
            send(write, Ready())
            log.event("opened", annotator=annotator.name, process=os.getpid())
            decoder = msgspec.msgpack.Decoder(Frame)
            while data := receive(file):
                frame = decoder.decode(data)
                for first in range(0, len(frame.requests), frame.batch):
                    for said in _look(look, frame.requests[first : first + frame.batch], read_media):
                        check(annotator, said)
                        send(write, _answer(said))
    except OstrakaError as error:
        send(write, Broken(str(error)))
    except BrokenPipeError:
        return
    except BaseException:
        send(write, Broken(traceback.format_exc(limit=-6)))


def _know_addresses(annotator: Value) -> None:
    """Make our own file systems known to fsspec where a field may hold an address; loading fsspec takes 50 ms."""
    if "://" in annotator.fields:
        import_module("pipelines.store.address")


def _look(look: Look, requests: Sequence[Request], read: MediaReader) -> Sequence[Noted | BadSample]:
    subjects = [Subject(r.sample, r.media, r.offsets, r.notes, read) for r in requests]
    try:
        found = look(subjects)
    except (OstrakaError, ImportError, NotImplementedError):
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if len(requests) > 1:
            return [said for request in requests for said in _look(look, [request], read)]
        found = [_as_bad_sample(error)]
    if len(found) != len(requests):
        raise Unavailable(
            f"it answered for {len(found)} of {len(requests)} samples",
            remedy="answer for each, with BadSample if need be",
        )
    return found


def _answer(said: Noted | BadSample) -> Answer:
    return Failed(said.reason, said.detail[:500]) if isinstance(said, BadSample) else Found(said)


def _as_bad_sample(error: BaseException) -> BadSample:
    if isinstance(error, BadSample):
        return error
    if isinstance(error, MemoryError):
        return BadSample("resource", "MemoryError")
    return BadSample(snake_case(type(error).__name__), str(error))


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
