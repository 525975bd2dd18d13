"""Shards in, checkpoints out; this room meets the pipelines on disk alone.

What a training loop of your own needs is here by name, and imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.data.given import Given as Given
    from trainer.data.opened import open_stream as open_stream
    from trainer.data.replaced_log import ReplacedLog as ReplacedLog
    from trainer.data.stream import Loading as Loading
    from trainer.data.stream_state import read_state as read_state
    from trainer.data.stream_state import state_json as state_json
    from trainer.model.pack import pack as pack

_FROM = {
    "Given": "trainer.data.given",
    "Loading": "trainer.data.stream",
    "ReplacedLog": "trainer.data.replaced_log",
    "open_stream": "trainer.data.opened",
    "pack": "trainer.model.pack",
    "read_state": "trainer.data.stream_state",
    "state_json": "trainer.data.stream_state",
}


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FROM[name]), name)
