"""A recipe: a name and an ordered tuple of steps, each an annotator that writes or a filter that keeps.

Recipe("caption", Annotate(Header()), Keep(MinSide(px=28)), Annotate(Clip()), Keep(Above("clip_score", 0.30)))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import msgspec
from msgspec import Struct

from annotators.annotator import Annotator
from filters.corpus import CorpusFilter
from filters.filter import Filter
from pipelines.recipes.value import ROOMS, Value, annotator_id, digest, source_of, value_of
from schemas.errors import BadInput
from schemas.vocabulary import people

FACTS = (
    "key",
    "digest",
    "size_bytes",
    "images",
    "videos",
    "texts",
    "text_chars",
    "text_parts",
    "text",
    "text_role",
    "picture_part",
    "picture_digest",
    "dataset",
    "licence",
)
"""What the door wrote of each sample: filters read these as they read notes."""

BY_PEOPLE = {
    name.name: name
    for name in (
        people.PERSON_CHOICE,
        people.PERSON_DIFFICULTY,
        people.PERSON_COMMENT,
        people.CAMERA_CLEAR,
        people.CAMERA_STEADINESS,
        people.CAMERA_PACE,
        people.CAMERA_TRACKING,
        people.CAMERA_DESCRIPTION,
    )
}
"""What people say of whole samples, and annotators do not: filters may read it of every sample, empty or 0 of those
that nobody was asked about."""


class Annotate(Struct, frozen=True):
    """A step in which every sample that still lives is looked at."""

    annotator: Annotator


class Keep(Struct, frozen=True):
    """A step in which samples are judged; a corpus filter is a barrier that ends a round."""

    filter: Filter | CorpusFilter


class Spec(Struct, frozen=True):
    """A recipe as data: name, and the kind and the value of each step."""

    name: str
    steps: tuple[tuple[str, Value], ...]

    def build_as(self, recipe_id: str) -> Recipe:
        """Return the recipe of this id; raises BadInput where something that it is made of changed meanwhile."""
        recipe = self.build()
        if recipe.id != recipe_id:
            raise BadInput(
                f"{recipe_id} is {recipe.id} now: a vocabulary, weights or a module changed",
                where=f"recipe {self.name}",
                remedy="run it again, and leave them alone meanwhile",
            )
        return recipe

    def build(self) -> Recipe:
        """Return the recipe."""
        kinds = {"annotate": Annotate, "keep": Keep}
        return Recipe(self.name, *(kinds[kind](value.build()) for kind, value in self.steps))


class Recipe:
    """Steps in order. Raises BadInput where a filter reads what no earlier annotator writes."""

    def __init__(self, name: str, *steps: Annotate | Keep) -> None:
        self.name, self.steps = name, steps
        self._check()

    def _check(self) -> None:
        known: dict[str, int] = {}
        for place, step in enumerate(self.steps):
            if not isinstance(step, Annotate | Keep):
                raise BadInput(f"step {place} is {step!r}", where=f"recipe {self.name}", remedy="use Annotate or Keep")
            thing = step.annotator if isinstance(step, Annotate) else step.filter
            missing = [name for name in thing.reads if name not in {*known, *FACTS, *BY_PEOPLE}]
            if missing:
                raise BadInput(
                    f"step {place} ({thing.name}) reads {', '.join(missing)}, which no earlier step writes",
                    where=f"recipe {self.name}",
                    remedy="put the annotator that writes it before this step",
                )
            if isinstance(step, Annotate):
                for name in step.annotator.writes:
                    if name.name in known:
                        raise BadInput(
                            f"steps {known[name.name]} and {place} both write {name.name}", where=f"recipe {self.name}"
                        )
                    known[name.name] = place

    def given(self, weights: Mapping[str, str]) -> Recipe:
        """Return it with the weights at these paths, by the annotator's name; raises BadInput for an unknown name."""
        names = [annotator.name for _, annotator in self.annotators()]
        if unknown := [name for name in weights if name not in names]:
            raise BadInput(
                f"it has no annotator called {', '.join(unknown)}",
                where=f"recipe {self.name}",
                remedy=f"its annotators are {', '.join(names) or 'none'}",
            )
        return Recipe(
            self.name,
            *(
                Annotate(step.annotator.given(weights[step.annotator.name]))
                if isinstance(step, Annotate) and step.annotator.name in weights
                else step
                for step in self.steps
            ),
        )

    @cached_property
    def ids(self) -> dict[int, str]:
        """Annotator name@fingerprint by step."""
        found: dict[int, str] = {}
        writer: dict[str, str] = {}
        for place, step in enumerate(self.steps):
            if isinstance(step, Annotate):
                ids_it_reads = sorted({writer[name] for name in step.annotator.reads if name in writer})
                step.annotator.check_read(ids_it_reads)
                found[place] = annotator_id(step.annotator, tuple(ids_it_reads))
                writer.update({name.name: found[place] for name in step.annotator.writes})
        return found

    @cached_property
    def writer(self) -> dict[str, int]:
        """The step that writes each note."""
        return {name.name: place for place, a in self.annotators() for name in a.writes}

    @cached_property
    def spec(self) -> Spec:
        """The recipe as data."""
        return Spec(
            self.name,
            tuple(
                ("annotate", value_of(step.annotator))
                if isinstance(step, Annotate)
                else ("keep", value_of(step.filter))
                for step in self.steps
            ),
        )

    @cached_property
    def is_ours(self) -> bool:
        """Say whether all its steps are of ostraka's own rooms."""
        return all(value.at.partition(".")[0] in ROOMS for _, value in self.spec.steps)

    @cached_property
    def id(self) -> str:
        """name@fingerprint: the annotators' fingerprints, the filters' values and sources from outside, in order."""
        fields = [
            self.ids[place] if isinstance(step, Annotate) else value.at + value.fields + source_of(type(step.filter))
            for place, (step, (_, value)) in enumerate(zip(self.steps, self.spec.steps, strict=True))
        ]
        return f"{self.name}@{digest(*fields)}"

    def annotators(self) -> Iterator[tuple[int, Annotator]]:
        """Yield the annotators with their steps."""
        for place, step in enumerate(self.steps):
            if isinstance(step, Annotate):
                yield place, step.annotator

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """Everything that a step of it reads."""
        things = (step.annotator if isinstance(step, Annotate) else step.filter for step in self.steps)
        return tuple(dict.fromkeys(name for thing in things for name in thing.reads))

    @cached_property
    def judged(self) -> tuple[str, ...]:
        """Everything that a filter of single samples reads."""
        filters = (step.filter for step in self.steps if isinstance(step, Keep) and isinstance(step.filter, Filter))
        return tuple(dict.fromkeys(name for one in filters for name in one.reads))

    def corpus_filter(self, place: int) -> CorpusFilter | None:
        """Return the corpus filter of a step, where it is one."""
        step = self.steps[place]
        return step.filter if isinstance(step, Keep) and isinstance(step.filter, CorpusFilter) else None

    def barriers(self) -> list[int]:
        """Return the steps of the corpus filters."""
        return [place for place in range(len(self.steps)) if self.corpus_filter(place) is not None]

    def rounds(self) -> list[range]:
        """Return the runs of neighbouring corpus filters: what one of them leaves, the next one decides at once.

        One that leaves parts out ends a run: the columns of the next one are without them.
        """
        found: list[range] = []
        for place in self.barriers():
            if found and found[-1].stop == place and not self.leaves_parts_out(place - 1):
                found[-1] = range(found[-1].start, place + 1)
            else:
                found.append(range(place, place + 1))
        return found

    def leaves_parts_out(self, place: int) -> bool:
        """Say whether the step is a corpus filter that leaves parts out."""
        judging = self.corpus_filter(place)
        return judging is not None and judging.of_parts

    def step_name(self, place: int) -> str:
        """Return what a step is called in verdicts and funnels; `kept` past the last."""
        if place >= len(self.steps):
            return "kept"
        step = self.steps[place]
        return step.annotator.name if isinstance(step, Annotate) else step.filter.name

    def json(self) -> bytes:
        """Return the recipe as a shelf keeps it: its values, its steps' names, and the notes that say cases."""
        names = [self.ids.get(place, self.step_name(place)) for place in range(len(self.steps))]
        cases = {self.ids[place]: annotator.cases for place, annotator in self.annotators() if annotator.cases}
        stored = {"spec": self.spec, "names": names, **({"cases": cases} if cases else {})}
        return msgspec.json.format(msgspec.json.encode(stored), indent=1)
