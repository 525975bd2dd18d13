"""People of a desk: their names on record, their addresses on the server, and how they come in."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping

import msgspec
from msgspec import Struct

from annotators.desk.events import Role
from annotators.desk.label_studio.http import Editor, Secret
from annotators.desk.label_studio.people import invitation, sign_up
from annotators.desk.label_studio.people import people as on_server
from annotators.desk.ledger import Ledger
from annotators.desk.state import Person
from pipelines.desk.folder import Folder, now_ms
from pipelines.desk.syncing import url_of
from schemas.errors import BadInput

DOMAIN = "example.com"
"""Of addresses that nobody gave: the server wants one, and sends nothing there."""


class Change(Struct, frozen=True):
    """What is to be of people; what is empty or None stays."""

    roles: tuple[Role, ...] = ()
    layers: tuple[str, ...] = ()
    cost: float | None = None
    pause: str | None = None
    resume: bool = False
    retake: str = ""


class Key(Struct, frozen=True):
    """How somebody signs in; the file that holds it is the desk's user's alone to read."""

    url: str
    email: str
    password: str
    token: str = ""


def put_people(
    at: Folder, named: Mapping[str, str], change: Change, token: Callable[[], str]
) -> Iterator[tuple[str, str]]:
    """Add people, or change them, and yield what was done with each; `named` gives addresses, empty where none is.

    Whoever is new is signed up at the desk's own server; a call that was broken off is made again.
    """
    with at.ledger() as ledger:
        for name, email in named.items():
            known = ledger.state.people.get(name)
            _record(ledger, name, known, change)
            said = [_came_in(at, name, email, token)] if email or name not in at.settings.people else []
            yield name, ", ".join([*said, *_changed(ledger, name, change)])


def _record(ledger: Ledger, name: str, known: Person | None, change: Change) -> None:
    if known is None and (change.resume or change.retake or change.pause is not None) and not change.roles:
        raise BadInput(f"nobody here is called {name!r}", remedy="add the person first, without --pause and the like")
    roles = change.roles or (known.roles if known else ("annotator",))
    layers = change.layers or (known.layers if known else ())
    cost = change.cost if change.cost is not None else known.cost_per_hour if known else 0.0
    ledger.set_person(name, roles, now_ms(), layers, cost)


def _changed(ledger: Ledger, name: str, change: Change) -> Iterator[str]:
    if change.pause is not None:
        ledger.pause(name, change.pause, now_ms())
        yield "paused"
    if change.resume:
        ledger.resume(name, now_ms())
        yield "works again"
    if change.retake:
        ledger.retake(name, change.retake, now_ms())
        yield f"may take the exam of {change.retake} again"
    yield ", ".join(ledger.state.people[name].roles)


def _came_in(at: Folder, name: str, given: str, token: Callable[[], str]) -> str:
    """Let somebody in, and return what was done."""
    email = given or f"{name}@{DOMAIN}"
    if taken := [other for other, one in at.settings.people.items() if one.lower() == email.lower() and other != name]:
        raise BadInput(f"{email} is {taken[0]}", where=f"person {name!r}", remedy="give another address")
    with Editor(url_of(at), Secret(token())) as editor:
        there = email.lower() in {one.lower() for one in on_server(editor).values()}
        said = f"{email} is there already"
        if not there and at.settings.editor:
            said = f"has yet to sign up at {at.settings.editor} as {email}"
        elif not there:
            key = _key(at, name) or Key(editor.url, email, secrets.token_urlsafe(12))
            _keep(at, name, key)
            made = sign_up(invitation(editor), editor.url, email, Secret(key.password))
            _keep(at, name, msgspec.structs.replace(key, token=made.shown))
            said = f"signed up as {email}; the password lies in {key_path(at, name)}"
    at.change(people=at.settings.people | {name: email})
    return said


def key_path(at: Folder, name: str) -> str:
    """Return where somebody's key lies."""
    return os.path.join(at.path, "people", f"{name}.json")


def _key(at: Folder, name: str) -> Key | None:
    try:
        with open(key_path(at, name), "rb") as file:
            return msgspec.json.decode(file.read(), type=Key)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _keep(at: Folder, name: str, key: Key) -> None:
    """Write a key whole or not at all, to a file that nobody else may read: mkstemp makes no other."""
    folder = os.path.dirname(key_path(at, name))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    number, path = tempfile.mkstemp(dir=folder)
    with os.fdopen(number, "wb") as file:
        file.write(msgspec.json.encode(key))
        file.flush()
        os.fsync(file.fileno())
    os.replace(path, key_path(at, name))
