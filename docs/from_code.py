"""What pages say of the code, read from the code: a line `<!-- from code: NAME -->` in a page becomes it."""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

import click
import msgspec

import annotators
import filters
from annotators.annotator import Annotator
from annotators.desk.label_studio.find import SHEETS
from filters.corpus import CorpusFilter
from filters.filter import Filter
from filters.verifiers.constraints import KINDS
from filters.verifiers.domains.all import DOMAINS
from pipelines.cli import VERBS as PIPELINE_VERBS
from pipelines.cli import ostraka
from pipelines.ingest.manifest import IMAGE_COLUMNS
from pipelines.ingest.records import CAPTION_COLUMNS, ID_COLUMNS, LICENCE_COLUMNS, URL_COLUMNS
from pipelines.recipes.built_in import RECIPES, parameters
from pipelines.recipes.recipe import Annotate, Recipe
from schemas.grade import JUDGED, MALFORMED, NOT_FOR_A_JUDGE, PARTLY, RIGHT, TOO_COMPLEX, UNKNOWN, WRONG
from schemas.task import Parameters
from schemas.vocabulary.all import NAMES
from trainer.cli import VERBS as TRAINER_VERBS

DOCS = Path(__file__).resolve().parent
PLACE = re.compile(r"^<!-- from code: ([a-z ]+) -->$", re.MULTILINE)
_LONG_CHARS = 60


def fill(page: str) -> str:
    """Return a page with every place filled; raises KeyError for a name that stands for nothing."""
    return PLACE.sub(lambda found: SECTIONS[found[1]](), page)


def pages(folder: Path) -> list[str]:
    """Return the names of the documents below a folder that are filled from code."""
    found = sorted(path for path in folder.rglob("*.md") if PLACE.search(path.read_text(encoding="utf-8")))
    return [path.relative_to(folder).with_suffix("").as_posix() for path in found]


def verbs() -> dict[str, click.Command]:
    """Return the verbs of the command line by name, in the order of the help."""
    return {str(verb.name): verb for verb in (*PIPELINE_VERBS, *TRAINER_VERBS)}


def classes(room: ModuleType, kind: type | tuple[type, ...], finite: str) -> Iterator[tuple[ModuleType, type[Any]]]:
    """Yield, with their modules, the classes of a room that are of a kind and name something in `finite`."""
    for module in (import_module(f"{room.__name__}.{found.name}") for found in pkgutil.iter_modules(room.__path__)):
        for _, one in inspect.getmembers(module, inspect.isclass):
            if one.__module__ == module.__name__ and issubclass(one, kind) and getattr(one, finite):
                yield module, one


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _code(text: object) -> str:
    return f"`{text}`" if str(text) else ""


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_code, names))


def _said(thing: Any) -> str:
    return " ".join((inspect.getdoc(thing) or "").split())


def _verbs() -> str:
    return "\n\n".join(_verb(name, verb) for name, verb in verbs().items())


def _verb(name: str, verb: click.Command) -> str:
    """Return what a verb is, and under it what each verb of a group is."""
    under = verb.commands.items() if isinstance(verb, click.Group) else ()
    return "\n\n".join((_one_verb(name, verb), *(f"#{_one_verb(f'{name} {sub}', one)}" for sub, one in under)))


def _one_verb(name: str, verb: click.Command) -> str:
    context = click.Context(verb, info_name=name, parent=click.Context(ostraka, info_name="ostraka"))
    options = [one for one in verb.get_params(context) if isinstance(one, click.Option)]
    rows = [tuple(part.strip() for part in record) for one in options if (record := one.get_help_record(context))]
    said = inspect.cleandoc(verb.help or "")
    usage = " ".join(["ostraka", name, *verb.collect_usage_pieces(context)])
    options_table = table(("option", "what it does"), [(_code(option), what) for option, what in rows])
    return f"## {name}\n\n{said}\n\n```text\n{usage}\n```\n\n{options_table}"


def _measured() -> str:
    there = [path for path in (DOCS / "bench.md", *sorted((DOCS / "proofs").glob("*.md"))) if path.exists()]
    names = [path.relative_to(DOCS).with_suffix("").as_posix() for path in there]
    return "\n".join(["```{toctree}", ":hidden:", ":caption: Measured", "", *names, "```"]) if names else ""


def _manifest_columns() -> str:
    return table(
        ("what it is", "columns, the first that is there"),
        [
            ("picture or video, or a list of them", _names(IMAGE_COLUMNS)),
            ("text, or a list of them; all of these columns are taken", _names(CAPTION_COLUMNS)),
            ("id: the row's name", _names(ID_COLUMNS)),
            ("where it came from", _names(URL_COLUMNS)),
            ("licence", _names(LICENCE_COLUMNS)),
        ],
    )


def _vocabulary() -> str:
    writer = {name.name: one.__name__ for _, one in classes(annotators, Annotator, "writes") for name in one.writes}
    writer |= {name: "people" for sheet in SHEETS.values() for name in sheet.writes if name not in writer}
    writer["object"] = "the source (COCO)"
    return table(
        ("name", "type", "unit", "range", "what it says", "written by"),
        [
            (
                _code(name.name),
                _code(name.kind),
                name.unit,
                _range(name.low, name.high),
                name.says,
                writer.get(name.name, ""),
            )
            for name in NAMES.values()
        ],
    )


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"{low:g} to {high:g}" if low is not None and high is not None else f"from {low:g}"


def _annotators() -> str:
    return "\n\n".join(
        f"## {one.__name__}\n\n`from {module.__name__} import {one.__name__}`\n\n{_said(one)}\n\n"
        + table(
            ("", ""),
            [
                ("writes", _names(name.name for name in one.writes)),
                ("made with", _names(one.made_with) or "the standard core"),
                ("version", str(one.version)),
                ("a sample may take", f"{one().needs.limit_s:g} s, {one().needs.memory_mib} MiB"),
                ("fields", ", ".join(_fields(one)) or "none"),
            ],
        )
        for module, one in classes(annotators, Annotator, "writes")
    )


def _filters() -> str:
    return "\n\n".join(_filter(module, one) for module, one in classes(filters, (Filter, CorpusFilter), "reasons"))


def _filter(module: ModuleType, one: type[Any]) -> str:
    reads = one.reads if isinstance(one.reads, tuple) else ()
    rows = [
        ("kind", "corpus: a barrier" if issubclass(one, CorpusFilter) else "one sample at a time"),
        ("reads", _names(reads) or "the note it is given"),
        ("reasons", _names(one.reasons)),
        ("fields", ", ".join(_fields(one)) or "none"),
    ]
    head = f"## {one.__name__}\n\n`from {module.__name__} import {one.__name__}`\n\n{_said(one)}"
    return f"{head}\n\n{table(('', ''), rows)}"


def _fields(one: type[Any]) -> Iterator[str]:
    for field in msgspec.structs.fields(one):
        if field.required:
            yield f"`{field.name}`"
        else:
            yield f"`{field.name}` = {_default(field.default)}"


def _default(value: Any) -> str:
    if len(repr(value)) <= _LONG_CHARS:
        return f"`{value!r}`"
    if isinstance(value, msgspec.Struct):
        return f"`{type(value).__name__}()`"
    return f"{len(value)} characters" if isinstance(value, str) else f"{len(value)} of them"


def _verifiers() -> str:
    return "\n\n".join(
        f"## {name}\n\n`from {type(domain).__module__} import {type(domain).__name__}`\n\n{_said(type(domain))}\n\n"
        + table(
            ("", ""),
            [
                ("parameters", _names(domain.reads) or "none"),
                ("where the rules cannot tell", "a judge may be asked" if domain.judged else "it is wrong"),
                ("the answer", "in the box" if domain.boxed else "the answer segment, without a box"),
            ],
        )
        for name, domain in DOMAINS.items()
    )


def _verifier_parameters() -> str:
    readers = {
        field.name: [name for name, domain in DOMAINS.items() if field.name in domain.reads] or ["all"]
        for field in msgspec.structs.fields(Parameters)
    }
    return table(
        ("parameter", "type", "unless given", "read by"),
        [
            (_code(one.name), _code(_type(one.type)), _code(repr(one.default)), ", ".join(readers[one.name]))
            for one in msgspec.structs.fields(Parameters)
        ],
    )


def _type(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " | ".join(one or "''" for one in get_args(kind))
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("schemas.task.", "")


def _constraints() -> str:
    return _names(KINDS)


def _grade_reasons() -> str:
    return table(
        ("reasons", "what it means"),
        [
            (_names((RIGHT, PARTLY, WRONG)), "the answer, by rule"),
            (_names(("unreadable",)), "an answer of a form that its domain does not read: wrong"),
            (_names((TOO_COMPLEX,)), "longer, deeper or with more digits than is read, or more work than is done"),
            (_names((UNKNOWN,)), "the rules cannot tell: unpaid, and a judge may be asked"),
            (_names(NOT_FOR_A_JUDGE), "the rules cannot tell, and a judge may not be asked: wrong"),
            (_names(JUDGED), "what `settle` made of an unknown answer"),
            (_names(MALFORMED), "the response has not the form that is due, whatever it answers"),
        ],
    )


def _recipes() -> str:
    return "\n\n".join(_recipe(name, make) for name, make in RECIPES.items())


def _recipe(name: str, make: Callable[[], Recipe]) -> str:
    steps = "\n".join(f"    {_step(step)}," for step in make().steps)
    takes = ", ".join(f"`{one.name}` = `{one.default!r}`" for one in parameters(make)) or "none"
    return f'## {name}\n\n{_said(make)}\n\nValues: {takes}.\n\n```python\nRecipe(\n    "{name}",\n{steps}\n)\n```'


def _step(step: Any) -> str:
    thing = step.annotator if isinstance(step, Annotate) else step.filter
    values = msgspec.structs.asdict(thing).items()
    told = ", ".join(f"{name}={value!r}" for name, value in values if len(repr(value)) <= _LONG_CHARS)
    return f"{type(step).__name__}({type(thing).__name__}({told}))"


SECTIONS: dict[str, Callable[[], str]] = {
    "measured": _measured,
    "manifest columns": _manifest_columns,
    "verbs": _verbs,
    "vocabulary": _vocabulary,
    "annotators": _annotators,
    "filters": _filters,
    "recipes": _recipes,
    "verifiers": _verifiers,
    "verifier parameters": _verifier_parameters,
    "grade reasons": _grade_reasons,
    "constraints": _constraints,
}
