"""Values as data: an annotator, filter or work is named by its class and carried as JSON, never as a pickle."""

from __future__ import annotations

import importlib
import sys
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from annotators.annotator import Annotator
from schemas.errors import BadInput

ROOMS = ("schemas", "filters", "annotators", "pipelines", "trainer")


class Value(Struct, frozen=True):
    """A frozen value: where its class is, and its fields as JSON."""

    at: str
    fields: str

    def build(self) -> Any:
        """Return the value; raises BadInput where its class cannot be imported here."""
        return msgspec.json.decode(self.fields, type=load(self.at))


def value_of(thing: Struct) -> Value:
    """Return a frozen value as data, one form for equal values: a whole number in a float's field is a float."""
    kind = type(thing)
    typed = msgspec.json.decode(msgspec.json.encode(thing), type=kind)
    return Value(f"{kind.__module__}:{kind.__qualname__}", msgspec.json.encode(typed).decode())


def load(at: str) -> Any:
    """Import `package.module:name`; raises BadInput that names what is missing."""
    module_name, _, name = at.partition(":")
    if not module_name or not name:
        raise BadInput(f"{at!r} is not of the form package.module:name", remedy="say, for instance, mine.recipes:small")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise BadInput(
            f"the module {module_name!r} cannot be imported ({type(error).__name__}: {error})",
            remedy="run the command in the folder that holds it, or install it",
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise BadInput(f"{module_name} has no {part!r}")
        found = getattr(found, part)
    return found


def digest(*fields: str) -> str:
    """Return ten hex digits that name these fields."""
    seen = sha256()
    for field in fields:
        data = field.encode()
        seen.update(len(data).to_bytes(8, "big") + data)
    return seen.hexdigest()[:10]


def annotator_id(annotator: Annotator, ids_it_reads: tuple[str, ...]) -> str:
    """Return name@fingerprint: values, version, weights, the packages it is made with, and whose notes it reads.

    A class outside the rooms has its module's source in the fingerprint, since nobody raises its version for it.
    """
    value = value_of(annotator.identity())
    made_with = [f"{package}=={_version(package, annotator)}" for package in annotator.made_with]
    fields = [value.at, value.fields, str(annotator.version), *annotator.weights(), *made_with, *ids_it_reads]
    return f"{annotator.name}@{digest(*fields, source_of(type(annotator)))}"


def _version(package: str, annotator: Annotator) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise BadInput(
            f"it is made with {package}, which is not installed",
            where=f"annotator {annotator.name}",
            remedy=f"pip install 'ostraka[{annotator.extra}]'" if annotator.extra else f"pip install {package}",
        ) from None


def source_of(kind: type) -> str:
    """Return the source of the module that holds a class from outside the rooms."""
    if kind.__module__.partition(".")[0] in ROOMS:
        return ""
    path = getattr(sys.modules[kind.__module__], "__file__", None)
    if path is None:
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()
