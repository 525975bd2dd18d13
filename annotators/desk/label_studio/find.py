"""The sheet of a name: one of the desk's own, or one of a user's module."""

from __future__ import annotations

from importlib import import_module

from annotators.desk.label_studio.layers.actions import ACTIONS
from annotators.desk.label_studio.layers.camera_motion import CAMERA_MOTION
from annotators.desk.label_studio.layers.plain import plain
from annotators.desk.label_studio.layers.scene_text import SCENE_TEXT
from annotators.desk.label_studio.layers.shots import SHOTS
from annotators.desk.label_studio.sheet import Sheet
from schemas.errors import BadInput

SHEETS = {
    sheet.name: sheet
    for sheet in (ACTIONS, SCENE_TEXT, CAMERA_MOTION, SHOTS, plain("clip"), plain("pictures"), plain("words"))
}


def find_sheet(name: str) -> Sheet:
    """Return the desk's sheet of a name, or the value at `package.module:VALUE`.

    Raises BadInput where there is none, or where it is no sheet.
    """
    if ":" not in name:
        if name not in SHEETS:
            remedy = f"name one of {', '.join(SHEETS)}, or package.module:VALUE"
            raise BadInput(f"no layer is called {name!r}", remedy=remedy)
        return SHEETS[name]
    module, _, value = name.partition(":")
    try:
        found = getattr(import_module(module), value)
    except Exception as error:
        raise BadInput(
            f"no sheet can be had: {type(error).__name__}: {error}", where=name, remedy="give package.module:VALUE"
        ) from None
    if not isinstance(found, Sheet):
        raise BadInput(f"it is {type(found).__name__}, not a Sheet", where=name, remedy="give the name of a Sheet")
    return found
