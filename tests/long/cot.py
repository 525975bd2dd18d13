"""Chain of thought, all the way: a model learns to see, answers drawn tasks, and is trained on what it got right.

Writes docs/proofs/cot.md.

Everything is a command of ostraka, on one processor, in some ten minutes of it. Each command that has ended is kept in
WORK with what it printed and is not run again; one that was stopped goes on.

    python tests/long/cot.py [WORK]
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "proofs" / "cot.md"
DRAWN = "--kind counting --kind colour --kind digits --level easy"
PACKED = "--sequence 384 --checkpoint-every 50"
ANSWERED = f"--batch 3 --rate 5e-4 {PACKED}"
LEAST_WARM, MOST_WARM = 0.15, 0.60


def worked(name: str, count: int, kinds: str, first: int = 24000) -> tuple[str, ...]:
    """The commands that draw tasks with right answers, grade them and export them."""
    return (
        f"ostraka draw tasks --to {name} --count {count} --first {first} --worked {kinds} --level easy",
        f"ostraka ingest {name}/tasks.jsonl --shelf {name}-shelf",
        f"ostraka run cot --with high=1 --shelf {name}-shelf",
        f"ostraka ingest {name}-shelf --as answers --shelf {name}-answers",
        f"ostraka run cot-answers --shelf {name}-answers",
        f"ostraka export {name} --shelf {name}-answers --to {name}-export",
    )


LEARN_TO_SEE = (
    f"ostraka draw tasks --to captions --count 10000 {DRAWN} --kind digits",
    "ostraka ingest captions/captions.jsonl --shelf captions-shelf",
    "ostraka run headers-only --shelf captions-shelf",
    "ostraka export captions --shelf captions-shelf --to captions-export",
    *worked("worked", 3000, "--kind counting --kind colour --kind digits", 20000),
    "ostraka ingest worked-shelf --as answers --no-think 1 --shelf twins",
    "ostraka run cot-answers --shelf twins",
    "ostraka export twins --shelf twins --to twins-export",
    "ostraka train pretrain --data captions-export=6 --data twins-export=1 --to pretrained "
    f"--steps 1200 --batch 4 --rate 1e-3 {PACKED}",
    "ostraka train pretrain --data captions-export=6 --data twins-export=1 --from pretrained --to sees "
    f"--steps 400 --batch 4 --rate 6e-4 {PACKED}",
)
LEARN_TO_ANSWER = (
    f"ostraka train sft --data worked-export=2 --data captions-export=1 --from sees --to warm --steps 150 {ANSWERED}",
    *worked("more", 2000, "--kind counting --kind colour"),
    *worked("colours", 1500, "--kind colour"),
    "ostraka train sft --data worked-export=1 --data more-export=4 --data captions-export=1 --from warm --to warmer "
    f"--steps 100 {ANSWERED}",
    "ostraka train sft --data worked-export=1 --data more-export=2 --data colours-export=6 --data captions-export=2 "
    f"--from warmer --to begun --steps 60 {ANSWERED}",
)
ASK = (
    f"ostraka draw tasks --to asked --count 200 --first 30000 {DRAWN}",
    "ostraka ingest asked/tasks.jsonl --shelf asked-shelf",
    "ostraka run cot --with url=URL --with model=begun --with count=8 --with max_tokens=64 --shelf asked-shelf",
)
CHOOSE = (
    "ostraka difficulty --page page.md --shelf asked-shelf",
    "ostraka ingest asked-shelf --as answers --most-answers 3 --shelf rounds",
    "ostraka run cot-answers --shelf rounds",
    "ostraka export cold-start --shelf rounds --to cold-start",
    f"ostraka train sft --data cold-start --from begun --to second --steps 40 --batch 3 --rate 3e-4 {PACKED}",
)
ASK_AGAIN = (
    "ostraka ingest asked/tasks.jsonl --shelf again-shelf",
    "ostraka run cot --with url=URL --with model=second --with count=8 --with max_tokens=64 --with low=0 --with high=1 "
    "--shelf again-shelf",
    "ostraka difficulty --shelf again-shelf",
)
ENHANCE = (
    "ostraka ingest again-shelf --as answers --most-answers 3 --round 1 --dataset round-1 --shelf rounds",
    "ostraka run enhance --shelf rounds",
    "ostraka funnel --shelf rounds",
    "ostraka export next-cold-start --recipe enhance --shelf rounds --to next-cold-start",
)


class Done:
    """The commands that have ended, with what they printed and the seconds of a processor that they took."""

    def __init__(self, work: Path) -> None:
        self.work, self._path = work, work / "done.json"
        self.of: dict[str, dict[str, Any]] = json.loads(self._path.read_text()) if self._path.exists() else {}

    def run(self, commands: Sequence[str], url: str = "") -> None:
        """Run what has not ended; a failure ends everything, and the next start begins there."""
        for command in commands:
            if command in self.of:
                continue
            print(f"$ {command}", flush=True)
            if command.startswith("ostraka draw"):
                shutil.rmtree(self.work / command.split()[4], ignore_errors=True)
            began_s = _children_s()
            words = [sysconfig.get_path("scripts") + "/ostraka", *command.replace("URL", url).split()[1:]]
            ended = subprocess.run(words, cwd=self.work, env=_environment(), stdout=subprocess.PIPE, text=True)
            assert ended.returncode == 0, f"{command}: exit code {ended.returncode}"
            self.keep(command, ended.stdout, _children_s() - began_s)

    def keep(self, what: str, printed: str, cpu_s: float) -> None:
        self.of[what] = {"printed": printed, "cpu_s": cpu_s}
        self._path.write_text(json.dumps(self.of, indent=1))

    def printed(self, command: str) -> str:
        return "\n".join(line.rstrip() for line in self.of[command]["printed"].replace("\r", "\n").strip().splitlines())

    def cpu_s(self, commands: Sequence[str]) -> int:
        return round(sum(float(self.of[command]["cpu_s"]) for command in commands))


@contextmanager
def served(work: Path, run: str, port: int) -> Iterator[str]:
    """Serve a run's model under the run's name, and yield the address."""
    words = [sysconfig.get_path("scripts") + "/ostraka", "serve", f"{run}/model", "--name", run, "--port", str(port)]
    environment = {**_environment(), "OSTRAKA_TOKEN": _environment()["OSTRAKA_ENDPOINT_KEY"]}
    child = subprocess.Popen(words, cwd=work, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        for line in child.stdout or ():
            if line.startswith("endpoint: "):
                yield line.split()[1]
                break
        else:
            raise AssertionError(f"{run} is not served")
    finally:
        child.terminate()
        child.wait(60)


def answered(work: Path) -> Done:
    """Come to a model that has begun to answer, and to what it got right."""
    work.mkdir(parents=True, exist_ok=True)
    done = Done(work)
    if "port" not in done.of:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            done.keep("port", str(free.getsockname()[1]), 0)
    done.run((*LEARN_TO_SEE, *LEARN_TO_ANSWER))
    asked(done, "begun", ASK)
    done.run(CHOOSE[:1])
    return done


def asked(done: Done, run: str, commands: Sequence[str]) -> None:
    """Run the commands that ask a run's model, which is served meanwhile."""
    if any(command not in done.of for command in commands):
        with served(done.work, run, int(done.printed("port"))) as url:
            done.run(commands, url)


def main(work: Path) -> None:
    done = answered(work)
    done.run(CHOOSE)
    asked(done, "second", ASK_AGAIN)
    done.run(ENHANCE)
    REPORT.write_text(written(done))
    print(REPORT.read_text())
    before, after = (rates(done, command) for command in (CHOOSE[0], ASK_AGAIN[2]))
    mean = sum(before.values()) / len(before)
    assert LEAST_WARM <= mean <= MOST_WARM, f"the warm model is right in {mean:.0%}: nothing is left to learn, or all"
    assert sum(after.values()) > sum(before.values()), "what it got right has not taught it anything"


def rates(done: Done, command: str) -> dict[str, float]:
    """Return the pass rate of each domain from a report on difficulty."""
    rows = [line.split() for line in done.printed(command).splitlines() if " % " in line]
    return {row[0]: float(row[3]) / 100 for row in rows}


def written(done: Done) -> str:
    """Return the report, and put the pictures of the page on difficulty beside it."""
    page = (done.work / "page.md").read_text()
    pictures = REPORT.with_suffix("")
    shutil.rmtree(pictures, ignore_errors=True)
    shutil.copytree(done.work / "page", pictures)
    told = page.split("\n", 2)[2].replace("](page/", "](cot/").replace("\n## ", "\n### ")
    parts = [
        ("Learn to see, and how one answers", (*LEARN_TO_SEE, *LEARN_TO_ANSWER), WARM),
        ("Answer 200 tasks, eight times each", ASK, ASKED),
        ("What was kept, and why", CHOOSE[:1], ""),
        ("Train on what was right", CHOOSE[1:], ""),
        ("The next round", (*ASK_AGAIN, *ENHANCE), AGAIN),
    ]
    found = ["---\norphan: true\n---\n\n# Chain of thought, all the way\n", INTRODUCTION, _gained(done)]
    for title, commands, says in parts:
        found.append(f"## {title}\n\n{says}{done.cpu_s(commands)} seconds of a processor.\n")
        found.append(f"```text\n{''.join(_shown(done, command) for command in commands)}```\n")
        found.append(told if commands == CHOOSE[:1] else "")
    found.append("Written by `python tests/long/cot.py`, which is `make cot-proof`.")
    return "\n".join(part for part in found if part) + "\n"


def _gained(done: Done) -> str:
    before, after = (rates(done, command) for command in (CHOOSE[0], ASK_AGAIN[2]))
    rows = [f"| {domain} | {before[domain]:.1%} | {after[domain]:.1%} |\n" for domain in before]
    return f"| right | at first | trained on its own right answers |\n|---|---:|---:|\n{''.join(rows)}"


def _shown(done: Done, command: str) -> str:
    address = f"http://127.0.0.1:{done.printed('port')}/v1"
    printed = done.printed(command).replace(str(done.work), "/home/you/try")
    lines = [line for line in printed.splitlines() if not line.startswith(("next: ", "step ", "MFU"))]
    return f"$ {command.replace('URL', address)}\n" + "".join(f"{line}\n" for line in lines)


def _environment() -> dict[str, str]:
    one = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "OSTRAKA_ENDPOINT_KEY": "of-this-machine-alone"}
    return {**os.environ, **one, "COLUMNS": "120"}


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


INTRODUCTION = """\
A model of 1.3 million parameters is trained from nothing until it answers some of the drawn tasks, is asked others, and
learns from what it got right: all of it by the commands that are shown, which resume where they were stopped. `ostraka
serve begun/model --name begun` and `ostraka serve second/model --name second` answer in between.
"""
WARM = """\
Captions that say every cell come first: without them, tasks teach such a model little. Right answers without their
thinking are among them, so that words of questions are words of the tokenizer. More answers about colours follow: how
a colour is said is learnt last.
"""
ASKED = "Tasks that the model has not seen, with its pictures as the endpoint takes them.\n"
AGAIN = """\
The model that was trained on its own right answers is asked the same tasks once more, so what it says now is no measure
of what it would say of others. `enhance` adds what is new.
"""


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/ostraka-cot").resolve())
