"""Work on its way to another machine, and its answers on their way back: data both ways, never a pickle.

Work is its class's path and its fields as JSON. An answer is msgpack, of the type that the work's `open` is
annotated to yield; plain data where it is not annotated.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from annotators.annotator import Annotator, Needs
from pipelines.engines.engine import Work
from pipelines.engines.far import RAISED, RefusedError, modules_stamp, packages_stamp
from pipelines.recipes.value import Value, value_of
from pipelines.record import log
from pipelines.record.stamp import PACKAGES, ROOMS
from schemas import errors
from schemas.errors import BadInput, OstrakaError, Unavailable


class Carried:
    """Work with what a worker must have in common with this process.

    `modules`: the rooms and the user's own, each by its name as it is imported. Raises BadInput where a class of the
    work stands in a script that is run, which no other process can import.
    """

    def __init__(self, work: Work) -> None:
        value = value_of(cast(Struct, work))
        named = [value.at, *(one.at for _, one in _steps(work))]
        self.modules = (*ROOMS, *sorted(_own_modules(named)))
        self.needs: Needs = getattr(work, "needs", Needs())
        made_with = [package for one in _annotators(work) for package in one.made_with]
        packages = dict.fromkeys(name for name in (*PACKAGES, *made_with) if name != "ostraka")
        self.parcel = msgspec.json.encode(
            {
                "modules": modules_stamp(self.modules),
                "packages": packages_stamp(packages),
                "log": log.level(),
                "at": value.at,
                "fields": value.fields,
            }
        ).decode()
        self._answer = msgspec.msgpack.Decoder(_answer_type(work), dec_hook=_counter)

    def answer(self, kind: str, data: bytes) -> Any:
        """Return a worker's answer, or raise what it raised."""
        if kind == RAISED:
            raise _error(msgspec.json.decode(data))
        return self._answer.decode(data)


@contextmanager
def opened(parcel: Mapping[str, Any]) -> Iterator[Callable[[str], bytes]]:
    """In a worker whose stamp is the driver's: build the work, open it, and yield what answers in msgpack."""
    if parcel["log"] != log.level():
        log.to_standard_error(parcel["log"])
    work: Work = Value(parcel["at"], parcel["fields"]).build()
    with work.open() as do:
        yield lambda shard: msgspec.msgpack.encode(do(shard))


def folder_of(module: str) -> str:
    """Return the path of a top-level module as it is imported: its folder, or its one file."""
    path = os.path.abspath(import_module(module).__file__ or "")
    return os.path.dirname(path) if os.path.basename(path) == "__init__.py" else path


def _steps(work: Work) -> tuple[tuple[str, Value], ...]:
    spec = getattr(work, "spec", None)
    return spec.steps if spec is not None else ()


def _annotators(work: Work) -> list[Annotator]:
    return [value.build() for kind, value in _steps(work) if kind == "annotate"]


def _own_modules(named: list[str]) -> set[str]:
    """Return the top-level modules outside the rooms that hold these classes, and those imported from beside them."""
    own = {at.partition(":")[0].partition(".")[0] for at in named} - {*ROOMS}
    if "__main__" in own:
        raise BadInput("its classes stand in the script that is run", remedy="move them to a module of their own")
    beside = {os.path.dirname(folder_of(name)) for name in own}
    beside = {folder for folder in beside if os.path.basename(folder) not in ("site-packages", "dist-packages")}
    loaded = [name for name, module in sys.modules.items() if "." not in name and getattr(module, "__file__", None)]
    return own | {name for name in loaded if os.path.dirname(folder_of(name)) in beside} - {*ROOMS, "__main__"}


def _answer_type(work: Work) -> Any:
    said = get_type_hints(type(work).open).get("return", Any)
    arguments = get_args(said) and get_args(get_args(said)[0])
    return arguments[-1] if arguments else Any


def _counter(kind: Any, data: Any) -> Any:
    if get_origin(kind) is not Counter:
        raise NotImplementedError(f"an answer cannot hold {kind}")
    return Counter(msgspec.convert(data, dict[get_args(kind)[0], int]))  # type: ignore[misc]


def _error(said: dict[str, Any]) -> Exception:
    kind = said["kind"]
    if kind == "OSError":
        return OSError(said["errno"], said["what"], said["where"] or None)
    if not kind:
        return RuntimeError(f"in a worker:\n{said['what']}")
    found = Unavailable if kind == RefusedError.__name__ else getattr(errors, kind, OstrakaError)
    return found(said["what"], where=said["where"], remedy=said["remedy"])
