"""The projects of a desk on a server, and what each of them is for, as their descriptions say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, cast

from msgspec import Struct

from annotators.desk.events import Role
from annotators.desk.label_studio.http import Editor
from annotators.desk.label_studio.project import Project
from annotators.desk.label_studio.review import review_sheet
from annotators.desk.label_studio.sheet import Sheet

Purpose = Literal["annotate", "review", "adjudicate"]
PURPOSES: Mapping[Role, Purpose] = {"annotator": "annotate", "reviewer": "review", "adjudicator": "adjudicate"}
_MARKS = re.compile(r"ostraka desk=(\S*) purpose=(annotate|review|adjudicate) person=(\S*) sheet=(\S+)")


class Owned(Struct, frozen=True):
    """A project of a desk: whose it is, what for, and the sheet that is asked, None where nobody knows it any more.

    `sheet` is the layer's own, in a review too. `made` is when the server made the project.
    """

    id: int
    purpose: Purpose
    person: str
    fingerprint: str
    sheet: Sheet | None
    made: str

    @property
    def role(self) -> Role:
        return next(role for role, purpose in PURPOSES.items() if purpose == self.purpose)


def owned_projects(editor: Editor, desk: str, sheets: Sequence[Sheet]) -> list[Owned]:
    """Return a desk's projects on a server; those of other desks, and of nobody, are passed over."""
    known = {shown.fingerprint: sheet for sheet in sheets for shown in (sheet, review_sheet(sheet))}
    found = list[Owned]()
    for project in editor.pages("/api/projects/", "results", include="id,description,created_at"):
        marks = _MARKS.fullmatch(project["description"] or "")
        if marks and marks[1] == desk:
            purpose, fingerprint = cast(Purpose, marks[2]), marks[4]
            about = (purpose, marks[3], fingerprint, known.get(fingerprint), str(project["created_at"]))
            found.append(Owned(int(project["id"]), *about))
    return found


def project_of(desk: str, sheet: Sheet, person: str, role: Role) -> Project:
    """Return the project in which a person works on a sheet in a role."""
    return Project(desk, review_sheet(sheet) if role == "reviewer" else sheet, person, PURPOSES[role])
