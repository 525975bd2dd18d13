"""Syncing a desk's folder with its editor, once or for as long as somebody follows."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from annotators.desk.label_studio.door import Door
from annotators.desk.label_studio.http import Editor, Secret
from annotators.desk.label_studio.server import find
from annotators.desk.label_studio.sync import About, Passed, Sync
from annotators.desk.ledger import Ledger
from pipelines.desk.folder import Folder, now_ms
from pipelines.desk.media import SERVED, shown_of
from schemas.errors import BadInput, Unavailable

WHOLE_EVERY = 15
"""So many quick passes, and a whole one, which finds deletions and lost tasks too."""


def url_of(at: Folder) -> str:
    """Return where the desk's editor is; raises BadInput where its own server does not run."""
    if at.settings.editor:
        return at.settings.editor
    running = find(at.path)
    if running is None:
        remedy = f"ostraka desk up --at {at.path}, or name one elsewhere: ostraka desk ask --editor URL"
        raise BadInput("no Label Studio runs for this desk", where=at.path, remedy=remedy)
    return running.url


def name_of(at: Folder, ledger: Ledger) -> str:
    """Return the desk's name on a server, with the beginning of its log's chain: another desk of that name is apart."""
    first = next(iter(ledger.rows()), None)
    if first is None:
        raise BadInput("nothing is asked yet", where=at.path, remedy="begin with ostraka desk ask LAYER")
    return f"{at.settings.name}~{first.chain[:6]}"


@contextmanager
def open_sync(at: Folder, ledger: Ledger, token: Callable[[], str], any_version: bool) -> Iterator[Sync]:
    """Open what syncs a desk; raises BadInput for a wrong token, or another version of the server."""
    own = not at.settings.editor
    with Editor(url_of(at), Secret(token())) as editor:
        editor.check(any_version=any_version)
        about = About(
            name_of(at, ledger),
            at.sheets(),
            at.older_sheets(),
            {name: at.guideline(layer.guideline) for name, layer in ledger.state.layers.items()},
            at.settings.people,
            partial(shown_of, at.media, at.settings.media_url or SERVED),
            at.media if own else "",
        )
        yield Sync(ledger, editor, about, now_ms)


def following(at: Folder, ledger: Ledger, sync: Sync, each: int, every_s: float) -> Iterator[Passed]:
    """Yield pass after pass, until the desk's layers or people change: then it is to be opened anew.

    Passes come at once where the server says that something changed, and every so often in any case. A server that is
    down is asked again for as long as it takes; what it did not say meanwhile is found later.
    """
    layers = dict(ledger.state.layers)
    with Door(Secret(secrets.token_hex(16))) as door:
        hooked, quick = frozenset[int](), 0
        while Folder(at.path).settings == at.settings and ledger.refresh().layers == layers:
            hints = door.hints(every_s)
            quick = 0 if quick >= WHOLE_EVERY else quick + 1
            try:
                passed = sync.quick(each, hints) if quick else sync.whole(each)
                if not at.settings.editor:
                    _hook(sync, door, frozenset(passed.projects) - hooked)
                hooked = frozenset(passed.projects)
            except Unavailable as error:
                hooked, quick = frozenset(), WHOLE_EVERY
                passed = Passed(broken=str(error))
                time.sleep(min(every_s, 10.0))
            yield passed


def _hook(sync: Sync, door: Door, projects: frozenset[int]) -> None:
    """Ask the server to say when a project changes; one that may not call this machine is asked from time to time."""
    with suppress(BadInput):
        for project in projects:
            door.ask_for_hooks(sync.editor, project)
