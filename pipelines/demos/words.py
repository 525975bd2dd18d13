"""The demos of instructions and of texts: what packages say of themselves, in documentation and licences."""

from __future__ import annotations

import doctest
import os
from collections.abc import Iterator
from importlib import import_module, metadata
from shutil import copyfile
from typing import Any

import msgspec

from pipelines.demos.captions import PHOTOGRAPHS
from pipelines.ingest.photographs import photographs_folder

MODULES = ("bisect", "collections", "difflib", "fractions", "heapq", "random", "statistics", "textwrap")


def write_talks(folder: str) -> None:
    """Write dialogues about photographs and about Python's own modules, then some that have to go."""
    pictures = os.path.join(folder, "pictures")
    os.makedirs(pictures, exist_ok=True)
    for name in PHOTOGRAPHS:
        copyfile(os.path.join(photographs_folder(), name), os.path.join(pictures, name))
    with open(os.path.join(pictures, "broken.png"), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + b"this is no picture, whatever it begins with")
    with open(os.path.join(folder, "talks.jsonl"), "wb") as file:
        for record in (*_of_pictures(), *_of_modules(), *_planted()):
            file.write(msgspec.json.encode(record) + b"\n")


def _talk(name: str, *said: str, picture: str = "", asks: str = "user") -> dict[str, Any]:
    """Return a record: questions and answers by turns."""
    roles = [asks if place % 2 == 0 else "assistant" for place in range(len(said))]
    messages = [{"role": role, "content": text} for role, text in zip(roles, said, strict=True)]
    if picture:
        messages[0]["content"] = f"<image>{messages[0]['content']}"
    return {"id": name, "messages": messages, "images": [f"pictures/{picture}"] if picture else []}


def _of_pictures() -> Iterator[dict[str, Any]]:
    for picture, (caption, _) in PHOTOGRAPHS.items():
        name = picture.split(".")[0]
        yield _talk(f"what-is-{name}", "Describe this picture in one sentence.", caption, picture=picture)


def _of_modules() -> Iterator[dict[str, Any]]:
    """Yield a dialogue for each function that is documented with examples: what it does, what one of them prints."""
    finder = doctest.DocTestFinder()
    for module in map(import_module, MODULES):
        for test in sorted(finder.find(module), key=lambda found: found.name):
            said = (test.docstring or "").split(">>>")[0].strip()
            examples = [one for one in test.examples if one.want and not one.exc_msg]
            if not said or not examples or "._" in test.name:
                continue
            shown = test.examples[: test.examples.index(examples[0]) + 1]
            code = "".join(one.source for one in shown)
            printed = f"What does this print?\n\n```python\n{code}```"
            yield _talk(test.name, f"What does `{test.name}` do?", said, printed, examples[0].want.strip())


def _planted() -> Iterator[dict[str, Any]]:
    coffee = PHOTOGRAPHS["coffee.png"][0]
    yield _talk("planted_copy", "Describe this picture in one sentence.", coffee, picture="coffee.png")
    yield _talk("planted_broken_picture", "What is shown here?", "Nobody can tell.", picture="broken.png")
    yield _talk("planted_no_answer", "Is anybody there?")
    yield _talk("planted_loop", "Say it.", "it goes on and on and on and on and on again and " * 30)
    yield _talk("planted_unknown_role", "What is the weather?", "It rains.", asks="weather station")
    german = "Das ist eine Tasse Kaffee, die auf einem alten Tisch aus Holz steht."
    yield _talk("planted_german", "Was ist auf diesem Bild zu sehen?", german, picture="coffee.png")


def write_texts(folder: str) -> None:
    """Write the readme and the licences of each package that the light core stands on, and what its modules say."""
    texts = os.path.join(folder, "texts")
    os.makedirs(texts, exist_ok=True)
    for name, text in (*_of_packages(), *_of_documentation()):
        with open(os.path.join(texts, name), "w", encoding="utf-8") as file:
            file.write(text)


def _of_packages() -> Iterator[tuple[str, str]]:
    for name in sorted(core_packages()):
        package = metadata.distribution(name)
        if readme := str(package.metadata.json.get("description") or "").strip():
            yield f"{name}-readme.md", readme
        for path in package.files or ():
            is_licence = path.name.lower().startswith(("licence", "license", "copying", "notice"))
            if is_licence and path.suffix in ("", ".txt", ".md", ".rst") and "dist-info" in str(path):
                yield f"{name}-{path.stem.lower()}.txt", path.read_text("utf-8")


def core_packages() -> list[str]:
    """Return the names of the packages that ostraka needs whatever else is installed."""
    wanted = metadata.requires("ostraka") or []
    return [one.split(">")[0].split("=")[0].strip() for one in wanted if "extra ==" not in one]


def _of_documentation() -> Iterator[tuple[str, str]]:
    for module in map(import_module, MODULES):
        for test in doctest.DocTestFinder(exclude_empty=True).find(module):
            if test.docstring and len(test.docstring) > 400 and "._" not in test.name:
                yield f"{test.name}.txt", test.docstring
