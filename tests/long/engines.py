"""Engines survive: kill the driver, a worker or a machine, run the same command again, compare the shelves by byte.

A job (ingest, run, export of photographs cut into tiles, tests/long/on_engine.py) runs on every engine by the command
line. The moments of the kills are drawn: when the shelf holds so many files, and a little later. A planted bug has
to be seen by the same comparison, and what is not there has to be said in one line. Finished cases are kept in
WORK/cases.jsonl, so that the script goes on where it was stopped; it writes docs/proofs/engines.md as it goes.

About 80 minutes, measured on two cores that had five times as much to do: 70 s a case, most of it for engines to start.
Ray's cluster and Beam's job server are started once for all the cases on them.

    python tests/long/engines.py [WORK]
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from kill_everywhere import digests
from on_engine import PICTURES, SHARD_ROWS, VERBS, make

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REPORT = ROOT / "docs" / "proofs" / "engines.md"
WAIT_S = 40
SETTLE_S = 90
FIRST_WRITTEN = {"catalog": "ingest", "keys": "ingest", "media": "ingest", "plan": "ingest", "sources": "ingest"}
BUG = "write in place, slowly"
PLANTED = (("local, 2 workers", "worker"), ("Beam FnApiRunner", "driver"), ("Ray cluster", "worker"))
FIRST = 3
PAGE = """---
orphan: true
---

# Engines survive

A job of one command line (ingest of {pictures} pictures into {shards} shards, `caption-light`, export) runs on each
engine; the driver, a worker or a node is killed with SIGKILL when the shelf holds a drawn number of files, and the same
command is run again where the first did not end well. Equal means that every file of the shelf and of the export, but
those in `runs/`, has the bytes of an undisturbed job of one process. Left are temporary files and folders on the shelf,
in its scratch or in the folder for temporary files, and processes that live on.

A killed worker or node costs nothing but its shard on the local engine and on Ray, where the first command ends well by
itself. On Beam a worker that held shards ends the run with a message after `--wait-s` ({wait_s} s here), and the same
command goes on.

The planted bug writes files in place, the first half, a pause, the rest. Each of its kills that is not equal is one
that the comparison caught; what is written again anyway (media without a catalogue, verdicts, records) hides a torn
file.

| engine | killed | cases | in ingest | in run | in export | ended by itself | equal | files left | processes left |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
{rows}

What is not there is said in one line:

"""


@dataclass(frozen=True)
class Case:
    """One kill on an engine: of the driver, a worker or a node; `mutation` is a bug planted in all processes."""

    engine: str
    who: str
    seed: int
    mutation: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of it: the verb in which the kill landed, how the first command ended and what it said last, whether
    the shelf has the bytes it should have in the end, temporaries on it or beside it, and processes left."""

    verb: str
    code: int
    said: str
    same: bool
    temporaries: int
    outlived: int


@dataclass(frozen=True)
class Place:
    """Where jobs of an engine run: the options that name it, what stands there anyway, and how a machine is lost."""

    options: tuple[str, ...]
    standing: frozenset[int] = frozenset()
    lose: Callable[[], None] = field(default=lambda: None)


class Jobs:
    """Jobs in a work folder, with the digests of an undisturbed one of one process."""

    def __init__(self, work: Path) -> None:
        self.work, self.source = work, work / "source"
        if not self.source.exists():
            make(self.source)
        shelf = work / "undisturbed"
        shutil.rmtree(shelf, ignore_errors=True)
        job = self.start(shelf, ("--engine", "local"), work / "undisturbed.said")
        assert job.wait() == 0, f"the undisturbed job failed: {work / 'undisturbed.said'}"
        self.digests = digests(shelf)

    def start(self, shelf: Path, options: tuple[str, ...], said: Path, mutation: str = "") -> subprocess.Popen[bytes]:
        """Start a job."""
        temporary = self.work / "tmp"
        temporary.mkdir(exist_ok=True)
        env = environment(mutation) | {"TMPDIR": str(temporary)}
        command = [sys.executable, "-c", "import on_engine; on_engine.do()", str(shelf), str(self.source), *options]
        with said.open("ab") as file:
            return subprocess.Popen(command, env=env, start_new_session=True, stdout=file, stderr=file)

    def run(self, case: Case, place: Place) -> Outcome:
        """Kill as the case says, run the same command again where the first did not end well, compare."""
        name = "-".join(str(value).replace(" ", "_") for value in asdict(case).values())
        shelf, said = self.work / name, self.work / f"{name}.said"
        shutil.rmtree(shelf, ignore_errors=True)
        said.unlink(missing_ok=True)
        process = self.start(shelf, place.options, said, case.mutation)
        landed = self._kill(process, shelf, case, place)
        verb = verb_of(said) if landed else ""
        code = process.wait()
        told = said.read_text(errors="replace").strip().splitlines()
        assert verb_of(said) or landed, f"the job did not begin: {said}"
        again = code == 0 or self.start(shelf, place.options, said, case.mutation).wait() == 0
        left = left_over(place)
        found = digests(shelf) if shelf.exists() else {}
        outcome = Outcome(
            verb, code, told[-1] if code > 0 else "", again and found == self.digests, self._temporaries(shelf), left
        )
        if outcome.same:
            shutil.rmtree(shelf)
            said.unlink()
        return outcome

    def _kill(self, process: subprocess.Popen[bytes], shelf: Path, case: Case, place: Place) -> bool:
        """Kill at the drawn moment; return False where the job had ended."""
        choose = random.Random(f"{case}")
        verb = list(VERBS)[case.seed % len(VERBS)]
        of_verb = [name for name in self.digests if verb_that_writes(name) == verb]
        before = sum(1 for name in self.digests if list(VERBS).index(verb_that_writes(name)) < list(VERBS).index(verb))
        wanted = before + choose.randrange(1, len(of_verb))
        while process.poll() is None and count_files(shelf) < wanted:
            time.sleep(0.01)
        time.sleep(choose.uniform(0, 0.1))
        while process.poll() is None:
            if case.who == "driver":
                process.kill()
                return True
            if case.who == "node":
                place.lose()
                return True
            if found := workers(place):
                with suppress(ProcessLookupError):
                    os.kill(choose.choice(found), signal.SIGKILL)
                    return True
            time.sleep(0.005)
        return False

    def _temporaries(self, shelf: Path) -> int:
        scratch = list(shelf.glob("scratch/*"))
        beside = [path for path in (self.work / "tmp").iterdir() if path.name.startswith(("ostraka", ".ostraka"))]
        return len([*shelf.rglob(".ostraka-tmp-*"), *scratch, *beside])


def environment(mutation: str = "") -> dict[str, str]:
    """Return the environment of a job's processes: this checkout, the job's module, and the hook of a planted bug."""
    path = [str(ROOT), str(HERE), *([str(HERE / "hook")] if mutation else [])]
    planted = {"CROSSINGS": os.devnull, "MUTATION": mutation} if mutation else {}
    home = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return {**os.environ, **home, "PYTHONPATH": os.pathsep.join(path), **planted}


def verb_that_writes(name: str) -> str:
    """Return the verb that writes a file of the shelf."""
    folder = name.split("/")[0]
    return FIRST_WRITTEN.get(folder, "export" if folder == "exports" else "run")


def verb_of(said: Path) -> str:
    """Return the verb that a job is at."""
    begun = [line[2:] for line in said.read_text(errors="replace").splitlines() if line.startswith("# ")]
    return begun[-1] if begun else ""


def count_files(shelf: Path) -> int:
    """Return how many whole files are on a shelf, but those below runs/."""
    found = 0
    for here, folders, names in os.walk(shelf):
        folders[:] = [name for name in folders if name not in ("runs", "scratch")]
        found += sum(not name.startswith(".") for name in names)
    return found


def adopt_orphans() -> None:
    """Become the parent of every process whose own has died, so that none is lost to sight."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def descendants() -> dict[int, tuple[int, str]]:
    """Return the processes below this one that run, each with its parent and its command line."""
    found: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found[int(entry.name)] = int(fields[1]), command
    below, grown = {os.getpid()}, True
    while grown:
        more = {pid for pid, (parent, _) in found.items() if parent in below} - below
        below, grown = below | more, bool(more)
    return {pid: found[pid] for pid in below - {os.getpid()}}


def workers(place: Place) -> list[int]:
    """Return the processes that do shards now."""
    there = descendants()
    servers = {
        pid for pid, (_, command) in there.items() if "forkserver" in command and "resource_tracker" not in command
    }
    pool = {pid for pid, (_, command) in there.items() if "worker_pool_main" in command}
    return [
        pid
        for pid, (parent, command) in there.items()
        if command.startswith("ray::Worker.do")
        or ("forkserver" in command and parent in servers)
        or (parent in pool and "pipelines.guard.child" not in command)
    ]


def left_over(place: Place) -> int:
    """Wait for all to end that does not stand there anyway, and return how many do not; idle workers are Ray's own."""
    until = time.monotonic() + SETTLE_S
    while True:
        left = {
            pid: command
            for pid, (_, command) in descendants().items()
            if pid not in place.standing and not command.startswith("ray::IDLE") and "default_worker.py" not in command
        }
        if not left or time.monotonic() > until:
            break
        time.sleep(0.1)
    for pid, command in left.items():
        print("left:", command[:200], flush=True)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(left)


@contextmanager
def local(mutation: str) -> Iterator[Place]:
    """Two processes of the local engine."""
    yield Place(("--engine", "local", "--workers", "2"))


@contextmanager
def ray_own(mutation: str) -> Iterator[Place]:
    """A Ray of the driver's own."""
    yield Place(("--engine", "ray", "--workers", "2"))


@contextmanager
def ray_head(mutation: str) -> Iterator[Place]:
    """A cluster of one machine with two CPUs."""
    with _ray_cluster(mutation, head_cpus=2) as cluster:
        yield Place(_on(cluster), frozenset(descendants()))


@contextmanager
def ray_nodes(mutation: str) -> Iterator[Place]:
    """A cluster of a head without CPUs and two machines with one each, of which one may be lost."""
    with _ray_cluster(mutation, head_cpus=0) as cluster:
        nodes = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]

        def lose() -> None:
            cluster.remove_node(nodes.pop(), allow_graceful=False)

        yield Place(_on(cluster), frozenset(descendants()), lose)


@contextmanager
def _ray_cluster(mutation: str, head_cpus: int) -> Iterator[object]:
    os.environ.update(RAY_ENABLE_UV_RUN_RUNTIME_ENV="0", RAY_USAGE_STATS_ENABLED="0")
    from ray.cluster_utils import Cluster

    before = dict(os.environ)
    os.environ.update(environment(mutation))
    try:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": head_cpus, "include_dashboard": False})
        yield cluster
        cluster.shutdown()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _on(cluster: object) -> tuple[str, ...]:
    return "--engine", "ray", "--workers", "2", "--address", cluster.address  # type: ignore[attr-defined]


@contextmanager
def beam(mutation: str) -> Iterator[Place]:
    """Beam's FnApiRunner, in the driver."""
    yield Place(("--engine", "beam"))


@contextmanager
def beam_two(mutation: str) -> Iterator[Place]:
    """Beam's FnApiRunner with two processes."""
    yield Place(("--engine", "beam", "--workers", "2", "--wait-s", str(WAIT_S)))


@contextmanager
def beam_portable(mutation: str) -> Iterator[Place]:
    """Beam's job server, with workers from a pool of their own."""
    ports = [_free_port(), _free_port()]
    modules = (
        ("apache_beam.runners.portability.local_job_service_main", "--port"),
        ("apache_beam.runners.worker.worker_pool_main", "--service_port"),
    )
    servers = [
        subprocess.Popen(
            [sys.executable, "-m", module, f"{option}={port}"],
            env=environment(mutation),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for (module, option), port in zip(modules, ports, strict=True)
    ]
    for port in ports:
        while True:
            with suppress(OSError), socket.create_connection(("localhost", port), 1):
                break
            time.sleep(0.1)
    options = [
        f"job_endpoint=localhost:{ports[0]}",
        "environment_type=EXTERNAL",
        f"environment_config=localhost:{ports[1]}",
    ]
    asked = [word for option in options for word in ("--beam-option", option)]
    try:
        yield Place(
            ("--engine", "beam", "--runner", "PortableRunner", "--wait-s", str(WAIT_S), *asked),
            frozenset(descendants()),
        )
    finally:
        for server in servers:
            server.kill()
            server.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


ENGINES = {
    "local, 2 workers": local,
    "Ray on its own": ray_own,
    "Ray cluster": ray_head,
    "Ray, two nodes": ray_nodes,
    "Beam FnApiRunner": beam,
    "Beam FnApiRunner, 2 processes": beam_two,
    "Beam PortableRunner, worker pool": beam_portable,
}


def cases() -> Iterator[Case]:
    """Yield every case, those of an engine together, a few of each engine first."""
    kills = (
        ("local, 2 workers", "worker", 5),
        ("local, 2 workers", "driver", 10),
        ("Ray cluster", "driver", 10),
        ("Ray cluster", "worker", 5),
        ("Ray, two nodes", "node", 1),
        ("Beam FnApiRunner", "driver", 10),
        ("Beam PortableRunner, worker pool", "driver", 10),
        ("Beam PortableRunner, worker pool", "worker", 3),
        ("Ray on its own", "driver", 2),
        ("Beam FnApiRunner, 2 processes", "driver", 2),
    )
    for engine, who in PLANTED:
        yield from (Case(engine, who, seed, BUG) for seed in (0, 1, 2, 4, 7))
    for seeds in (range(FIRST), range(FIRST, 10)):
        for engine, who, count in kills:
            yield from (Case(engine, who, seed) for seed in seeds if seed < count)


def main(work: Path) -> None:
    adopt_orphans()
    work.mkdir(parents=True, exist_ok=True)
    jobs, kept = Jobs(work), work / "cases.jsonl"
    lines = map(json.loads, kept.read_text().splitlines()) if kept.exists() else ()
    done = {Case(**line["case"]): Outcome(**line["outcome"]) for line in lines}
    todo = [case for case in cases() if case not in done]
    print(f"{len(done)} cases done, {len(todo)} to do", flush=True)
    for (engine, mutation), together in groupby(todo, key=lambda case: (case.engine, case.mutation)):
        with ENGINES[engine](mutation) as place, kept.open("a") as file:
            for case in together:
                began = time.monotonic()
                done[case] = outcome = jobs.run(case, place)
                file.write(json.dumps({"case": asdict(case), "outcome": asdict(outcome)}) + "\n")
                file.flush()
                print(f"{time.monotonic() - began:.0f} s", case, outcome, flush=True)
                REPORT.write_text(written(done, {}))
    REPORT.write_text(written(done, said_of_what_is_not_there(jobs)))
    print(REPORT.read_text())


def said_of_what_is_not_there(jobs: Jobs) -> dict[str, str]:
    """Run commands that cannot be done, and return what each prints."""
    nowhere = f"localhost:{_free_port()}"
    run = ["-m", "pipelines.cli", "run", "headers-only", "--shelf", str(jobs.work / "undisturbed"), "--engine"]
    asked = {
        "Ray, and no cluster at the address": [*run, "ray", "--address", nowhere],
        "Beam, and no such runner": [*run, "beam", "--runner", "NoRunner"],
        "Beam, and no job server": [
            *(*run, "beam", "--runner", "PortableRunner"),
            *("--beam-option", f"job_endpoint={nowhere}"),
        ],
        "Ray, its object store and its disk full": ["-c", "import on_engine; on_engine.fill_the_store()"],
    }
    found = {}
    for what, arguments in asked.items():
        ended = subprocess.run([sys.executable, *arguments], env=environment(), capture_output=True, text=True)
        assert ended.returncode > 0, f"{what}: it ended well"
        found[what] = (ended.stdout + ended.stderr).strip()
    return found


def written(done: dict[Case, Outcome], said: dict[str, str]) -> str:
    """Return the report."""
    rows = []
    for (engine, who, mutation), cases_of in _grouped(done).items():
        found = [outcome for case, outcome in cases_of]
        landed = [sum(outcome.verb == verb for outcome in found) for verb in VERBS]
        itself = sum(outcome.code == 0 for outcome in found) if who != "driver" else "-"
        counts = (len(found), *landed, itself, sum(outcome.same for outcome in found))
        left = (sum(outcome.temporaries for outcome in found), sum(outcome.outlived for outcome in found))
        kind = f"{who}; bug planted" if mutation else who
        rows.append(f"| {engine} | {kind} | " + " | ".join(map(str, (*counts, *left))) + " |")
    pool = [outcome.said for case, outcome in done.items() if case.who == "worker" and "pool" in case.engine]
    return (
        PAGE.format(rows="\n".join(rows), shards=(PICTURES - 1) // SHARD_ROWS + 1, pictures=PICTURES, wait_s=WAIT_S)
        + "".join(f"- {what}:\n\n  ```text\n  {line}\n  ```\n\n" for what, line in (_wrapped(pool) | said).items())
        + "Written by `python tests/long/engines.py`.\n"
    )


def _wrapped(pool: list[str]) -> dict[str, str]:
    said = [line for line in pool if line]
    return {"Beam PortableRunner, a worker of the pool killed": said[-1]} if said else {}


def _grouped(done: dict[Case, Outcome]) -> dict[tuple[str, str, str], list[tuple[Case, Outcome]]]:
    order = [(case.engine, case.who, case.mutation) for case in cases()]
    groups: dict[tuple[str, str, str], list[tuple[Case, Outcome]]] = {key: [] for key in dict.fromkeys(order)}
    for case, outcome in done.items():
        groups[case.engine, case.who, case.mutation].append((case, outcome))
    return {key: found for key, found in groups.items() if found}


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/ostraka-engines"))
