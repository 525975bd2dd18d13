"""Ray: the bytes of the local engine, whatever dies on the way; what is not there is said in time.

One cluster stands for all the tests, with a small object store and a disk that counts as full; only a driver that is
stopped has a Ray of its own.
"""

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

from pipelines.engines.engine import Engine
from pipelines.engines.local import ATTEMPTS, Local
from pipelines.engines.on_ray import Ray
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, TooManyFailed, Unavailable

ray = pytest.importorskip("ray")

ROOT = Path(__file__).resolve().parent.parent
SHARDS = [f"{number:06d}" for number in range(7)]
TINY_GIB = 1e-9
STORE_BYTES = 80 << 20

WORK = '''
import os, signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from msgspec import Struct
from schemas.errors import BadInput, TooManyFailed, Unavailable

class Found(Struct):
    twice: int
    by: Counter[str]

class Large(Struct, frozen=True):
    """Answers with so many bytes."""

    size_bytes: int

    @contextmanager
    def open(self) -> Iterator[Callable[[str], bytes]]:
        yield lambda shard: bytes(self.size_bytes)

class Doubles(Struct, frozen=True):
    """Answers with twice the shard's number, unless `dies`, `raises` or `opens` says otherwise."""

    folder: str
    dies: str = ""
    raises: str = ""
    opens: bool = True

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


@pytest.fixture(scope="module")
def head() -> Iterator[str]:
    """A cluster of one machine with two CPUs, by its address."""
    from ray.cluster_utils import Cluster

    full = {"local_fs_capacity_threshold": 0.0001}
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 2,
            "object_store_memory": STORE_BYTES,
            "include_dashboard": False,
            "_system_config": full,
        },
    )
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()


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


def curate(folder: Path, source: Path, engine: Engine, recipe: str = "caption-light") -> dict[str, int]:
    shelf = Shelf(str(folder))
    ingest(shelf, str(source), engine, cut=Cut(rows=10))
    counts = run(shelf, find_recipe(recipe), engine)
    export(shelf, "train", "", engine, ExportOptions())
    return counts


def test_ray_gives_the_bytes_of_one_process_in_memory_and_in_buckets(
    tmp_path: Path, source: Path, head: str, tree_digest: Callable[..., dict[str, str]]
) -> None:
    counts = curate(tmp_path / "local1", source, Local(1))
    assert counts["failed"] == 1 and min(counts.values()) > 0
    whole = tree_digest(tmp_path / "local1")
    assert len([name for name in whole if name.startswith("catalog/")]) == 6
    assert curate(tmp_path / "ray2", source, Ray(2, head)) == counts
    assert tree_digest(tmp_path / "ray2") == whole
    for folder in ("notes", "decisions", "verdicts", "runs"):
        shutil.rmtree(tmp_path / "ray2" / folder)
    in_buckets = RunOptions(memory_gib=TINY_GIB)
    assert run(Shelf(str(tmp_path / "ray2")), find_recipe("caption-light"), Ray(2, head), in_buckets) == counts
    assert tree_digest(tmp_path / "ray2") == whole


def test_ray_notes_videos_as_one_process_does(
    tmp_path: Path,
    head: str,
    drawn: Callable[[Drawing], Drawn],
    tree_digest: Callable[..., dict[str, str]],
    little_clip: Path,
) -> None:
    weights = dict.fromkeys(("frameembeddings", "textembedding"), str(little_clip))
    recipe = find_recipe("video", {"texts": "true", "embeddings": "true"}).given(weights)
    (tmp_path / "clips").mkdir()
    for place, move in enumerate(("pan_left", "zoom_in", "static")):
        pieces = (Piece(move, 18, place), Piece("tilt_up", 18, 3))
        clip = drawn(Drawing(f"on an engine {move}", pieces, between=place, text="DIPYLON"))
        (tmp_path / "clips" / f"{place}.txt").write_text(f"The camera does {move}.")
        (tmp_path / "clips" / f"{place}.mp4").write_bytes(clip.content[: 6000 if move == "static" else None])
    for engine, folder in ((Local(1), "local"), (Ray(2, head, 600.0), "engine")):
        shelf = Shelf(str(tmp_path / folder))
        ingest(shelf, str(tmp_path / "clips"), engine, cut=Cut(rows=2))
        counts = run(shelf, recipe, engine, RunOptions(max_failed=1.0))
        assert counts == {"kept": 2, "dropped": 0, "failed": 1}
    assert tree_digest(tmp_path / "engine") == tree_digest(tmp_path / "local")


def test_a_worker_killed_in_the_middle_changes_no_byte(
    tmp_path: Path, source: Path, head: str, module: Callable[..., Any], tree_digest: Callable[..., dict[str, str]]
) -> None:
    module("slow_one", RECIPE.format(folder=str(tmp_path)))
    curate(tmp_path / "local", source, Local(1), "slow_one:slow")
    (tmp_path / "kill").touch()
    curate(tmp_path / "ray", source, Ray(2, head), "slow_one:slow")
    assert not (tmp_path / "kill").exists()
    assert tree_digest(tmp_path / "ray") == tree_digest(tmp_path / "local")


def test_every_shard_is_answered_once_and_a_death_costs_one_attempt_of_one_shard(
    tmp_path: Path, head: str, module: Callable[..., Any]
) -> None:
    work = module("own_work", WORK).Doubles(str(tmp_path), dies=SHARDS[2])
    answers = dict(Ray(2, head).map(work, SHARDS))
    assert {shard: (one.twice, one.by) for shard, one in answers.items()} == {
        shard: (2 * int(shard), {shard: 1}) for shard in SHARDS
    }
    tries = {shard: len((tmp_path / shard).read_text().split()) for shard in SHARDS}
    assert tries == {shard: 2 if shard == SHARDS[2] else 1 for shard in SHARDS}
    opened, closed = ({path.name[7:] for path in tmp_path.glob(f"{what}-*")} for what in ("opened", "closed"))
    assert closed < opened and len(opened - closed) == 1


def test_what_goes_wrong_comes_out_as_itself_and_leaves_no_worker(
    tmp_path: Path, head: str, module: Callable[..., Any]
) -> None:
    own = module("own_work", WORK)
    doubles, full = own.Doubles, r"^the object store: Ray has no room for an answer \(Local disk is full\); .*larger"
    for work, error, said in [
        (doubles(str(tmp_path), dies=f"!{SHARDS[2]}"), Unavailable, f"shard {SHARDS[2]}: its worker died {ATTEMPTS}"),
        (doubles(str(tmp_path), raises=SHARDS[1]), TooManyFailed, "x: 6 of 7"),
        (doubles(str(tmp_path), raises=f"!{SHARDS[1]}"), OSError, "No space left"),
        (doubles(str(tmp_path), opens=False), Unavailable, "worker: the weights are not there"),
        (own.Large(2 * STORE_BYTES), Unavailable, full),
    ]:
        with pytest.raises(error, match=said):
            list(Ray(2, head).map(work, SHARDS))
    pids = {path.name[7:] for path in tmp_path.glob("opened-*")}
    until = time.monotonic() + 300
    while (alive := [pid for pid in pids if Path(f"/proc/{pid}/cmdline").exists()]) and time.monotonic() < until:
        time.sleep(0.05)
    assert pids and not alive


def test_a_worker_with_other_packages_is_refused(
    tmp_path: Path, head: str, module: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "pyarrow-1.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: pyarrow\nVersion: 1.0\n")
    (tmp_path / "refused").mkdir()
    doubles = module("own_work", WORK).Doubles
    assert len(list(Ray(2, head).map(doubles(str(tmp_path)), SHARDS))) == len(SHARDS)
    monkeypatch.syspath_prepend(str(other.parent))
    with pytest.raises(Unavailable, match=r"pyarrow \(driver 1\.0, worker [0-9.]+\).*constraints") as refused:
        list(Ray(2, head).map(doubles(str(tmp_path / "refused")), SHARDS))
    assert "numpy" not in str(refused.value) and not list((tmp_path / "refused").iterdir())


DRIVER = """
import sys
from pathlib import Path
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.engines.on_ray import Ray
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf

if __name__ == "__main__":
    shelf = Shelf(sys.argv[1])
    engine = Ray(2, *sys.argv[3:])
    ingest(shelf, sys.argv[2], engine, cut=Cut(rows=10))
    run(shelf, find_recipe("slow_two:slow"), engine, RunOptions(block=4))
"""


def marked(mark: str) -> list[str]:
    """Return the processes started with a mark in their environment, but Ray's agents: they end a minute after a driver
    that is killed."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"OSTRAKA_TEST_MARK={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [command for command in found if "Agent" not in command]


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
    slow_two: Path, source: Path, head: str, tree_digest: Callable[..., dict[str, str]], how: signal.Signals
) -> None:
    shelf, mark = slow_two / f"stopped-{how.name}", f"{slow_two}-{how.name}"

    def job(*address: str) -> subprocess.Popen[bytes]:
        env = {"OSTRAKA_TEST_MARK": mark, "PYTHONPATH": f"{slow_two}{os.pathsep}{ROOT}"}
        command = [sys.executable, "driver.py", str(shelf), str(source), *address]
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
    again = job(head)
    _, said = again.communicate()
    assert again.returncode == 0, said.decode()
    assert tree_digest(shelf) == tree_digest(slow_two / "undisturbed")


SILENT = """
import sys
sys.path.insert(0, {own!r})
from own_work import Doubles
from pipelines.engines.on_ray import Ray
from schemas.errors import Unavailable

try:
    list(Ray(2, "127.0.0.1:{port}", 3.0).map(Doubles({own!r}), ["0", "1"]))
except Unavailable as error:
    print(error)
"""


@pytest.mark.parametrize("listens", [True, False])
def test_a_cluster_that_does_not_answer_is_said_in_time(tmp_path: Path, listens: bool) -> None:
    (tmp_path / "own_work.py").write_text(WORK)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        script = SILENT.format(own=str(tmp_path), port=silent.getsockname()[1])
        ran = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=300,
        )
    why = "within 3 s" if listens else "nothing listens there"
    assert why in ran.stdout and "--address" in ran.stdout and "RAY_AUTH_TOKEN_PATH" in ran.stdout, ran.stderr


def test_a_class_of_the_script_that_runs_is_refused_before_any_worker_starts(
    tmp_path: Path, module: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = module("own_work", WORK).Doubles(str(tmp_path))
    monkeypatch.setattr(type(work), "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Doubles", type(work), raising=False)
    with pytest.raises(BadInput, match="module of their own"):
        list(Ray(2).map(work, SHARDS))
