"""The documentation is tested: its files run, its commands print what it shows, its reference is the code's."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from schemas import tables

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
PRINTED = [
    "tutorial",
    "how-to/bring-in",
    "how-to/fetch",
    "how-to/instructions",
    "how-to/chain-of-thought",
    "how-to/text",
    "how-to/write-an-annotator",
    "how-to/write-a-filter",
    "how-to/write-a-recipe",
    "how-to/balance",
    "how-to/contamination",
    "how-to/documents",
    "how-to/ask-with-sql",
    "how-to/handle-failures",
    "how-to/many-shards",
    "how-to/on-one-machine",
    "how-to/export",
    "how-to/mix",
    "how-to/plan",
    "how-to/train-in-your-own-loop",
    "how-to/safety",
    "how-to/video",
    "how-to/desk-editor",
    "reference/sample-and-tar-form",
    "reference/verifiers",
]
"""All pages with commands but stop-and-go-on, whose commands are stopped by a clock."""


IMPORTED = (
    "duckdb",
    "rich.console",
    "rich.table",
    "pipelines.cli",
    "pipelines.export.export",
    "pipelines.ingest.ingest",
    "pipelines.query.choose",
    "pipelines.query.sql",
    "pipelines.recipes.built_in",
    "pipelines.run.run",
    "trainer.cli",
)
"""What most commands import."""


def load(name: str, folder: Path = DOCS) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{folder.name}_{name}", folder / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


from_code, printed = load("from_code"), load("printed")
forked = load("forked", ROOT / "tests")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def write_files(page: Path, folder: Path) -> None:
    for found in printed.BLOCK.finditer(page.read_text()):
        if found["file"]:
            (folder / found["file"]).write_text(found["body"])


def commands_of(page: Path) -> Iterator[str]:
    for found in printed.BLOCK.finditer(page.read_text()):
        if not found["file"]:
            yield from printed.commands(found["body"])


def ostraka_calls(command: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of ostraka in a shell command."""
    lexer = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    call: list[str] | None = None
    for word in [*lexer, ";"]:
        if set(word) <= set("|&;()<>"):
            if call:
                yield call
            call = None
        elif word == "ostraka" and call is None:
            call = []
        elif call is not None:
            call.append(word)


def run(arguments: list[str], folder: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments], cwd=folder, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_annotator_shown_tells_black_from_white_and_its_recipe_drops_the_dark_one(tmp_path):
    from PIL import Image

    write_files(DOCS / "how-to" / "write-an-annotator.md", tmp_path)
    for colour in ("white", "black"):
        Image.new("RGB", (64, 64), colour).save(tmp_path / f"{colour}.png")
    run(["ingest", ".", "--as", "folder", "--dataset", "two", "--shelf", "shelf"], tmp_path)
    run(["run", "--recipe", "mine:recipe", "--shelf", "shelf"], tmp_path)
    query = (
        "select name, brightness, outcome, reason from samples join notes_brightness using (shard, row) "
        "join verdicts using (shard, row) order by name"
    )
    assert run(["sql", query, "--shelf", "shelf", "--format", "csv"], tmp_path).splitlines()[1:] == [
        "black.png,0.0,dropped,score_too_low",
        "white.png,1.0,kept,",
    ]


def test_the_filters_shown_judge_a_made_source(tmp_path, picture):
    write_files(DOCS / "how-to" / "write-a-filter.md", tmp_path)
    (tmp_path / "source").mkdir()
    for seed, size in enumerate([(320, 240), (240, 320), (500, 100), (100, 500), (400, 100), (300, 100), (300, 50)]):
        (tmp_path / "source" / f"{seed}.jpg").write_bytes(picture(seed, size))
    run(["ingest", "source", "--licence", "CC0-1.0", "--shelf", "shelf"], tmp_path)
    run(["run", "--recipe", "mine:recipe", "--shelf", "shelf"], tmp_path)
    run(["run", "--recipe", "balance:recipe", "--shelf", "shelf"], tmp_path)
    query = "select split_part(recipe, '@', 1), reason, count(*) from verdicts group by all order by all"
    assert run(["sql", query, "--shelf", "shelf", "--format", "csv"], tmp_path).splitlines()[1:] == [
        "balanced,,5",
        "balanced,licence_is_full,2",
        "wide,,5",
        "wide,not_wide_enough,2",
    ]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=name_of)
def test_every_command_shown_uses_verbs_and_options_that_exist(page, monkeypatch):
    if "export OSTRAKA_DESK=" in page.read_text():
        monkeypatch.setenv("OSTRAKA_DESK", "desk")
    for command in commands_of(page):
        for verb, *arguments in ostraka_calls(command):
            if verb.startswith("-"):
                continue
            assert verb in from_code.verbs(), command
            try:
                found = from_code.verbs()[verb]
                context = found.make_context(verb, [*arguments])
                if isinstance(found, click.Group) and arguments:
                    name, under, rest = found.resolve_command(context, arguments)
                    under.make_context(name, rest, parent=context)
            except click.exceptions.Exit:
                pass
            except click.UsageError as error:
                if "does not exist" not in error.format_message():  # a file that the page writes before
                    pytest.fail(f"{command}: {error.format_message()}")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=name_of)
def test_every_option_named_in_the_text_exists(page):
    verbs = list(from_code.verbs().values())
    verbs += [one for verb in verbs if isinstance(verb, click.Group) for one in verb.commands.values()]
    known = {option for verb in verbs for one in verb.params for option in one.opts}
    for verb, rest in re.findall(r"`ostraka ([a-z][a-z-]*)([^`\n]*)`", page.read_text()):
        assert verb in from_code.verbs(), verb
        assert set(re.findall(r"--[a-z-]+", rest)) <= known | {"--help"}, rest


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """A folder with an `ostraka` that is forked from a process with its imports, which are most of its time."""
    folder = tmp_path_factory.mktemp("bin")
    with forked.fork_server(*IMPORTED) as server:
        server.write_command(folder / "ostraka")
        yield folder


@pytest.mark.parametrize("page", PRINTED)
def test_commands_print_what_the_page_shows(page, commands, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(printed, "BIN", f"{commands}{os.pathsep}{printed.BIN}")
    differs = printed.main(["--check", str(DOCS / f"{page}.md")])
    assert not differs, f"mend it with: python docs/printed.py\n{capsys.readouterr().out}"


def test_pages_with_commands_are_all_run_but_the_one_with_a_clock():
    shown = {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES if any(commands_of(page))}
    assert {name for name in shown if name.split("/")[0] in ("tutorial", "how-to")} - {*PRINTED} == {
        "how-to/stop-and-go-on"
    }


@pytest.mark.parametrize("name", ["plan", "catalog", "decisions", "counts", "verdicts", "sidecar", "notes"])
def test_the_tables_of_the_shelf_page_are_those_of_the_code(name):
    page = (DOCS / "reference" / "shelf.md").read_text()
    section = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", page, re.M | re.S)
    assert section
    shown = re.findall(r"^\| `(\w+)` \| ([\w<>]+) \| \S", section[1], re.M)
    code = {"decisions": "DECISION", "verdicts": "VERDICT", "notes": "SEEN"}.get(name, name.upper())
    assert shown == [(column.name, column.kind) for column in getattr(tables, code)]


def test_every_table_of_the_code_is_on_the_shelf_page():
    there = {name for name, value in vars(tables).items() if name.isupper() and isinstance(value, tuple)}
    of_some = {"CLIP_SIDECAR", "WAITING", "PEOPLE"}
    assert there - of_some == {"PLAN", "CATALOG", "DECISION", "VERDICT", "SIDECAR", "SEEN", "COUNTS"}
    page = (DOCS / "reference" / "export.md").read_text()
    assert all(f"`{column.name}`" in page for column in (*tables.CLIP_SIDECAR[len(tables.SIDECAR) :], *tables.PEOPLE))


def test_the_reference_of_errors_names_every_reason_that_the_code_gives():
    code = "\n".join(
        path.read_text() for room in ("schemas", "annotators", "pipelines") for path in (ROOT / room).rglob("*.py")
    )
    given = set(re.findall(r'(?:\bBadSample\(|\bFailed\(|\bfailed=)\s*"([a-z0-9_]+)"', code)) - {"dictionary"}
    page = (DOCS / "reference" / "errors.md").read_text()
    assert given == set(re.findall(r"^\| `([a-z0-9_]+)` \|", page, re.M))


def test_the_views_of_the_sql_page_have_the_columns_shown(tmp_path, picture):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "one.jpg").write_bytes(picture(1))
    run(["ingest", "source", "--shelf", "shelf"], tmp_path)
    run(["run", "headers-only", "--shelf", "shelf"], tmp_path)
    page = (DOCS / "how-to" / "ask-with-sql.md").read_text()
    for view, columns in re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page, re.M):
        described = run(["sql", f"describe {view}", "--shelf", "shelf", "--format", "csv"], tmp_path)
        there = [line.split(",")[0] for line in described.splitlines()[1:]]
        assert re.findall(r"`(\w+)`", columns) == there, view


def test_generated_sections_name_every_verb_option_filter_and_note():
    from schemas.vocabulary.all import NAMES

    for name, verb in from_code.verbs().items():
        for option in (option for one in verb.params if isinstance(one, click.Option) for option in one.opts):
            section = from_code.SECTIONS["verbs"]().split(f"## {name}\n")[1].split("\n## ")[0]
            assert f"`{option}" in section
    assert all(f"`{name}`" in from_code.SECTIONS["vocabulary"]() for name in NAMES)
    filters = from_code.SECTIONS["filters"]()
    defined = re.findall(
        r"^class ([A-Z]\w+)\(", "\n".join(p.read_text() for p in (ROOT / "filters").glob("*.py")), re.M
    )
    abstract = {
        "Lists",
        "Columns",
        "Lost",
        "Spread",
        "Signatures",
        "CorpusFilter",
        "Judgement",
        "Filter",
        "ColumnFilter",
    }
    abstract |= {"OfOneNote"}
    assert {name for name in defined if f"## {name}\n" in filters} == set(defined) - abstract


def test_the_documentation_builds_without_a_warning(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "sphinx", "--fail-on-warning", "--nitpicky", "--quiet", DOCS, tmp_path / "html"],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ended.returncode == 0, ended.stderr
    assert "min_side" in (tmp_path / "html" / "tutorial.html").read_text()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_path_of_the_machine_it_was_written_on(page):
    folders = re.findall(r"(?<![\w.~/:-])/(?:tmp|work|root|home|mnt|workspace)/[\w./-]+", page.read_text())
    assert [folder for folder in folders if not folder.startswith("/home/you/try")] == []
