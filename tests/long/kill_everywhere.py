"""Kill a small job (ingest, run, export) everywhere, run the same command again, compare the shelves byte for byte.

Every crossing of every write (before it, with a torn temporary, after it), with one worker and with two, and random
times at which the main process, a worker, a guard's child or the whole process group dies. Two planted bugs have to be
seen by the same comparison. Finished cases are kept in WORK/cases.jsonl, so that the script goes on where it was
stopped; it writes docs/proofs/kill.md as it goes.

    python tests/long/kill_everywhere.py [WORK]
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REPORT = ROOT / "docs" / "proofs" / "kill.md"
AT_ONCE = 2
RANDOM_KILLS = 20
WHO = ("main", "worker", "guard", "group")
FIRST_CROSSING = {"write in place": 2, "coverage ignored": 3}
MUTATION_STRIDE = 6


@dataclass(frozen=True)
class Case:
    """One kill: at a crossing (`at` > 0), or of somebody at a random time; `mutation` is a bug planted in both runs.

    `interrupt`: the job is not killed, it gets the SIGINT of a Ctrl-C.
    """

    workers: int
    at: int = 0
    who: str = ""
    seed: int = 0
    mutation: str = ""
    interrupt: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it: whether a kill landed, temporaries it left, whether the second run ended well with the same
    bytes, temporaries after it, and processes that outlived the first run."""

    landed: bool
    torn: int
    same: bool
    temporaries: int
    outlived: int


class Jobs:
    """Jobs in a work folder, with the digests and the number of crossings of an undisturbed one."""

    def __init__(self, work: Path) -> None:
        self.work, self.source = work, work / "source"
        if not self.source.exists():
            subprocess.run([sys.executable, HERE / "job.py", "make", self.source], cwd=ROOT, check=True)
        shelf = work / "undisturbed"
        shutil.rmtree(shelf, ignore_errors=True)
        log = work / "undisturbed.log"
        log.unlink(missing_ok=True)
        began = time.monotonic()
        assert self._start(shelf, Case(1), log).wait() == 0, f"the undisturbed job failed: {log}"
        self.seconds = time.monotonic() - began
        self.crossings = len(log.read_text().splitlines())
        self.digests = digests(shelf)

    def _start(self, shelf: Path, case: Case, log: Path, *, armed: bool = False) -> subprocess.Popen[bytes]:
        env = {
            **os.environ,
            "PYTHONPATH": f"{HERE / 'hook'}{os.pathsep}{ROOT}",
            "CROSSINGS": str(log),
            "KILL_AT": str(case.at if armed else 0),
            "MUTATION": case.mutation,
            "INTERRUPT": "1" if case.interrupt else "",
        }
        command = [sys.executable, str(HERE / "job.py"), str(shelf), str(self.source), str(case.workers)]
        said = open(log.with_suffix(".said"), "ab")  # noqa: SIM115
        return subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True, stdout=said, stderr=said)

    def run(self, case: Case) -> Outcome:
        """Kill a job as the case says, run it again, compare."""
        name = "-".join(str(value).replace(" ", "_") for value in asdict(case).values())
        shelf, log = self.work / name, self.work / f"{name}.log"
        shutil.rmtree(shelf, ignore_errors=True)
        log.unlink(missing_ok=True)
        process = self._start(shelf, case, log, armed=True)
        landed = True if case.at else self._kill_at_random(process, case)
        code = process.wait()
        if case.at:
            landed = code != 0 or case.workers > 1
        outlived = _wait_for_the_end(process.pid)
        torn = len(list(shelf.rglob(".ostraka-tmp-*")))
        again = self._start(shelf, case, log.with_suffix(".again")).wait() == 0
        outcome = Outcome(
            landed, torn, again and digests(shelf) == self.digests, len(list(shelf.rglob(".ostraka-tmp-*"))), outlived
        )
        if outcome.same:
            shutil.rmtree(shelf)
            for suffix in (".log", ".again", ".said"):
                log.with_suffix(suffix).unlink(missing_ok=True)
        return outcome

    def same_undisturbed(self, case: Case) -> bool:
        """Say whether a job that nobody kills has the bytes it should have."""
        shelf = self.work / "once"
        shutil.rmtree(shelf, ignore_errors=True)
        return self._start(shelf, case, self.work / "once.log").wait() == 0 and digests(shelf) == self.digests

    def _kill_at_random(self, process: subprocess.Popen[bytes], case: Case) -> bool:
        choose = random.Random(f"{case}")
        until = time.monotonic() + choose.uniform(0.1, 1.2) * self.seconds * (1.5 if case.workers > 1 else 1)
        while time.monotonic() < until and process.poll() is None:
            time.sleep(0.01)
        if process.poll() is not None:
            return False
        if case.who == "group":
            os.killpg(process.pid, signal.SIGKILL)
            return True
        chosen = choose.choice(_of_kind(process.pid, case.who) or [process.pid])
        try:
            os.kill(chosen, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file but those below runs/, by path."""
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not (name := str(path.relative_to(folder))).startswith("runs/")
    }


def _session(leader: int) -> list[tuple[int, str]]:
    """Return the processes of a session that run, with their command lines."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z" and int(fields[3]) == leader:
                found.append((int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()))
        except (OSError, ValueError, IndexError):
            continue
    return found


def _of_kind(leader: int, who: str) -> list[int]:
    if who == "main":
        return [leader]
    guards = [pid for pid, command in _session(leader) if "pipelines.guard.child" in command]
    if who == "guard":
        return guards
    served = [pid for pid, command in _session(leader) if "forkserver" in command]
    return [pid for pid in served if pid != min(served)]


def _wait_for_the_end(leader: int, seconds: float = 20) -> int:
    until = time.monotonic() + seconds
    while (left := _session(leader)) and time.monotonic() < until:
        time.sleep(0.02)
    for pid, _ in left:
        os.kill(pid, signal.SIGKILL)
    return len(left)


def cases(crossings: int) -> Iterator[Case]:
    """Yield every case."""
    for mutation, first in FIRST_CROSSING.items():
        for at in range(first, crossings + 1, MUTATION_STRIDE):
            yield Case(1, at, mutation=mutation)
    for workers in (1, 2):
        for who in WHO:
            if workers > 1 or who != "worker":
                for seed in range(RANDOM_KILLS):
                    yield Case(workers, who=who, seed=seed)
        for at in range(1, crossings + 1):
            yield Case(workers, at)


def main(work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    jobs, kept = Jobs(work), work / "cases.jsonl"
    lines = map(json.loads, kept.read_text().splitlines()) if kept.exists() else ()
    done = {Case(**line["case"]): Outcome(**line["outcome"]) for line in lines}
    todo = [case for case in cases(jobs.crossings) if case not in done]
    print(
        f"{jobs.crossings} crossings, {jobs.seconds:.1f} s a job, {len(done)} cases done, {len(todo)} to do", flush=True
    )
    with ThreadPoolExecutor(AT_ONCE) as pool, kept.open("a") as file:
        for case, outcome in zip(todo, pool.map(jobs.run, todo), strict=True):
            done[case] = outcome
            file.write(json.dumps({"case": asdict(case), "outcome": asdict(outcome)}) + "\n")
            file.flush()
            if not case.mutation and (not outcome.same or outcome.temporaries or outcome.outlived):
                print(case, outcome, flush=True)
            REPORT.parent.mkdir(parents=True, exist_ok=True)
            REPORT.write_text(written(done, jobs.crossings))
    print(written(done, jobs.crossings))


def written(done: dict[Case, Outcome], crossings: int) -> str:
    """Return the report."""
    groups: dict[tuple[str, int], list[Outcome]] = {}
    for case, outcome in done.items():
        kind = f"bug planted: {case.mutation}" if case.mutation else "a crossing" if case.at else f"random: {case.who}"
        groups.setdefault((kind, case.workers), []).append(outcome)
    rows = [
        f"| {kind} | {workers} | {len(found)} | {sum(o.landed for o in found)} | {sum(o.torn > 0 for o in found)} "
        f"| {sum(o.same for o in found)} | {sum(o.temporaries for o in found)} | {sum(o.outlived for o in found)} |"
        for (kind, workers), found in groups.items()
    ]
    head = (
        "---\norphan: true\n---\n\n# Killed everywhere\n\n"
        "A job (ingest of 60 pictures into three shards, `caption-light`, export) is killed with SIGKILL and the same\n"
        f"command is run again. Undisturbed, it crosses {crossings} points at which a kill could leave a trace:\n"
        "before each write, with the temporary written (the test cuts it to its half), and after its rename. Equal\n"
        "means that the second run ended well and every file but those in `runs/` has the bytes of an undisturbed job\n"
        "with one worker. Of the planted bugs, each kill that is not equal is one that the comparison caught; what is\n"
        "written again anyway (media without a catalogue, verdicts, records) hides a torn file.\n\n"
        "| killed | workers | cases | kill landed | left a temporary | equal | files left | processes left |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    again = "\nWritten by `python tests/long/kill_everywhere.py`.\n"
    return head + "\n".join(rows) + "\n" + again


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/ostraka-kill"))
