"""Beam: the bytes of the local engine on two runners; what is lost ends the run with a message."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.engines.asked import Asked, engine_of
from pipelines.engines.engine import Engine
from pipelines.engines.local import Local
from pipelines.engines.on_beam import Beam
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, TooManyFailed, Unavailable

pytest.importorskip("apache_beam")

ROOT = Path(__file__).resolve().parent.parent
SHARDS = [f"{number:06d}" for number in range(7)]
TINY_GIB = 1e-9

WORK = '''
import os, signal, time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from msgspec import Struct
from schemas.errors import BadInput, TooManyFailed, Unavailable

class Found(Struct):
    twice: int
    by: Counter[str]

class Doubles(Struct, frozen=True):
    """Answers with twice the shard's number, unless `dies`, `raises` or `opens` says otherwise."""

    folder: str
    dies: str = ""
    raises: str = ""
    opens: bool = True
    hangs_s: float = 0.0

    @contextmanager
    def open(self) -> Iterator[Callable[[str], Found]]:
        if not self.opens:
            raise Unavailable("the weights are not there", where="worker")
        open(f"{self.folder}/opened-{os.getpid()}", "w").close()
        yield self.do
        open(f"{self.folder}/closed-{os.getpid()}", "w").close()

    def do(self, shard: str) -> Found:
        with open(f"{self.folder}/{shard}", "a") as file:
            print(os.getpid(), file=file)
        if shard == self.dies[-6:] and (self.dies[:1] == "!" or len(open(f"{self.folder}/{shard}").readlines()) == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.hangs_s)
        if shard == self.raises[-6:]:
            if self.raises[:1] == "!":
                raise OSError(28, "No space left", "there")
            raise TooManyFailed("6 of 7", where="x")
        return Found(2 * int(shard), Counter([shard]))
'''

RECIPE = """
import os, signal, time
from typing import ClassVar

from annotators.annotator import Annotator, Subject
from annotators.header import Header
from pipelines.recipes.recipe import Annotate, Recipe
from schemas.note import Noted
from schemas.vocabulary import Name

HERE = os.path.dirname(os.path.abspath(__file__))
WHAT = {folder!r}

class Slow(Annotator, frozen=True):
    writes: ClassVar = (Name("slow", "float64", "", "none"),)

    def look(self, subject: Subject) -> Noted:
        if os.path.exists(WHAT + "/kill") and subject.sample.source.row.startswith("23"):
            os.remove(WHAT + "/kill")
            os.kill(os.getppid(), signal.SIGKILL)
        if os.path.exists(WHAT + "/wait") and subject.sample.source.row.startswith("23"):
            open(WHAT + "/begun", "w").close()
            time.sleep(60)
        return Noted({{"slow": 1.0}})

def slow() -> Recipe:
    return Recipe("slow", Annotate(Header()), Annotate(Slow()))
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """Import a module from a folder of its own, which no worker knows of."""
    made: list[str] = []

    def make(name: str, text: str) -> Any:
        (tmp_path / "own").mkdir(exist_ok=True)
        (tmp_path / "own" / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path / "own"))
        made.append(name)
        return importlib.import_module(name)

    yield make
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for n in range(60):
        data = picture(n // 2 if n % 10 == 1 else n)
        (folder / f"{n:02d}.jpg").write_bytes(data[:-600] if n == 15 else data)
        (folder / f"{n:02d}.txt").write_text(f"The small boat number {n} rests on the shore of a quiet lake.")
    return folder


def curate(folder: Path, source: Path, engine: Engine) -> dict[str, int]:
    shelf = Shelf(str(folder))
    ingest(shelf, str(source), engine, cut=Cut(rows=10))
    counts = run(shelf, find_recipe("caption-light"), engine)
    export(shelf, "train", "", engine, ExportOptions())
    return counts


@pytest.fixture(scope="module")
def job_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Beam's own job server in Python, on a free port."""
    folder = tmp_path_factory.mktemp("job-server")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main", "--port", str(port)]
    with (folder / "job-server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    wait_for_port(server, port)
    yield f"localhost:{port}"
    server.kill()
    server.wait()


def wait_for_port(server: subprocess.Popen[bytes], port: int) -> None:
    while server.poll() is None:
        try:
            socket.create_connection(("localhost", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)


def test_both_runners_give_the_bytes_of_one_process_and_of_two_in_memory_and_in_buckets(
    tmp_path: Path, source: Path, job_endpoint: str, tree_digest: Callable[..., dict[str, str]]
) -> None:
    counts = curate(tmp_path / "local1", source, Local(1))
    assert counts["failed"] == 1 and min(counts.values()) > 0
    whole = tree_digest(tmp_path / "local1")
    portable = Beam(1, "PortableRunner", (f"--job_endpoint={job_endpoint}", "--environment_type=LOOPBACK"))
    for name, engine in [("local2", Local(2)), ("beam", Beam()), ("portable", portable)]:
        assert curate(tmp_path / name, source, engine) == counts
        assert tree_digest(tmp_path / name) == whole, name
    for folder in ("notes", "decisions", "verdicts", "runs"):
        shutil.rmtree(tmp_path / "beam" / folder)
    in_buckets = RunOptions(memory_gib=TINY_GIB)
    assert run(Shelf(str(tmp_path / "beam")), find_recipe("caption-light"), Beam(), in_buckets) == counts
    assert tree_digest(tmp_path / "beam") == whole


def test_beam_notes_videos_as_one_process_does(
    tmp_path: Path, drawn: Callable[[Drawing], Drawn], tree_digest: Callable[..., dict[str, str]]
) -> None:
    """The models that read texts and embed frames run on Ray's workers, in its own test."""
    recipe = find_recipe("video")
    (tmp_path / "clips").mkdir()
    for place, move in enumerate(("pan_left", "zoom_in", "static")):
        pieces = (Piece(move, 18, place), Piece("tilt_up", 18, 3))
        clip = drawn(Drawing(f"on an engine {move}", pieces, between=place, text="DIPYLON"))
        (tmp_path / "clips" / f"{place}.txt").write_text(f"The camera does {move}.")
        (tmp_path / "clips" / f"{place}.mp4").write_bytes(clip.content[: 6000 if move == "static" else None])
    for engine, folder in ((Local(1), "local"), (Beam(), "engine")):
        shelf = Shelf(str(tmp_path / folder))
        ingest(shelf, str(tmp_path / "clips"), engine, cut=Cut(rows=2))
        counts = run(shelf, recipe, engine, RunOptions(max_failed=1.0))
        assert counts == {"kept": 2, "dropped": 0, "failed": 1}
    assert tree_digest(tmp_path / "engine") == tree_digest(tmp_path / "local")


@pytest.mark.parametrize("temp", [False, True])
def test_every_shard_is_answered_once_and_the_answers_leave_nothing_behind(
    tmp_path: Path, module: Callable[..., Any], temp: bool
) -> None:
    (tmp_path / "answers").mkdir()
    work = module("own_work", WORK).Doubles(str(tmp_path))
    engine = Beam(temp=str(tmp_path / "answers") if temp else "")
    answers = dict(engine.map(work, SHARDS))
    assert {shard: (one.twice, one.by) for shard, one in answers.items()} == {
        shard: (2 * int(shard), {shard: 1}) for shard in SHARDS
    }
    opened, closed = (sorted(path.name[7:] for path in tmp_path.glob(f"{what}-*")) for what in ("opened", "closed"))
    assert opened == closed == [str(os.getpid())]
    assert not list((tmp_path / "answers").iterdir())


def test_what_goes_wrong_comes_out_as_itself(tmp_path: Path, module: Callable[..., Any]) -> None:
    doubles = module("own_work", WORK).Doubles
    for work, error, said in [
        (doubles(str(tmp_path), raises=SHARDS[1]), TooManyFailed, "x: 6 of 7"),
        (doubles(str(tmp_path), raises=f"!{SHARDS[1]}"), OSError, "No space left"),
        (doubles(str(tmp_path), opens=False), Unavailable, "worker: the weights are not there"),
    ]:
        with pytest.raises(error, match=said):
            list(Beam().map(work, SHARDS))


def test_no_shard_done_in_time_ends_the_run_and_the_worker_begins_no_other(
    tmp_path: Path, module: Callable[..., Any]
) -> None:
    work = module("own_work", WORK).Doubles(str(tmp_path), hangs_s=4.0)
    with pytest.raises(Unavailable, match="no shard was done for 1 s"):
        list(Beam(wait_s=1.0).map(work, SHARDS))
    until = time.monotonic() + 300
    while not list(tmp_path.glob("closed-*")) and time.monotonic() < until:
        time.sleep(0.05)
    assert list(tmp_path.glob("closed-*")) and len(list(tmp_path.glob("0*"))) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_is_killed_ends_the_run_with_a_message_and_the_same_work_goes_on(
    tmp_path: Path, module: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = module("own_work", WORK).Doubles(str(tmp_path), dies=SHARDS[2])
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'own'}{os.pathsep}{ROOT}")
    wait_s = 8.0
    while not (tmp_path / SHARDS[2]).exists():
        with pytest.raises(Unavailable, match="the same command goes on"):
            list(Beam(2, wait_s=wait_s).map(work, SHARDS))
        wait_s *= 2
    assert {shard for shard, _ in Beam(2).map(work, SHARDS)} == {*SHARDS}


def test_a_worker_with_other_code_is_refused_before_it_builds_the_work(
    tmp_path: Path, module: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ("schemas", "filters", "annotators", "pipelines"):
        shutil.copytree(ROOT / room, tmp_path / "other" / room, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "other" / "filters" / "exact.py").open("a") as file:
        file.write("OTHER = 1\n")
    work = module("own_work", WORK).Doubles(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'other'}{os.pathsep}{tmp_path / 'own'}")
    with pytest.raises(Unavailable, match=r"filters \(driver \w{10}, worker \w{10}\); install") as refused:
        list(Beam(2).map(work, SHARDS))
    assert "schemas" not in str(refused.value) and not list(tmp_path.glob("opened-*"))


def test_a_runner_that_is_none_and_a_job_server_that_is_not_there_are_said_at_once(
    tmp_path: Path, module: Callable[..., Any]
) -> None:
    work = module("own_work", WORK).Doubles(str(tmp_path))
    with pytest.raises(BadInput, match=r"--runner NoRunner: .*FnApiRunner"):
        list(Beam(1, "NoRunner").map(work, SHARDS))
    with pytest.raises(BadInput, match="--beam-temp"):
        list(Beam(1, "DataflowRunner").map(work, SHARDS))
    with socket.socket() as closed:
        closed.bind(("localhost", 0))
        endpoint = f"localhost:{closed.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"{endpoint}: no Beam job server"):
            list(Beam(1, "PortableRunner", (f"--job_endpoint={endpoint}",)).map(work, SHARDS))


PORTABLE_DRIVER = """
import sys
from own_work import Doubles
from pipelines.engines.on_beam import Beam

if __name__ == "__main__":
    options = tuple(f"--{option}" for option in sys.argv[2:])
    list(Beam(1, "PortableRunner", options).map(Doubles(sys.argv[1], hangs_s=2.0), [f"{n:06d}" for n in range(7)]))
"""


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Beam's worker pool on a free port, the last of its arguments, which knows the test's own modules."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", "--service_port", str(port)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": f"{tmp_path / 'own'}{os.pathsep}{ROOT}"}
    with (tmp_path / "pool.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=log, stderr=log)
    wait_for_port(server, port)
    yield server
    server.kill()
    server.wait()


def test_a_driver_that_is_killed_leaves_no_work_to_a_pool_and_no_answers_to_the_next(
    tmp_path: Path,
    module: Callable[..., Any],
    job_endpoint: str,
    pool: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = module("own_work", WORK).Doubles(str(tmp_path))
    (tmp_path / "driver.py").write_text(PORTABLE_DRIVER)
    (tmp_path / "answers").mkdir()
    where = f"localhost:{pool.args[-1]}"  # type: ignore[index]
    options = (f"job_endpoint={job_endpoint}", "environment_type=EXTERNAL", f"environment_config={where}")
    env = {"PYTHONPATH": f"{tmp_path / 'own'}{os.pathsep}{ROOT}", "TMPDIR": str(tmp_path / "answers")}
    driver = subprocess.Popen([sys.executable, tmp_path / "driver.py", tmp_path, *options], env={**os.environ, **env})
    while not list(tmp_path.glob("0*")) and driver.poll() is None:
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    while children_of(pool.pid):
        time.sleep(0.05)
    assert len(list(tmp_path.glob("0*"))) == 1
    assert len(list((tmp_path / "answers").glob("ostraka-*"))) == 1
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "answers"))
    assert len(list(Beam().map(work, SHARDS))) == len(SHARDS)
    assert not list((tmp_path / "answers").glob("ostraka-*"))


def children_of(pid: int) -> list[str]:
    """Return the processes that a process started, by any of its threads, and that have not ended."""
    children = [child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    return [child for child in children if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] != "Z"]


def test_an_option_of_another_engine_is_refused() -> None:
    for asked in (Asked("local", address="head:6379"), Asked("ray", runner="FlinkRunner"), Asked("local", wait_s=1)):
        with pytest.raises(BadInput, match="--engine"):
            engine_of(asked)
    assert engine_of(Asked("beam", 2, beam_options=("--a=b",), wait_s=5)) == Beam(2, options=("--a=b",), wait_s=5)


DRIVER = """
import sys
from pathlib import Path
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.engines.on_beam import Beam
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf

if __name__ == "__main__":
    shelf = Shelf(sys.argv[1])
    ingest(shelf, sys.argv[2], Beam(), cut=Cut(rows=10))
    run(shelf, find_recipe("slow_two:slow"), Beam(), RunOptions(block=4))
"""


def marked(mark: str) -> list[str]:
    """Return the processes started with a mark in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"OSTRAKA_TEST_MARK={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def slow_two(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Iterator[Path]:
    """A folder with a driver, its recipe, and the shelf `undisturbed` that the two make where nobody stops them."""
    folder = tmp_path_factory.mktemp("slow_two")
    (folder / "slow_two.py").write_text(RECIPE.format(folder=str(folder)))
    (folder / "driver.py").write_text(DRIVER)
    sys.path.insert(0, str(folder))
    shelf = Shelf(str(folder / "undisturbed"))
    ingest(shelf, str(source), Local(1), cut=Cut(rows=10))
    run(shelf, find_recipe("slow_two:slow"), Local(1), RunOptions(block=4))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("slow_two")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_driver_that_is_stopped_leaves_no_process_and_the_same_command_finishes_it(
    slow_two: Path, source: Path, tree_digest: Callable[..., dict[str, str]], how: signal.Signals
) -> None:
    shelf, mark = slow_two / f"stopped-{how.name}", f"{slow_two}-{how.name}"

    def job() -> subprocess.Popen[bytes]:
        env = {"OSTRAKA_TEST_MARK": mark, "PYTHONPATH": f"{slow_two}{os.pathsep}{ROOT}"}
        command = [sys.executable, "driver.py", str(shelf), str(source)]
        return subprocess.Popen(command, cwd=slow_two, env={**os.environ, **env}, stderr=subprocess.PIPE)

    (slow_two / "wait").touch()
    (slow_two / "begun").unlink(missing_ok=True)
    stopped = job()
    while not (slow_two / "begun").exists() and stopped.poll() is None:
        time.sleep(0.05)
    stopped.send_signal(how)
    _, said = stopped.communicate(timeout=300)
    assert (slow_two / "begun").exists(), said.decode()
    assert stopped.returncode == -how or (how == signal.SIGINT and b"KeyboardInterrupt" in said), said.decode()
    until = time.monotonic() + 300
    while (left := marked(mark)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
    (slow_two / "wait").unlink()
    again = job()
    _, said = again.communicate()
    assert again.returncode == 0, said.decode()
    assert tree_digest(shelf) == tree_digest(slow_two / "undisturbed")
