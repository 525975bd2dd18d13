"""A worker's own side: a process that opens one work, answers its tasks in turn, and ends when its parent is gone."""

from __future__ import annotations

import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

from schemas.errors import OstrakaError, Unavailable
from trainer.workers.handed import hand, take
from trainer.workers.work import Raised, Work


def main(number: int) -> None:
    """Take the work, then answer what comes, each task with what was raised where the work did not open.

    A socket that is closed over tasks nobody read may lose its last word, so nothing ends but by its parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = socket.socket(fileno=number)
    with suppress(EOFError, BrokenPipeError):
        work: Work = take(parent)
        with ExitStack() as stack:
            do = answered(lambda: stack.enter_context(work.open()))
            while True:
                task = take(parent)
                hand(parent, do if isinstance(do, Raised) else answered(partial(do, task)))


def answered(do: Callable[[], Any]) -> Any:
    """Return what is answered, or what was raised instead."""
    try:
        return do()
    except OstrakaError as error:
        return Raised(error)
    except Exception:
        return Raised(Unavailable(f"a worker failed: {traceback.format_exc(limit=-6)}"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
