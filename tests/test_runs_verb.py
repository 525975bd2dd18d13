"""`ostraka runs`: what each run did and cost, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipelines.commands.runs import runs
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.query.runs import all_runs
from pipelines.record.failure import Failure
from pipelines.record.record import recorded
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput


def asked(shelf: Shelf, *arguments: str) -> str:
    """Return what the verb prints; raises what it raises."""
    ended = CliRunner().invoke(runs, [*arguments, "--shelf", shelf.url], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return "".join(f"{line.rstrip()}\n" for line in ended.output.splitlines())


def cells(printed: str, verb: str) -> list[str]:
    """Return the cells of the row of a verb."""
    [row] = [line for line in printed.splitlines() if f" {verb} " in line]
    return [cell.strip() for cell in row.split("   ") if cell.strip()]


@pytest.fixture
def shelf(tmp_path: Path, picture: Callable[..., bytes]) -> Iterator[Shelf]:
    """A shelf with an ingest of three rows, a run that stopped, a run that ended, and an export."""
    (tmp_path / "in").mkdir()
    for n in range(2):
        (tmp_path / "in" / f"{n}.jpg").write_bytes(picture(n))
    (tmp_path / "in" / "2.jpg").write_bytes(b"")
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path / "in"), Local(1), dataset="photos")
    with pytest.raises(BadInput), recorded(shelf, "run", {"recipe": "early@0123456789"}):
        raise BadInput("no such [red]filter[/red]")
    config = {"recipe": "light@0123456789", "annotators": ["header@aa", "pixels@bb"], "options": {"max_failed": 0.05}}
    with recorded(shelf, "run", config) as record:
        with record.step("annotate header", samples=40):
            record.failed([Failure("000000", "a" * 32, "header", "undecodable", "cut short")] * 2)
        for outcome, number in (("kept", 30), ("dropped", 8), ("failed", 2)):
            record.count(outcome, number)
    with recorded(shelf, "export", {"name": "demo", "recipe": "light@0123456789"}) as record:
        record.count("samples", 30)
        record.count("shards", 1)
    yield shelf


def test_the_list_says_what_came_and_what_became_of_it(shelf: Shelf) -> None:
    printed = asked(shelf)
    assert cells(printed, "ingest photos")[1:3] == ["ingest photos", "done"]
    assert cells(printed, "ingest photos")[-1] == "3 = 2 + 0 + 1"
    assert cells(printed, "run light")[-1] == "40 = 30 + 8 + 2"
    assert cells(printed, "run early")[2] == "stopped"
    assert cells(printed, "export demo")[-1] == "30 samples, 1 shards"
    order = [printed.index(f" {verb} ") for verb in ("ingest photos", "run early", "run light", "export demo")]
    assert order == sorted(order)


def test_the_speed_is_samples_by_seconds(shelf: Shelf) -> None:
    path = Path(shelf.path("runs", all_runs(shelf)[2].id, "record.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "seconds": 16.0}))
    assert cells(asked(shelf), "run light")[3:5] == ["16.0", "2"]


def test_every_id_of_the_list_names_its_run(shelf: Shelf) -> None:
    listed = [line.split()[0] for line in asked(shelf).splitlines() if line.strip()[:2] == "20"]
    assert len({*listed}) == 4
    for short, run in zip(listed, all_runs(shelf), strict=True):
        assert asked(shelf, short).startswith(f"{run.id}  {run.verb}")


def test_one_run_is_told_with_steps_failures_config_and_versions(shelf: Shelf) -> None:
    run = all_runs(shelf)[2]
    printed = asked(shelf, run.id)
    for told in (
        "run light@0123456789  done",
        "40 in = 30 kept + 8 dropped + 2 failed",
        "annotators           header@aa\n",
        "options.max_failed   0.05",
        f"code {run.stamp.code}, packages {run.stamp.pins}",
        f"numpy {run.versions['numpy']}",
        f"why each failed: {shelf.path('runs', run.id, 'failures.jsonl')}",
    ):
        assert told in printed, printed
    assert cells(printed, "annotate header")[:2] == ["annotate header", "done"]
    assert cells(printed, "annotate header")[3] == "40"
    assert cells(printed, "undecodable") == ["header", "undecodable", "2"]


def test_what_stopped_a_run_is_told_as_text(shelf: Shelf) -> None:
    assert "no such [red]filter[/red]" in asked(shelf, all_runs(shelf)[1].id)


def test_last_is_the_latest(shelf: Shelf) -> None:
    assert asked(shelf, "last") == asked(shelf, all_runs(shelf)[-1].id)


def test_json_is_a_record_a_line(shelf: Shelf) -> None:
    there: list[dict[str, Any]] = [
        json.loads(Path(shelf.path("runs", run.id, "record.json")).read_text()) for run in all_runs(shelf)
    ]
    assert [json.loads(line) for line in asked(shelf, "--format", "json").splitlines()] == there
    assert json.loads(asked(shelf, "last", "--format", "json")) == there[-1]


def test_json_says_of_a_killed_run_that_it_was(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path))
    with recorded(shelf, "run", {"recipe": "light@0"}) as record:
        record.fields.process = "1"
        with record.step("annotate header"):
            assert json.loads(asked(shelf, "last", "--format", "json"))["status"] == "stopped (killed?)"
            assert "stopped (killed?)" in asked(shelf)
            assert cells(asked(shelf, "last"), "annotate header")[1] == "not ended"


def test_a_record_of_fewer_fields_is_shown(tmp_path: Path) -> None:
    (tmp_path / "runs" / "20260101T000000.000000-1").mkdir(parents=True)
    few = {"id": "20260101T000000.000000-1", "verb": "run", "status": "done", "began": "2026-01-01T00:00:00+00:00"}
    (tmp_path / "runs" / "20260101T000000.000000-1" / "record.json").write_text(json.dumps({**few, "config": {}}))
    (tmp_path / "runs" / "20260101T000000.000000-2").mkdir()
    shelf = Shelf(str(tmp_path))
    assert "20260101T000000" in asked(shelf) and "began 2026-01-01 00:00:00 UTC" in asked(shelf, "last")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["1999"], "no run's id begins with '1999'; `ostraka runs` lists them"),
        (["20"], "4 runs begin with '20'"),
    ],
)
def test_an_id_that_names_no_run_or_several_is_refused(shelf: Shelf, arguments: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said.replace("?", r"\?")):
        asked(shelf, *arguments)


@pytest.mark.parametrize("made", [True, False])
def test_where_nothing_was_run_the_verb_says_how_to_begin(tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "s").mkdir()
    with pytest.raises(BadInput, match="nothing was run on this shelf; begin with `ostraka ingest SOURCE`"):
        asked(Shelf(str(tmp_path / "s")))


@pytest.mark.parametrize("damage", ["{", "[]", '{"id": 3}'])
def test_a_file_that_is_no_record_is_named(shelf: Shelf, damage: str) -> None:
    path = Path(shelf.path("runs", all_runs(shelf)[0].id, "record.json"))
    path.write_text(damage)
    with pytest.raises(BadInput, match="it is no run's record") as refused:
        asked(shelf)
    assert refused.value.where == str(path)
