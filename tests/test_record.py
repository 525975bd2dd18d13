"""A run's record: what it did and cost is there however it ended, and what opens a door is not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.query.runs import KILLED, find_run, status_of
from pipelines.record.failure import Failure
from pipelines.record.memory import Watch
from pipelines.record.record import MOST_DETAILS, Record, recorded
from pipelines.record.stamp import ROOMS, code_digest, pins_digest, stamp
from pipelines.shelf.shelf import Shelf
from schemas.errors import Unavailable

ROOT = Path(__file__).resolve().parent.parent
HELD_MIB = 200

KILLED_IN_A_STEP = """
import os, signal, sys
from pipelines.record.record import recorded
from pipelines.shelf.shelf import Shelf

with recorded(Shelf(sys.argv[1]), "run", {"recipe": "mine@0"}) as record:
    with record.step("annotate", samples=7):
        record.count("looked_at.mine", 7)
    with record.step("decide"):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def told(shelf: Shelf) -> dict[str, Any]:
    """Return the latest record of a shelf as it stands in its file."""
    latest = max(Path(shelf.path("runs")).glob("*/record.json"))
    return json.loads(latest.read_text())


def child(script: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


def test_an_ingest_records_its_steps_and_failures(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    (tmp_path / "in").mkdir()
    for n in range(7):
        (tmp_path / "in" / f"{n}.jpg").write_bytes(picture(n))
    (tmp_path / "in" / "8.jpg").write_bytes(b"")
    (tmp_path / "in" / "9.jpg").write_bytes(b"words")
    shelf = Shelf(str(tmp_path / "s"))
    ingest(shelf, str(tmp_path / "in"), Local(1), cut=Cut(rows=4))
    record = told(shelf)
    assert [(step["name"], step["status"], step["samples"]) for step in record["steps"]] == [
        ("list and plan", "done", 9),
        ("make shards", "done", 9),
        ("key map", "done", 0),
    ]
    assert record["failed"] == {"ingest": {"empty_file": 1, "unknown_format": 1}}
    assert record["counts"] == {"samples": 7, "empty_file": 1, "unknown_format": 1}
    for step in record["steps"]:
        assert step["samples_per_s"] == pytest.approx(step["samples"] / step["seconds"], rel=0.2, abs=100)
        assert 0 < step["peak_rss_mib"] <= step["peak_tree_mib"] <= record["peak_tree_mib"]


def test_every_failure_is_counted_and_ten_thousand_are_told(tmp_path: Path) -> None:
    shelf, reasons = Shelf(str(tmp_path)), ("undecodable", "resource")
    failures = [
        Failure("000000", f"{n:032x}", f"a{n % 100 // 98}", reasons[n % 50 // 49], f"d{n}")
        for n in range(MOST_DETAILS + 1_000)
    ]
    with recorded(shelf, "run", {}) as record:
        record.failed(failures[:9_999])
        record.publish()
        record.failed(failures[9_999:])
    assert max(Counter(failure.reason for failure in failures).values()) > MOST_DETAILS
    counted = Counter((failure.annotator, failure.reason) for failure in failures)
    found = told(shelf)["failed"]
    assert {(who, why): count for who, by_reason in found.items() for why, count in by_reason.items()} == counted
    [lines] = [path.read_text().splitlines() for path in (tmp_path / "runs").glob("*/failures.jsonl")]
    assert [json.loads(line)["detail"] for line in lines] == [f"d{n}" for n in range(MOST_DETAILS)]


def test_a_killed_run_leaves_how_far_it_came_and_is_seen_to_be_dead(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path))
    ended = child(KILLED_IN_A_STEP, shelf.url)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    run = find_run(shelf, "last")
    assert [(step.name, step.status, step.samples) for step in run.steps] == [
        ("annotate", "done", 7),
        ("decide", "running", 0),
    ]
    assert (run.status, run.counts, status_of(run)) == ("running", {"looked_at.mine": 7}, KILLED)


@pytest.mark.parametrize(
    ("mine", "status"),
    [
        ({}, "running"),
        ({"process": "1"}, KILLED),
        ({"host": "another machine", "process": "1"}, "running"),
        ({"process": ""}, "running"),
        ({"host": "", "process": ""}, "running"),
    ],
    ids=["lives", "its number was given to another process", "on another machine", "no /proc", "nothing is known"],
)
def test_a_run_is_called_killed_only_where_its_process_is_known_to_be_gone(
    tmp_path: Path, mine: Mapping[str, str], status: str
) -> None:
    shelf = Shelf(str(tmp_path))
    with recorded(shelf, "run", {}) as record:
        for name, value in mine.items():
            setattr(record.fields, name, value)
        record.publish()
        assert status_of(find_run(shelf, "last")) == status
    assert status_of(find_run(shelf, "last")) == "done"


def test_a_step_in_which_something_stops_the_run_says_so(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path))
    with pytest.raises(Unavailable), recorded(shelf, "run", {}) as record, record.step("decide") as add:
        add(3)
        raise Unavailable("the disk is full", where="here")
    record_told = told(shelf)
    assert (record_told["status"], record_told["error"]) == ("stopped", "here: the disk is full")
    assert [(step["status"], step["samples"]) for step in record_told["steps"]] == [("stopped", 3)]


def test_a_long_step_publishes_as_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, now = Shelf(str(tmp_path)), [0.0]
    monkeypatch.setattr("pipelines.record.record.time.monotonic", lambda: now[0])
    with recorded(shelf, "run", {}) as record, record.step("annotate") as add:
        now[0] = 9.0
        add(5)
        assert told(shelf)["steps"][0]["samples"] == 0
        now[0] = 20.0
        add(15)
        step = told(shelf)["steps"][0]
        assert (step["samples"], step["seconds"], step["samples_per_s"], step["status"]) == (20, 20.0, 1.0, "running")


def test_versions_are_of_what_is_installed(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path))
    with recorded(shelf, "run", {}, packages=("py3langid", "not-a-package")):
        pass
    versions = told(shelf)["versions"]
    assert versions["py3langid"] == metadata.version("py3langid") and versions["numpy"] == metadata.version("numpy")
    assert versions["python"] == sys.version.split()[0] and "not-a-package" not in versions


def test_the_pins_are_stamped_with_what_an_annotator_is_made_with() -> None:
    assert stamp(("py3langid",)).pins != stamp().pins == stamp(("not-a-package",)).pins
    assert pins_digest({"b": "2", "a": "1"}) == pins_digest({"a": "1", "b": "2"}) != pins_digest({"a": "2", "b": "1"})


files = st.dictionaries(
    st.tuples(st.sampled_from(ROOMS), st.sampled_from(["a.py", "b.py", "deep/a.py"])).map("/".join),
    st.binary(max_size=3),
    max_size=6,
)


@given(files, files)
def test_two_codes_have_one_stamp_only_if_paths_and_bytes_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    assume(one != other)

    def digest(code: dict[str, bytes]) -> str:
        folder = tmp_path_factory.mktemp("code")
        for name, content in reversed(code.items()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return code_digest(str(folder))

    assert digest(one) != digest(other)
    assert digest(one) == digest(dict(sorted(one.items(), reverse=True)))


def test_the_stamp_of_a_code_is_the_same_on_every_machine(tmp_path: Path) -> None:
    for name in ("schemas/a.py", "annotators/deep/b.py", "annotators/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert code_digest(str(tmp_path)) == "edeec7b9d4dd9c67"


def test_the_same_code_elsewhere_has_the_same_stamp_until_a_byte_changes(tmp_path: Path) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room)
    script = "from pipelines.record.stamp import stamp; print(stamp().code)"
    (tmp_path / "trainer.py").write_text("")
    (tmp_path / "pipelines" / "notes.txt").write_text("no code")
    assert child(script, folder=tmp_path).stdout.strip() == stamp().code
    (tmp_path / "filters" / "__init__.py").write_text('"""Another."""\n')
    assert child(script, folder=tmp_path).stdout.strip() != stamp().code


def test_nothing_that_opens_a_door_is_written_into_a_record(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path))
    url = "https://ann:PASSWORD@example.org/list.jsonl?X-Amz-Signature=SIGNED&part=2"
    failure = Failure("000000", "0" * 32, "ingest", "changed_since_listed", f"{url} is not as it was")
    with pytest.raises(OSError), recorded(shelf, "ingest", {"source": url, "deep": [{"to": url}]}) as record:
        record.failed([failure])
        raise OSError(f"{url} does not answer")
    written = "".join(path.read_text() for path in tmp_path.rglob("*.json*"))
    assert written.count("https://***@example.org/list.jsonl?X-Amz-Signature=***&part=2") == 4
    error = Unavailable("does not answer", where=url)
    assert error.where == url
    for said in (written, str(error)):
        assert "PASSWORD" not in said and "SIGNED" not in said


def test_memory_of_a_grandchild_counts() -> None:
    watch = Watch()
    hold = f"held = b'x' * ({HELD_MIB} << 20); print('ready', flush=True); input()"
    command = ["sh", "-c", f'"$0" -c "{hold}"; true', sys.executable]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdin and shell.stdout and shell.stdout.readline() == "ready\n"
        largest_mib, all_mib = watch.peaks_mib()
        own_mib = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        shell.stdin.close()
    assert largest_mib >= HELD_MIB
    assert all_mib >= own_mib + HELD_MIB - 20
    assert watch.peaks_mib()[1] >= all_mib, "a peak stays when what caused it is gone"


def test_a_record_is_readable_at_every_moment(tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path))
    seen: list[str] = []

    def look(record: Record) -> None:
        seen.append(find_run(shelf, record.id).status)

    with recorded(shelf, "run", {}) as record:
        look(record)
        with record.step("one"):
            look(record)
    look(record)
    assert seen == ["running", "running", "done"]
