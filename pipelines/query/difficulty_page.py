"""The report on difficulty as a page: the pass rates before and after a recipe's verdicts, and tasks of either fate.

Which tasks are shown hangs on their keys alone. Their pictures are the original bytes, beside the page.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from msgspec import Struct

from pipelines.query.choose import Place, load_recipe
from pipelines.query.difficulty import BINS, graded_in
from pipelines.query.gallery import Group, cut, draw_groups
from pipelines.query.show import Shown, write_media
from pipelines.query.story import Story, Teller
from pipelines.query.views import connect
from pipelines.shelf.in_duckdb import notes_of, shard_of
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.sql_text import quoted
from schemas.errors import BadInput
from schemas.task import posed_of

_BAR_CHARS = 30
_KEPT = "kept"


class Chosen(Struct, frozen=True):
    """A task that the page shows: its story, its place among those of its fate, and the file of its first picture."""

    story: Story
    picture: str = ""


def write_page(shelf: Shelf, recipe_id: str, path: str, most: int) -> tuple[int, int]:
    """Write a page in Markdown, with at most `most` tasks that were kept and as many that were dropped for their pass
    rate, and return how many of each. Raises BadInput where no task has a pass rate, or the shelf has grown since.
    """
    folder = os.path.splitext(path)[0]
    if folder == path:
        raise BadInput("it has no ending", where=path, remedy="give a name such as page.md")
    recipe = load_recipe(shelf, recipe_id)
    with connect(shelf, "samples verdicts") as db:
        rates = _rates(db, shelf, recipe_id)
        teller = Teller(db, shelf, recipe)
        groups = draw_groups(db, recipe_id, most)
        kept, dropped = (
            [_pictured(shelf, teller.tell(place), folder) for place in _places(groups, outcome, most)]
            for outcome in (_KEPT, "dropped")
        )
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(_page(recipe_id, rates, kept, dropped, os.path.basename(folder))) + "\n")
    return len(kept), len(dropped)


def _rates(db: Any, shelf: Shelf, recipe_id: str) -> list[tuple[str, float, bool]]:
    """Return the domain and the pass rate of every graded task, and whether it was kept."""
    graded = graded_in(shelf, load_recipe(shelf, recipe_id))
    notes = f"SELECT *, {shard_of('filename', piece=True)} AS shard FROM {notes_of(shelf, graded)} WHERE failed = ''"
    return [
        (domain, rate, outcome == _KEPT)
        for domain, rate, outcome in db.execute(
            f"SELECT task_domain, pass_rate, outcome FROM ({notes}) AS noted JOIN verdicts USING (shard, row) "
            f"WHERE recipe = {quoted(recipe_id)} ORDER BY task_domain, pass_rate, outcome"
        ).fetchall()
    ]


def _places(groups: Sequence[Group], outcome: str, most: int) -> list[Place]:
    """Return whom to show of those that ended so: of all groups by turns, in the order that was drawn."""
    ended = [
        group.places for group in groups if group.outcome == outcome and (outcome == _KEPT or "pass_rate" in group.by)
    ]
    turns = zip_longest(*ended)
    return [place for turn in turns for place in turn if place][:most]


def _pictured(shelf: Shelf, story: Story, folder: str) -> Chosen:
    if not story.offsets:
        return Chosen(story)
    place = Place(story.sample.key, story.shard, story.row)
    first = write_media(shelf, Shown(place, story.sample, story.media, story.offsets), folder)[0]
    return Chosen(story, os.path.basename(first))


def _page(
    recipe_id: str,
    rates: Sequence[tuple[str, float, bool]],
    kept: Sequence[Chosen],
    dropped: Sequence[Chosen],
    folder: str,
) -> Iterator[str]:
    stayed = [one for one in rates if one[2]]
    yield f"# Difficulty: {recipe_id}\n\n{len(rates)} tasks were graded, {len(stayed)} kept.\n"
    for domain in sorted({domain for domain, _, _ in rates}):
        yield from _histogram(domain, [one for one in rates if one[0] == domain])
    for what, chosen in ((_KEPT, kept), ("dropped", dropped)):
        if chosen:
            yield f"## {len(chosen)} that were {what}\n"
            yield "| picture | asked | due | answered | right | why |\n|---|---|---|---|---:|---|"
            yield from (_row(one, folder) for one in chosen)
            yield ""


def _histogram(domain: str, rates: Sequence[tuple[str, float, bool]]) -> Iterator[str]:
    before, after = (
        Counter(min(int(rate * BINS), BINS - 1) for _, rate, kept in rates if kept or every) for every in (True, False)
    )
    longest = max(before.values())
    yield f"## {domain}\n\n```text\npass rate   before{'':{_BAR_CHARS - 1}}after"
    for place in range(BINS):
        bars = (
            f"{found[place]:>5} {'#' * -(-_BAR_CHARS * found[place] // longest):<{_BAR_CHARS}}"
            for found in (before, after)
        )
        yield f"{place / BINS:.1f} to {(place + 1) / BINS:.1f} {''.join(bars)}".rstrip()
    yield "```\n"


def _row(chosen: Chosen, folder: str) -> str:
    story = chosen.story
    task = posed_of(story.sample.source.meta).task
    noted = {name: value for told in story.told for name, value in told.notes.items()}
    answers = Counter(text or "(no box)" for text in noted["extracted"]).most_common()
    told = ", ".join(f"{text} {count}x" if count > 1 else text for text, count in answers)
    why = story.reason or f"{noted['pass_rate']:g} is within the band"
    if story.reason:
        why = f"{story.reason}: {noted['pass_rate']:g}"
    picture = f"![{story.sample.source.row}]({folder}/{chosen.picture})" if chosen.picture else ""
    right = f"{noted['right_answers']} of {noted['answered']}"
    cells = (task.question, task.reference, told, right, why)
    return f"| {picture} | " + " | ".join(_plain(cell) for cell in cells) + " |"


def _plain(text: str) -> str:
    """Return a text as a cell of a table shows it."""
    shown = " ".join(cut(text).split())
    return re.sub(r"([\\`*_\[\]<>|$])", r"\\\1", shown)
