"""A worker on another machine: it compares its stamp with the driver's before it builds any work.

This file travels by value, so that it also runs where another ostraka is installed, or none. Until the stamps agree it
needs nothing but the standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from importlib import metadata, util

ANSWER, RAISED = "answer", "raised"
MISSING = "missing"


class RefusedError(Exception):
    """This worker does not run the driver's code."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.where, self.remedy = what, f"worker on {platform.node()}", remedy
        super().__init__(what)


class Worker:
    """Does shards of the work in a parcel, the JSON of `carried`; what goes wrong is an answer too."""

    def __init__(self, parcel: str) -> None:
        self._parcel, self._stack = json.loads(parcel), ExitStack()
        self._do: Callable[[str], bytes] | None = None
        self._wrong = b""

    def open(self) -> None:
        """Compare the stamps, then build the work and open it; once per worker."""
        try:
            _compare(self._parcel["modules"], self._parcel["packages"])
            from pipelines.engines.carried import opened

            self._do = self._stack.enter_context(opened(self._parcel))
        except Exception as error:
            self._wrong = _told(error)

    def do(self, shard: str) -> tuple[str, bytes]:
        """Return ANSWER with the answer as msgpack, or RAISED with the error as JSON."""
        if self._do is None:
            return RAISED, self._wrong
        try:
            return ANSWER, self._do(shard)
        except Exception as error:
            return RAISED, _told(error)

    def close(self) -> None:
        """Leave the work."""
        self._stack.close()


def is_held(folder: str) -> bool:
    """Say whether the driver lives whose temporary folder on this machine this is: it holds the folder's lock."""
    try:
        with open(os.path.join(folder, ".held"), "rb") as held:
            fcntl.flock(held.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def modules_stamp(names: Iterable[str]) -> dict[str, str]:
    """Return a digest of each module's Python files, as this process would import them."""
    return {name: _digest(name) for name in names}


def packages_stamp(names: Iterable[str]) -> dict[str, str]:
    """Return the version of Python and of each package."""
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def _compare(modules: dict[str, str], packages: dict[str, str]) -> None:
    here = {**modules_stamp(modules), **packages_stamp(name for name in packages if name != "python")}
    differs = [
        f"{name} (driver {driver}, worker {here[name]})"
        for name, driver in {**modules, **packages}.items()
        if here[name] != driver
    ]
    if differs:
        raise RefusedError(
            f"it does not run what the driver runs: {', '.join(differs)}",
            "install the driver's ostraka there, with its constraints.txt",
        )


def _digest(name: str) -> str:
    try:
        spec = util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return MISSING
    seen = hashlib.sha256()
    for path, within in sorted(
        _files(list(spec.submodule_search_locations or []), spec.origin), key=lambda one: one[1]
    ):
        with open(path, "rb") as file:
            seen.update(f"{within} {hashlib.sha256(file.read()).hexdigest()}\n".encode())
    return seen.hexdigest()[:10]


def _files(folders: list[str], origin: str | None) -> Iterator[tuple[str, str]]:
    if not folders and origin:
        yield origin, os.path.basename(origin)
    for folder in folders:
        for here, _, names in os.walk(folder):
            for name in names:
                if name.endswith(".py"):
                    path = os.path.join(here, name)
                    yield path, os.path.relpath(path, folder).replace(os.sep, "/")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return MISSING


def _told(error: Exception) -> bytes:
    """Return an error as data: those that say what, where and what to do as they are, others with their traceback."""
    if hasattr(error, "remedy"):
        said = {name: str(getattr(error, name)) for name in ("what", "where", "remedy")}
        return json.dumps({"kind": type(error).__name__, **said}).encode()
    if isinstance(error, OSError) and error.errno is not None:
        told = {"errno": error.errno, "what": error.strerror or "", "where": str(error.filename or "")}
        return json.dumps({"kind": "OSError", **told}).encode()
    return json.dumps({"kind": "", "what": "".join(traceback.format_exception(error))}).encode()
