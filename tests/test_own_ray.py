"""A Ray of our own: its workers have the environment of each map, not the one that it was first started in."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.engines.on_ray import Ray

ray = pytest.importorskip("ray")

WORK = '''
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from msgspec import Struct

class Tells(Struct, frozen=True):
    """Answers with what the environment holds under a name."""

    name: str

    @contextmanager
    def open(self) -> Iterator[Callable[[str], str]]:
        yield lambda shard: os.environ.get(self.name, "")
'''


@pytest.fixture
def tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "tells_environment.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("tells_environment").Tells
    sys.modules.pop("tells_environment")
    ray.shutdown()


def test_credentials_that_change_between_two_maps_reach_the_workers(
    tells: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for profile in ("first", "second"):
        monkeypatch.setenv("AWS_PROFILE", profile)
        assert dict(Ray(1).map(tells("AWS_PROFILE"), ["000000"])) == {"000000": profile}
