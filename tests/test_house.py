"""The house: rooms come from this checkout, walls between them hold, and each wall is shown to catch who breaks it."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipelines.commands.doctor import doctor

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = PROJECT["tool"]["importlinter"]["root_packages"]
CONTRACTS: dict[str, dict[str, Any]] = {
    contract["name"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]
}
HEAVY = (
    "numpy",
    "pyarrow",
    "duckdb",
    "PIL",
    "torch",
    "ray",
    "apache_beam",
    "rich",
    "fsspec",
    "py3langid",
    "pandas",
    "s3fs",
    "botocore",
)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_comes_from_this_checkout(room: str) -> None:
    found = importlib.import_module(room).__file__
    assert found and Path(found).resolve() == ROOT / room / "__init__.py"


def test_every_package_of_the_rooms_is_installed() -> None:
    packages = {
        ".".join(init.parent.relative_to(ROOT).parts) for room in ROOMS for init in (ROOT / room).rglob("__init__.py")
    }
    assert packages == set(PROJECT["tool"]["setuptools"]["packages"])


def lint(folder: Path) -> tuple[int, str]:
    """Run import-linter on the rooms of a folder and return its exit code and what it printed."""
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    ran = subprocess.run(
        [sys.executable, "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_wall_holds(copy: Path) -> None:
    code, said = lint(copy)
    assert code == 0, said
    assert f"{len(CONTRACTS)} kept, 0 broken" in said


def violations() -> list[tuple[str, str, str]]:
    """Return, for each contract, every import that it forbids: its name, who imports, what is imported."""
    found = []
    for name, contract in CONTRACTS.items():
        if contract["type"] == "layers":
            floors = [[room.strip() for room in floor.split("|")] for floor in contract["layers"]]
            for height, floor in enumerate(floors):
                above = [room for higher in floors[:height] for room in higher]
                found += [(name, low, high) for low in floor for high in above]
                found += [(name, one, other) for one in floor for other in floor if one != other]
        else:
            modules = contract["source_modules"], contract["forbidden_modules"]
            found += [(name, source, forbidden) for source in modules[0] for forbidden in modules[1]]
    return found


def plant(copy: Path, source: str, line: str) -> None:
    """Put a line into a file of its own in a room, or at the end of a module that is no room."""
    module = copy.joinpath(*source.split("."))
    path = module / "planted.py" if module.is_dir() else module.with_suffix(".py")
    with path.open("a") as file:
        file.write(line)


@pytest.mark.parametrize("name", CONTRACTS)
def test_who_breaks_a_wall_is_caught(copy: Path, name: str) -> None:
    planted = [(source, imported) for contract, source, imported in violations() if contract == name]
    assert planted
    for source, imported in planted:
        plant(copy, source, f"import {imported}\n")
    code, said = lint(copy)
    assert code == 1 and f"{name} BROKEN" in said, said
    for source, imported in planted:
        assert re.search(rf"{source}(\.planted)? -> {imported}", said), said


@pytest.mark.parametrize(("engine", "module"), [("on_ray", "ray"), ("on_beam", "apache_beam")])
def test_an_engines_own_file_may_import_it(copy: Path, engine: str, module: str) -> None:
    (copy / "pipelines" / "engines" / f"{engine}.py").write_text(f"import {module}\n")
    code, said = lint(copy)
    assert code == 0, said


def modules_after(statement: str) -> set[str]:
    """Return the top-level packages that are loaded in a fresh process after a statement."""
    script = f"{statement}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    return {name.partition(".")[0] for name in json.loads(ran.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["ingest", "--help"],
        ["verifiers", "--help"],
        ["plan", "--help"],
        ["serve", "--help"],
        ["--version"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    statement = f"from pipelines.cli import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass"
    loaded = modules_after(statement)
    assert "click" in loaded and not loaded & set(HEAVY), f"loaded: {sorted(loaded & set(HEAVY))} of {sorted(loaded)}"


def test_a_guards_child_begins_without_what_its_annotator_does_not_need() -> None:
    loaded = modules_after("import pipelines.guard.guard")
    heavy = sorted(loaded & set(HEAVY))
    assert not heavy, f"loaded: {heavy} of {sorted(loaded)}"


def test_a_recipe_is_read_and_judged_without_the_compiler() -> None:
    assert "numba" not in modules_after(
        "import pipelines.recipes.built_in, pipelines.query.story, pipelines.run.decide"
    )


@pytest.mark.parametrize(
    ("room", "stands_on"), [("schemas", {"msgspec"}), ("filters", {"msgspec", "numba", "numpy", "schemas"})]
)
def test_a_low_room_loads_no_more_than_it_stands_on(room: str, stands_on: set[str]) -> None:
    files = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / room).rglob("*.py"))
    modules = [".".join(file.parts) for file in files if file.name != "__init__"]
    loaded = modules_after("import " + ", ".join(modules)) - modules_after("import " + ", ".join(stands_on - {room}))
    assert loaded - set(sys.stdlib_module_names) <= {room}, sorted(loaded)


def test_the_doctor_lists_as_core_what_the_core_needs_and_no_extras() -> None:
    shown = CliRunner().invoke(doctor).output.splitlines()
    core = {line.split()[1] for line in shown if line.startswith(" core ")}
    assert core == {re.split(r"[<>=!~; ]", wanted)[0] for wanted in PROJECT["project"]["dependencies"]}
