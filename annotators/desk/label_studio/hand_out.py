"""Handing out: what people hold lies in the editor, each in a project of the person's own, and nothing else does.

A lease is written before its task is sent. Whoever is killed in between leaves a lease without a task, which the next
pass sends; a task that was sent and not written down is found again by its ticket.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from annotators.desk.item import Item, Notes
from annotators.desk.label_studio.http import Editor, NotThereError
from annotators.desk.label_studio.owned import Owned, project_of
from annotators.desk.label_studio.project import Changed, open_project, send_tasks
from annotators.desk.label_studio.review import review_sheet
from annotators.desk.label_studio.sheet import Sheet
from annotators.desk.label_studio.task import Said, Shown, Task, make_task
from annotators.desk.ledger import Ledger
from annotators.desk.tasks import Task as Held

Shows = Callable[[Item], Shown]
"""Says what of a sample is shown for an item."""


def top_up(ledger: Ledger, each: int, now_ms: int) -> int:
    """Lease to everybody who may work what comes next, up to `each` items in every role; return how many."""
    taken = 0
    for person in list(ledger.refresh().people.values()):
        if person.paused:
            continue
        for role in person.roles:
            free = each - len(ledger.held(person.name, role))
            taken += len(ledger.take(person.name, role, now_ms, most=free)) if free > 0 else 0
    return taken


def send_held(
    ledger: Ledger,
    editor: Editor,
    desk: str,
    sheets: Mapping[str, Sheet],
    shows: Shows,
    guidelines: Mapping[str, str],
    media: str,
    there: frozenset[str],
    now_ms: int,
) -> int:
    """Send what is held and is not `there`, the tasks that the editor has; return how many were sent.

    `sheets` and `guidelines` are those in force, by layer. Raises Unavailable where the server breaks off: what was
    sent until then is known by its ticket.
    """
    waiting = defaultdict[tuple[str, str, str], list[Held]](list)
    for held in ledger.held():
        if held.task not in there and held.layer.name in sheets:
            waiting[held.layer.name, held.person, held.role].append(held)
    for (layer, person, _), every in waiting.items():
        sheet, role = sheets[layer], every[0].role
        project = open_project(editor, project_of(desk, sheet, person, role), media)
        tasks = {one.item.id: editor_task(sheet, one, shows(one.item), guidelines.get(layer, "")) for one in every}
        sent = send_tasks(editor, project, list(tasks.values()))
        with ledger.together(now_ms):
            for one in every:
                number = sent[tasks[one.item.id].ticket]
                ledger.sent(one.item.id, person, role, f"{project}/{number}", now_ms)
    return sum(map(len, waiting.values()))


def editor_task(sheet: Sheet, held: Held, shown: Shown, guideline: str) -> Task:
    """Return what a person holds as the editor's task."""
    said = [Said(by, tuple(note for note in held.item.machine if note.by == by)) for by in _models(held.item.machine)]
    if held.role == "annotator":
        own = [Said("what you wrote before", one.notes) for one in held.shown]
        said = own or said
        back = "".join(f"It came back to you: {one.comment}\n\n" for one in held.shown)
        guideline, asked, ticket = back + guideline, sheet, _round(held)
    elif held.role == "reviewer":
        said = [Said("what is judged", one.notes) for one in held.shown]
        asked, ticket = review_sheet(sheet), f"{held.item.id} version {held.shown[0].version}"
    else:
        said = [Said(f"annotator {place}", one.notes) for place, one in enumerate(held.shown, 1)]
        asked = sheet
        ticket = f"{held.item.id} versions {' '.join(one.version for one in held.shown)}"
    return make_task(
        asked, held.item.id, shown, said, guideline=guideline, guideline_version=held.layer.guideline, ticket=ticket
    )


def _models(machine: Notes) -> list[str]:
    return sorted({note.by for note in machine})


def _round(held: Held) -> str:
    return f"{held.item.id} round {held.round}" if held.round else held.item.id


def take_back(ledger: Ledger, editor: Editor, owned: Owned, listed: Sequence[Changed]) -> int:
    """Delete from a project the tasks that its person holds no longer and never began; return how many."""
    held = {one.task for one in ledger.held(owned.person, owned.role)}
    removed = 0
    for task in listed:
        if task.item and not task.annotations and not task.is_begun and f"{owned.id}/{task.task}" not in held:
            try:
                editor.send("DELETE", f"/api/tasks/{task.task}/", None)
            except NotThereError:
                continue
            removed += 1
    return removed
