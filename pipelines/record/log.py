"""The log: events as JSON, one a line on standard error, through the standard `logging`.

Quiet unless asked: `--log info` or OSTRAKA_LOG=info, which the processes that a run starts inherit. An event carries
the shard and the key it is about, names, counts and reasons; never a sample's text, and of an address never what opens
it.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime
from typing import IO, Any, Literal

import msgspec

from pipelines.record.failure import Failure
from schemas.errors import BadInput
from schemas.mask import masked_in

LEVEL = "OSTRAKA_LOG"
LEVELS = ("debug", "info", "warning")

Level = Literal["debug", "info", "warning"]

_logger = logging.getLogger("ostraka")
_NUMBERS = {name: getattr(logging, name.upper()) for name in LEVELS}


def event(
    name: str, /, *, level: Level = "info", shard: str = "", key: str = "", **fields: str | int | float | None
) -> None:
    """Tell that something happened, to whom and how much; costs next to nothing where nobody listens."""
    if _logger.isEnabledFor(_NUMBERS[level]):
        about = {name: value for name, value in (("shard", shard), ("key", key)) if value}
        _logger.log(_NUMBERS[level], name, extra={"fields": {**about, **fields}})


def failed(failure: Failure) -> None:
    """Tell that a sample failed, with what the run's record says of it."""
    event("failed", **msgspec.structs.asdict(failure))


def to_standard_error(level: str = "", stream: IO[str] | None = None) -> None:
    """Write the log to standard error, from a level on, here and in the processes started from here.

    Without a level the environment's counts, and else only warnings. Raises BadInput for a level that is none.
    """
    level = level or os.environ.get(LEVEL, "") or "warning"
    if level not in LEVELS:
        raise BadInput(f"{level!r} is no level of the log", where=LEVEL, remedy=f"give one of {', '.join(LEVELS)}")
    _logger.handlers = [_Lines(stream)]
    _logger.setLevel(_NUMBERS[level])
    os.environ[LEVEL] = level


def level() -> str:
    """Return the level from which on events are told."""
    return next((name for name in LEVELS if _logger.isEnabledFor(_NUMBERS[name])), "warning")


class _Lines(logging.Handler):
    """Writes a line an event: when, how grave, what; then the shard, the key and the rest."""

    def __init__(self, stream: IO[str] | None) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stream = self._stream or sys.stderr
            stream.write(f"{_line(record)}\n")
            stream.flush()
        except Exception:
            self.handleError(record)


def _line(record: logging.LogRecord) -> str:
    told: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": record.getMessage(),
        **getattr(record, "fields", {}),
    }
    if record.exc_info:
        told["error"] = logging.Formatter().formatException(record.exc_info)
    return msgspec.json.encode(masked_in(told)).decode()
