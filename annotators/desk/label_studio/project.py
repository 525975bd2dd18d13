"""Projects of the editor: one for a sheet and a person, found again by what its description says of it.

Tasks go out in batches and are never sent twice: what is there already, by its ticket, is passed over, so a server that
was down in the middle is sent the rest by the same call. What people did comes back by asking for the tasks that
changed; a webhook is but a hint to ask now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from annotators.desk.label_studio.config import config
from annotators.desk.label_studio.http import Editor, Json
from annotators.desk.label_studio.sheet import Sheet
from annotators.desk.label_studio.task import GUIDELINE, ITEM, SHEET, TICKET, Task

BATCH = 500
_OVERLAP = timedelta(seconds=120)
"""So much is asked for again each time: a change may be stamped before it can be seen."""


class Project(Struct, frozen=True):
    """What a project is for; two desks on one server do not see each other's."""

    desk: str
    sheet: Sheet
    person: str = ""
    purpose: str = "annotate"

    @property
    def marks(self) -> str:
        """What the project's description says, by which it is found again."""
        return f"ostraka desk={self.desk} purpose={self.purpose} person={self.person} sheet={self.sheet.fingerprint}"

    @property
    def title(self) -> str:
        """What people see in their list; the editor takes 50 characters."""
        return " ".join(
            part for part in (self.desk.partition("~")[0], self.sheet.name, self.purpose, self.person) if part
        )[:50]


class Annotation(Struct, frozen=True):
    """What a person submitted or skipped: `external` names it in the whole desk, `updated` is the server's stamp.

    Its name holds when it was made, and no address: a server may move to another port, or be made anew.
    """

    external: str
    updated: str
    by: int
    result: object
    is_skipped: bool
    spent_s: float


class Changed(Struct, frozen=True):
    """A task that changed, with all that stands in it now: an annotation that is not here any more was deleted.

    `is_begun` says whether somebody has a draft of it.
    """

    task: int
    item: str
    sheet: str
    updated: str
    annotations: tuple[Annotation, ...]
    ticket: str = ""
    guideline: str = ""
    is_begun: bool = False


def open_project(editor: Editor, project: Project, media: str = "") -> int:
    """Return the id of a project on the server, which is made where it is not there yet.

    `media` is the folder of proxies and pictures that a server of our own may show to it.
    """
    for found in editor.pages("/api/projects/", "results", include="id,description"):
        if found["description"] == project.marks:
            return int(found["id"])
    about: dict[str, Any] = {
        "title": project.title,
        "description": project.marks,
        "label_config": config(project.sheet),
    }
    about |= {"show_skip_button": True, "enable_empty_annotation": False, "show_collab_predictions": True}
    made = int(editor.send("POST", "/api/projects/", about)["id"])
    if media:
        storage = {"project": made, "path": media, "use_blob_urls": True, "title": "media", "regex_filter": ".*"}
        editor.send("POST", "/api/storages/localfiles/", storage)
    return made


def sent_items(editor: Editor, project: int) -> dict[str, int]:
    """Return the task of each ticket that is in a project."""
    found = editor.pages("/api/tasks/", "tasks", project=project, include="id,data", fields="task_only")
    return {_ticket(task["data"]): int(task["id"]) for task in found if ITEM in task["data"]}


def _ticket(data: Json) -> str:
    return str(data.get(TICKET, data.get(ITEM, "")))


def send_tasks(editor: Editor, project: int, tasks: Sequence[Task]) -> dict[str, int]:
    """Send the tasks whose tickets are not in the project, and return the task of each ticket.

    Raises Unavailable where the server breaks off; the same call sends what is missing.
    """
    there = sent_items(editor, project)
    new = [task for task in {task.ticket: task for task in tasks}.values() if task.ticket not in there]
    for first in range(0, len(new), BATCH):
        batch = new[first : first + BATCH]
        body = [{"data": task.data, "predictions": task.predictions} for task in batch]
        ids = editor.send("POST", f"/api/projects/{project}/import", body, return_task_ids="true")["task_ids"]
        there |= {task.ticket: int(one) for task, one in zip(batch, ids, strict=True)}
    return {task.ticket: there[task.ticket] for task in tasks}


def changes(editor: Editor, project: int, since: str = "") -> tuple[list[Changed], str]:
    """Return the tasks that changed since a stamp, and the stamp to ask from next time.

    Edits, skips and deletions all change a task. Stamps are the server's own, so its clock alone counts; some time is
    asked for again, and whoever takes the answer has to know what he has seen.
    """
    query: dict[str, Any] = {"project": project, "fields": "all", "resolve_uri": "false"}
    if since:
        after = (datetime.fromisoformat(since) - _OVERLAP).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        item = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": after}
        query["query"] = msgspec.json.encode({"filters": {"conjunction": "and", "items": [item]}}).decode()
    found = [_changed(task, project) for task in editor.pages("/api/tasks/", "tasks", **query)]
    return found, max([since, *(one.updated for one in found)])


def _changed(task: Json, project: int) -> Changed:
    annotations = [
        Annotation(
            f"ls:{project}/{one['id']}/{one['created_at']}/{task['id']}",
            one["updated_at"],
            int(one["completed_by"]),
            one["result"],
            bool(one["was_cancelled"]),
            float(one["lead_time"] or 0.0),
        )
        for one in task["annotations"]
    ]
    data = task["data"]
    return Changed(
        int(task["id"]),
        str(data.get(ITEM, "")),
        str(data.get(SHEET, "")),
        task["updated_at"],
        tuple(annotations),
        _ticket(data),
        str(data.get(GUIDELINE, "")),
        bool(task.get("draft_exists") or task.get("drafts")),
    )
