"""Engines by name: local, ray, beam. What a name needs is imported when it is asked for."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from pipelines.engines.engine import Engine
from pipelines.engines.local import Local
from schemas.errors import BadInput

ENGINES = ("local", "ray", "beam")


class Asked(Struct, frozen=True):
    """Which engine, as the command line asks for it; empty and 0 where it does not say.

    `address`, of a Ray cluster; `runner`, `beam_options` and `beam_temp`, of Beam; `wait_s`, of both.
    """

    engine: str = "local"
    workers: int = 1
    address: str = ""
    runner: str = ""
    beam_options: tuple[str, ...] = ()
    beam_temp: str = ""
    wait_s: float = 0.0


def engine_of(asked: Asked) -> Engine:
    """Return the engine; raises BadInput where it is not installed, or an option belongs to another."""
    belongs = {"address": "ray", "runner": "beam", "beam_options": "beam", "beam_temp": "beam"}
    for option, engine in belongs.items():
        if getattr(asked, option) and asked.engine != engine:
            raise BadInput(f"{option.replace('_', ' ')} is for --engine {engine}", where=f"--engine {asked.engine}")
    if asked.wait_s and asked.engine == "local":
        raise BadInput("--wait-s is for --engine ray or beam", where="--engine local")
    given: dict[str, Any] = {"wait_s": asked.wait_s} if asked.wait_s else {}
    if asked.engine == "ray":
        _need("ray", "ray")
        from pipelines.engines.on_ray import Ray

        return Ray(asked.workers, asked.address, **given)
    if asked.engine == "beam":
        _need("apache_beam", "beam")
        from pipelines.engines.on_beam import IN_PROCESS, Beam

        return Beam(asked.workers, asked.runner or IN_PROCESS, asked.beam_options, asked.beam_temp, **given)
    return Local(asked.workers)


def _need(package: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise BadInput(
            "it is not installed", where=f"--engine {extra}", remedy=f"pip install 'ostraka[{extra}]', on workers too"
        )
