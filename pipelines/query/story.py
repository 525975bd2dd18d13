"""A sample's whole story: where it came from, what was noted, what each filter said, where it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from filters.corpus import CorpusFilter
from filters.filter import KEEP
from pipelines.query.choose import Place, find_sample
from pipelines.query.exported import Exported
from pipelines.query.places import places_of
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.record.record import read_records
from pipelines.run.decisions import stored_decisions
from pipelines.run.facts import Facts
from pipelines.run.judge import OUTCOMES, Decisions, judge
from pipelines.run.verdicts import INGEST
from pipelines.shelf.notes import SOURCE_NOTES
from pipelines.shelf.people import on_places
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput
from schemas.note import Whole
from schemas.people import Word
from schemas.sample import Sample


class Item(Struct, frozen=True):
    """One of several things that an annotator looked at: what it noted of it by short names, and its text."""

    said: dict[str, Any]
    text: str


class Told(Struct, frozen=True):
    """One step of the story: what an annotator noted, or what a filter said and measured."""

    step: str
    outcome: str
    notes: dict[str, Any] = {}
    items: tuple[Item, ...] = ()
    reason: str = ""
    measured: float | None = None
    witness: str = ""
    witness_name: str = ""
    left_out: tuple[int, ...] = ()
    left_out_why: tuple[str, ...] = ()
    detail: str = ""


class Story(Struct, frozen=True):
    """A sample and its steps up to the one that ended it, what people say of it, and the exports that hold it."""

    sample: Sample
    shard: str
    row: int
    media: str
    offsets: tuple[int, ...]
    outcome: str
    by: str
    reason: str
    told: tuple[Told, ...]
    places: tuple[dict[str, Any], ...] = ()
    words: tuple[Word, ...] = ()
    exports: tuple[str, ...] = ()


def tell(db: Any, shelf: Shelf, recipe: Recipe, place: Place) -> Story:
    """Tell a sample's story under a recipe. Raises BadInput where the shelf has grown since it ran."""
    return Teller(db, shelf, recipe).tell(place)


class _Shard(Struct, frozen=True):
    """One shard as stories need it."""

    facts: Facts
    decisions: Decisions
    places: Mapping[int, list[tuple[str, str]]]


class Teller:
    """Tells stories under one recipe; a shard is read once for all the stories told of it in a row."""

    def __init__(self, db: Any, shelf: Shelf, recipe: Recipe) -> None:
        shards = shelf.shards()
        if shelf.names(f"verdicts/{recipe.id}", ".parquet") != shards:
            raise BadInput(
                f"the shelf has grown since recipe {recipe.id} ran",
                where=shelf.url,
                remedy=f"run it again: `ostraka run {recipe.name}`",
            )
        self._db, self._shelf, self._recipe = db, shelf, recipe
        self._snapshot, self._exported = shelf.snapshot(shards), Exported(db, shelf)
        self._held: dict[str, _Shard] = {}

    def tell(self, place: Place) -> Story:
        """Tell one sample's story."""
        shard = self._shard(place.shard)
        judged = judge(self._recipe, shard.facts, shard.decisions, np.array([place.row]), len(self._recipe.steps))
        [(sample, media, offsets)] = shard.facts.samples([place.row])
        end, outcome, reason = int(judged.step[0]), OUTCOMES[judged.outcome[0]], judged.why(0)
        door = shard.facts.failed_at_door.get(place.row, "")
        detail = self._details.get((place.key, INGEST), "")
        at_door = Told(INGEST, "failed", reason=door, detail=detail) if door else Told(INGEST, "passed")
        words = tuple(shard.facts.words.get(place.row, ()))
        told = [at_door, *map(said_by_people, words), *([] if door else self._steps(place, end))]
        return Story(
            sample,
            place.shard,
            place.row,
            media,
            offsets,
            outcome,
            INGEST if door else self._recipe.step_name(end),
            reason,
            tuple(told),
            _places(shard.places.get(place.row, []), words),
            words,
            self._exported.folders(place.key),
        )

    def _shard(self, shard: str) -> _Shard:
        if shard not in self._held:
            with stored_decisions(self._shelf, self._recipe, self._snapshot, self._recipe.barriers()) as stored:
                decisions = stored.of(shard)
            facts = Facts(self._shelf, self._recipe, shard, asked=None)
            by_places = [self._recipe.ids[step] for step, one in self._recipe.annotators() if one.places]
            noted = places_of(self._shelf, (SOURCE_NOTES, *by_places), shard)
            self._held = {shard: _Shard(facts, decisions, noted)}
        return self._held[shard]

    def _steps(self, place: Place, end: int) -> list[Told]:
        told, left_out = list[Told](), set[int]()
        for step in range(min(end + 1, len(self._recipe.steps))):
            told.append(self._step(place, step, tuple(sorted(left_out))))
            left_out.update(told[-1].left_out)
        return told

    def _step(self, place: Place, step: int, left_out: tuple[int, ...]) -> Told:
        acting, shard = self._recipe.steps[step], self._held[place.shard]
        if isinstance(acting, Annotate):
            return self._noted(shard.facts, place, step, acting)
        judging = acting.filter
        if isinstance(judging, CorpusFilter):
            loss = shard.decisions[step].of(place.row)
            if loss is None:
                parts = sorted(shard.decisions[step].parts.get(place.row, {}).items())
                why = tuple(reason for _, (reason, _) in parts)
                measured = parts[0][1][1] if parts else None
                gone = tuple(part for part, _ in parts)
                return Told(judging.name, "passed", measured=measured, left_out=gone, left_out_why=why)
            witness = loss.witness.hex() if loss.witness else ""
            name = self._name_of(witness)
            return Told(
                judging.name,
                "dropped",
                reason=loss.reason,
                measured=loss.measured,
                witness=witness,
                witness_name=name,
            )
        rows = np.array([place.row])
        found = judging.judge_columns(shard.facts.columns(judging.reads, rows, {place.row: left_out}))
        measured = float(found.measured[0])
        reason = "" if found.reason[0] == KEEP else judging.reasons[found.reason[0]]
        return Told(
            judging.name,
            "dropped" if reason else "passed",
            reason=reason,
            measured=None if np.isnan(measured) else measured,
            left_out=found.left_out.get(0, ()),
            left_out_why=found.left_out_why.get(0, ()),
        )

    def _noted(self, facts: Facts, place: Place, step: int, acting: Annotate) -> Told:
        notes, by = facts.notes[step], self._recipe.ids[step]
        if reason := notes.reasons.get(place.row):
            detail = self._details.get((place.key, acting.annotator.name), "")
            return Told(by, "failed", reason=reason, detail=detail)
        if not notes.noted[place.row]:
            return Told(by, "unknown")
        kinds = {name.name: name.kind for name in acting.annotator.writes}
        found = notes.values(place.row)
        said = {name: _hash(value) if kinds[name] == "uint64" else value for name, value in found.items()}
        items = items_of(said, acting.annotator.items)
        whole = {name: value for name, value in said.items() if name not in acting.annotator.items}
        return Told(by, "noted", whole, items)

    @cached_property
    def _details(self) -> dict[tuple[str, str], str]:
        """What the runs' records say of samples that failed, the latest word by key and annotator."""
        found: dict[tuple[str, str], str] = {}
        for run in (one for one in read_records(self._shelf) if one.failed):
            path = self._shelf.path("runs", run.id, "failures.jsonl")
            with suppress(FileNotFoundError):
                for line in self._shelf.fs.cat_file(path).splitlines():
                    failure = msgspec.json.decode(line)
                    found[failure["key"], failure["annotator"]] = failure["detail"]
        return found

    def _name_of(self, key: str) -> str:
        if not key:
            return ""
        witness = find_sample(self._db, self._shelf, key)
        table = self._shelf.catalog(witness.shard, ["dataset", "name"]).slice(witness.row, 1).to_pylist()
        return f"{table[0]['dataset']}/{table[0]['name']}"


def _places(said: list[tuple[str, str]], words: Sequence[Word]) -> tuple[dict[str, Any], ...]:
    """Return the notes on places, people's first."""
    by_people = [msgspec.to_builtins(note) for word in words for note in on_places(word)]
    return (*by_people, *({**note, "by": by} for by, notes in said for note in msgspec.json.decode(notes)))


def said_by_people(word: Word) -> Told:
    """Return how people came to say what they say of an item: what models said, who wrote and who accepted it."""
    notes = {note.name: note.value for note in word.notes if isinstance(note.at, Whole)}
    machine = ", ".join(f"{one.name} {one.value} by {one.by or 'a model'}" for one in word.machine[:_FEW])
    more = f" and {len(word.machine) - _FEW} more" if len(word.machine) > _FEW else ""
    spans = len(on_places(word))
    told = [
        f"models said {machine}{more}" if machine else "",
        f"{_HOW.get(word.how, word.how)} ({', '.join(word.people)})",
        f"accepted by {word.by}" if word.by and word.by not in word.people else "",
        f"{spans} notes on places" if spans else "",
        f"taxonomy {word.taxonomy}" if word.taxonomy else "",
        f"guideline {word.guideline}" if word.guideline else "",
        f"asked about anew ({word.reopened})" if word.reopened else "",
    ]
    return Told(f"{word.desk} {word.layer}", "said", notes, detail="; ".join(filter(None, told)))


_FEW = 4
_HOW = {
    "agreement": "people agreed",
    "single": "one person said so",
    "review": "a reviewer accepted it",
    "fix": "a reviewer mended it",
    "adjudication": "an adjudicator resolved it",
}


def items_of(said: Mapping[str, Any], words: Mapping[str, str]) -> tuple[Item, ...]:
    """Return what lists say of the same things, thing by thing; the last list is their texts."""
    if not words:
        return ()
    *named, text = words
    rows = zip(*(said[name] for name in (*named, text)), strict=True)
    return tuple(Item(dict(zip((words[one] for one in named), row[:-1], strict=True)), row[-1]) for row in rows)


def _hash(value: int) -> str:
    return f"{value:016x}"
