"""People at a desk, simulated through the editor's own interface: each signs in with an own token and submits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from annotators.desk.label_studio.http import Editor, Secret
from annotators.desk.label_studio.owned import Owned, owned_projects
from annotators.desk.label_studio.project import Changed, changes
from annotators.desk.label_studio.regions import to_regions
from annotators.desk.label_studio.review import COMMENT, TAG, VERDICT, review_sheet
from annotators.desk.label_studio.sheet import Sheet
from annotators.desk.label_studio.task import Shown
from annotators.desk.ledger import Ledger
from pipelines.commands.desk import desk
from pipelines.desk.folder import Folder
from pipelines.desk.media import shown_of
from pipelines.desk.people import Key, key_path
from pipelines.desk.syncing import name_of, open_sync, url_of
from schemas.note import Note

Says = Callable[[str, Shown], Sequence[Note]]
"""What somebody says about an item's sample, by layer, looking at what is shown."""


class Desk:
    """A desk in a folder, with the tokens of everybody who works there."""

    def __init__(self, folder: Path, token: str) -> None:
        self.folder, self._token = str(folder), token
        self.runner = CliRunner(env={"OSTRAKA_DESK_TOKEN": token, "OSTRAKA_DESK": str(folder)})

    def do(self, *arguments: str) -> str:
        """Run `ostraka desk ...`, and return what it prints."""
        ended = self.runner.invoke(desk, list(arguments))
        if ended.exception and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        assert ended.exit_code == 0, ended.output
        assert self._token not in ended.output
        return ended.output

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        with Folder(self.folder).ledger() as ledger:
            yield ledger

    @contextmanager
    def syncing(self, ledger: Ledger) -> Iterator[Any]:
        with open_sync(Folder(self.folder), ledger, lambda: self._token, False) as sync:
            yield sync

    @contextmanager
    def editor(self, person: str = "") -> Iterator[Editor]:
        """Open the editor as a person, or as the desk."""
        token = self._token
        if person:
            key = msgspec.json.decode(Path(key_path(Folder(self.folder), person)).read_bytes(), type=Key)
            token = key.token
        with Editor(url_of(Folder(self.folder)), Secret(token)) as editor:
            yield editor

    def tasks(self, person: str, purpose: str = "annotate") -> list[tuple[Owned, Changed]]:
        """Return what lies before a person, with the layer that it is of."""
        at = Folder(self.folder)
        with self.ledger() as ledger, self.editor() as editor:
            mine = [
                one
                for one in owned_projects(editor, name_of(at, ledger), at.older_sheets())
                if (one.person, one.purpose) == (person, purpose)
            ]
            return [(one, task) for one in mine for task in changes(editor, one.id)[0]]

    def shown(self, item: str) -> Shown:
        with self.ledger() as ledger:
            return shown_of(Folder(self.folder).media, "", ledger.state.work[item].item)

    def annotate(self, person: str, says: Says, purpose: str = "annotate", by: str = "") -> list[int]:
        """Submit on every open task of a person, or as somebody else, what is said; return the annotations' numbers."""
        made = list[int]()
        for owned, task in self.tasks(person, purpose):
            assert owned.sheet is not None
            if not task.annotations:
                notes = says(owned.sheet.name, self.shown(task.item))
                if notes:
                    made.append(self.submit(by or person, task.task, self.regions(owned.sheet, task.item, notes)))
        return made

    def judge(self, person: str, verdict: Callable[[str, Shown], tuple[str, str, str, Sequence[Note]]]) -> int:
        """Judge every open review of a person with a verdict, a comment, a tag and notes; return how many."""
        count = 0
        for owned, task in self.tasks(person, "review"):
            assert owned.sheet is not None
            if task.annotations:
                continue
            said, comment, tag, notes = verdict(owned.sheet.name, self.shown(task.item))
            over = [(VERDICT, said), (COMMENT, comment), (TAG, tag)]
            every = (*(Note(name, value) for name, value in over if value), *notes)
            self.submit(person, task.task, self.regions(review_sheet(owned.sheet), task.item, every))
            count += 1
        return count

    def regions(self, sheet: Sheet, item: str, notes: Sequence[Note]) -> list[dict[str, Any]]:
        sent = to_regions(sheet, notes, self.shown(item).clip)
        assert not sent.left_out, sent.left_out
        return list(sent.regions)

    def submit(self, person: str, task: int, result: object, **more: object) -> int:
        with self.editor(person) as editor:
            body = {"result": result, "lead_time": 30.0, **more}
            return int(editor.send("POST", f"/api/tasks/{task}/annotations/", body)["id"])
