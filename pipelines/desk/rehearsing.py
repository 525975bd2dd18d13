"""Rehearsing a desk's folder: its people, or some that are made up, on a copy of its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec
from msgspec import Struct

from annotators.desk.events import Role
from annotators.desk.item import Item
from annotators.desk.label_studio.regions import Clip
from annotators.desk.ledger import Ledger
from annotators.desk.rehearsal import Rehearsed, Supposed, copied, rehearse
from annotators.desk.simulated import Skill
from annotators.desk.state import State
from pipelines.desk.folder import Folder, now_ms
from pipelines.desk.media import SERVED, shown_of
from schemas.errors import BadInput

LOOK_S = 60.0
JUDGES_OF = 5


class Told(Struct, frozen=True):
    """What a rehearsal came to."""

    layers: dict[str, Rehearsed]
    hours: float
    cost: float
    people: int


def rehearse_desk(at: Folder, given: Mapping[str, Any]) -> Told:
    """Rehearse a desk, which is only read; raises BadInput where nothing waits, or nobody is there."""
    measures, sheets = at.measures(), at.sheets()
    with at.ledger() as ledger, copied(ledger, at.settings.name, measures) as copy:
        if not any(work.state in ("draft", "annotated", "in_review", "adjudicate") for work in copy.state.items()):
            raise BadInput("nothing waits in the queue", where=at.path, remedy="ask something: ostraka desk send")
        if given["count"]:
            _make_up(copy, int(given["count"]))
        if not copy.state.people:
            remedy = "add people: ostraka desk people, or say how many: --people"
            raise BadInput("nobody works here yet", where=at.path, remedy=remedy)
        look_s = given["look_s"] or _look_s(copy.state)
        how = Supposed(_skills(copy.state, given), given["models_wrong"], look_s, given["hours"], given["seed"])
        cost = given["cost"] if given["cost"] is not None else _cost(copy.state)
        found = rehearse(copy, sheets, measures, how, lambda item: _clip(at, item))
        hours = sum(one.looks.total() for one in found.values()) * look_s / 3600
        return Told(found, hours, hours * cost, sum(not one.paused for one in copy.state.people.values()))


def rows_of(layers: Mapping[str, Rehearsed]) -> list[Sequence[str]]:
    """Return a row a layer for the screen."""
    return [
        (
            layer,
            *(f"{one.looks[role]:,}" for role in ("annotator", "reviewer", "adjudicator")),
            f"{one.states['accepted'] + one.states['exported']:,}",
            f"{one.states.total() - one.states['accepted'] - one.states['exported']:,}",
            f"{one.agreement:.2f}" if isfinite(one.agreement) else "-",
            f"{one.wrong / one.stands:.1%}" if one.stands else "-",
            f"{one.model_wrong / one.noted:.1%}" if one.noted else "-",
        )
        for layer, one in layers.items()
    ]


def stuck(found: Rehearsed) -> str:
    """Return what of a layer waits for a judge whom the desk does not have, empty where nothing does."""
    waits = {
        "in_review": "a reviewer who wrote none of it",
        "adjudicate": "an adjudicator who neither wrote nor judged",
    }
    return ", ".join(f"{found.states[state]} wait for {whom}" for state, whom in waits.items() if found.states[state])


def _make_up(copy: Ledger, count: int) -> None:
    """Put people on the copy in the place of the desk's own, every fifth of whom may judge too, two at the least."""
    now = max(now_ms(), copy.state.clock.at_ms)
    for name in list(copy.state.people):
        copy.pause(name, "others rehearse", now)
    for number in range(count):
        judge = number % JUDGES_OF == 0 or number in (1, 2)
        roles: list[Role] = ["annotator", "reviewer", "adjudicator"] if judge else ["annotator"]
        copy.set_person(f"simulated {number + 1}", roles, now)


def _skills(state: State, given: Mapping[str, Any]) -> dict[str, Skill]:
    confusion = _confusion(given["confusion"]) if given["confusion"] else {}
    judges_right = given["right"] if given["judges_right"] is None else given["judges_right"]
    judges = [one.name for one in state.people.values() if set(one.roles) - {"annotator"}]
    every = Skill(given["right"], given["off_frames"], confusion)
    return {"": every} | {name: msgspec.structs.replace(every, right=judges_right) for name in judges}


def _confusion(path: str) -> dict[str, dict[str, float]]:
    """Read a confusion; raises BadInput where shares of a label are below 0 or add up to more than 1."""
    try:
        with open(path, "rb") as file:
            found = msgspec.json.decode(file.read(), type=dict[str, dict[str, float]])
    except (OSError, msgspec.DecodeError) as error:
        remedy = 'write {"pan_left": {"pan_left": 0.8, "truck_left": 0.15}}'
        raise BadInput(f"it is no confusion: {error}", where=path, remedy=remedy) from None
    for label, said in found.items():
        if not all(0 <= share <= 1 for share in said.values()) or sum(said.values()) > 1 + 1e-9:
            remedy = "give shares from 0 to 1 that add up to 1 at the most"
            raise BadInput(f"the shares of {label!r} cannot be", where=path, remedy=remedy)
    return found


def _look_s(state: State) -> float:
    """Return the seconds that a look has taken here, a minute where nobody has looked yet."""
    looks = [one.spent_s for work in state.items() for one in work.versions.values() if one.spent_s > 0]
    return sum(looks) / len(looks) if looks else LOOK_S


def _cost(state: State) -> float:
    costs = [one.cost_per_hour for one in state.people.values() if not one.paused]
    return sum(costs) / len(costs) if costs else 0.0


def _clip(at: Folder, item: Item) -> Clip | None:
    return shown_of(at.media, SERVED, item).clip
