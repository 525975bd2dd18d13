"""The browse page: funnel, pictures by reason, histograms, stories and videos' notes, one file that needs nothing else.

What comes from samples goes into the page as JSON, and from there as text alone; a policy in the page forbids every
request. Served, the same page may ask its own server for videos, and nobody else. The page has no clock in it, so the
same shelf gives the same bytes.
"""

from __future__ import annotations

import base64
import os
from hashlib import sha256
from importlib import resources
from typing import Any

import msgspec
from msgspec import structs

from filters.corpus import CorpusFilter
from pipelines.query.charts import charts, shares
from pipelines.query.films.contact_sheets import request_of
from pipelines.query.funnel import cases, funnel
from pipelines.query.gallery import Group, draw_groups, tell_cards
from pipelines.query.page_server import Film, PageServer
from pipelines.query.show import sample_at
from pipelines.query.story import Teller
from pipelines.query.views import connect
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.funnel import Stage
from pipelines.shelf.shelf import Shelf
from pipelines.store.address import file_system
from schemas.publish import put

MOST_FIELD_CHARS = 60

_DATA, _SCRIPT_DIGEST = "@data@", "@script-digest@"
_SERVED = {"@served-pictures@": " 'self'", "@served@": "; media-src 'self'; connect-src 'self'"}
"""What the policy lets a page do besides where it is served."""


def write_page(shelf: Shelf, recipe: Recipe, path: str, pictures_per_reason: int) -> int:
    """Write the page of a recipe's run to `path` and return its size in bytes.

    At most `pictures_per_reason` samples are shown of each way in which samples ended. Raises BadInput where the
    shelf is empty or has grown since the run.
    """
    fs, target = file_system(os.path.abspath(path) if "://" not in path else path)
    with connect(shelf) as db:
        page = _page(_data(db, shelf, recipe, pictures_per_reason))
    put(fs, target, page)
    return len(page)


def open_page(shelf: Shelf, recipe: Recipe, pictures_per_reason: int, port: int = 0) -> PageServer:
    """Return a server, not yet serving, of the page and the videos on it; raises BadInput."""
    with connect(shelf) as db:
        data = _data(db, shelf, recipe, pictures_per_reason)
        films = {
            card["key"]: Film(
                f"{card['source']['dataset']}/{card['source']['row']}",
                request_of(shelf, sample_at(db, shelf, card["key"])),
                card["film"]["lanes"],
            )
            for card in data["cards"]
            if "film" in card
        }
    return PageServer(_page(data, served=True), films, port)


def _data(db: Any, shelf: Shelf, recipe: Recipe, most: int) -> dict[str, Any]:
    teller = Teller(db, shelf, recipe)
    stages, groups = funnel(db, shelf, recipe.id), draw_groups(db, recipe.id, most)
    told = cases(db, shelf, recipe.id)
    dropped, failed = (sum(sum(getattr(s, kind).values()) for s in stages) for kind in ("dropped", "failed"))
    return {
        "shelf": shelf.root.rsplit("/", 1)[-1],
        "recipe": recipe.id,
        "totals": {"in": stages[0].reached, "kept": stages[-1].went_on, "dropped": dropped, "failed": failed},
        "steps": [_step(recipe, place, stage, told) for place, stage in enumerate(stages, start=-1)],
        "groups": [_group(group, recipe) for group in groups],
        "charts": charts(db, shelf, recipe),
        "shares": shares(db, shelf, recipe),
        "cards": tell_cards(db, shelf, teller, [place for group in groups for place in group.places]),
    }


def _step(recipe: Recipe, place: int, stage: Stage, told: dict[str, dict[str, int]]) -> dict[str, Any]:
    said: dict[str, Any] = {"place": place, "reached": stage.reached, "went_on": stage.went_on}
    if stage.name in told:
        said["cases"] = told[stage.name]
    if place < 0:
        return {**said, "name": stage.name, "kind": "door", "values": "", "id": stage.name}
    step = recipe.steps[place]
    thing = step.annotator if isinstance(step, Annotate) else step.filter
    kind = "looks" if isinstance(step, Annotate) else "compares" if isinstance(thing, CorpusFilter) else "judges"
    return {**said, "name": thing.name, "kind": kind, "values": _values(thing), "id": stage.name}


def _values(thing: Any) -> str:
    """Return a frozen value's fields in words; a long one by its size."""
    said: list[str] = []
    for field, value in structs.asdict(thing).items():
        shown = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        said.append(f"{field} {shown}" if len(shown) <= MOST_FIELD_CHARS else f"{len(value)} {field}")
    return ", ".join(said)


def _group(group: Group, recipe: Recipe) -> dict[str, Any]:
    """Return a group as the page knows it: the step it ended at by place, -1 for the door, and its samples by key."""
    ended = len(recipe.steps) if group.outcome == "kept" else group.step
    said = structs.asdict(group)
    return {**said, "step": -1 if group.by == "ingest" else ended, "places": [place.key for place in group.places]}


def _page(data: dict[str, Any], *, served: bool = False) -> bytes:
    """Put the data into the template; `<` is escaped, so that nothing in it can end the block that holds it."""
    template = _read("page.html").replace("@film-style@", _read("films/film.css"))
    template = template.replace("/* @film-script@ */", _read("films/film.js"))
    script = template.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    text = msgspec.json.encode({**data, "served": served}).decode()
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    for mark, policy in _SERVED.items():
        template = template.replace(mark, policy if served else "")
    return template.replace(_SCRIPT_DIGEST, digest).replace(_DATA, text).encode()


def _read(name: str) -> str:
    return resources.files("pipelines.query").joinpath(name).read_text("utf-8")
