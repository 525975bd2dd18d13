"""Reinforcement learning from a model that is seldom right: three seeds, and what each gets right of unseen pictures.

Goes on, in WORK/rl, where tests/long/cot.py has left a model that sees and has begun to learn how one answers
(`begun`), which it makes first where it is not there. Writes docs/proofs/rl.md.

    python tests/long/rl.py [WORK]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cot import CHOOSE, DRAWN, ROOT, Done, answered, rates

REPORT = ROOT / "docs" / "proofs" / "rl.md"
SEEDS = range(3)
MOST_AT_FIRST, LEAST_IN_THE_END = 0.40, 0.85

TASKS = tuple(
    command
    for name, drawn in (("paid", "--count 6000 --first 40000"), ("unseen", "--split test --count 300"))
    for command in (
        f"ostraka draw tasks --to {name} {drawn} {DRAWN}",
        f"ostraka ingest {name}/tasks.jsonl --shelf {name}-shelf",
        f"ostraka run rl-tasks --shelf {name}-shelf",
        f"ostraka export {name} --recipe rl-tasks --shelf {name}-shelf --to {name}-export",
    )
)
PAID = "--data paid-export --val unseen-export --from ../begun --no-rollouts"
RUNS = tuple(f"ostraka train rl {PAID} --to rl-{seed} --seed {seed}" for seed in SEEDS)


def main(work: Path) -> None:
    sampled = rates(answered(work), CHOOSE[0])
    done = paid(work / "rl")
    looks = [_looks(done.work, seed) for seed in SEEDS]
    REPORT.write_text(written(done, sampled, looks))
    print(REPORT.read_text())
    mean = sum(sampled.values()) / len(sampled)
    assert mean < MOST_AT_FIRST, f"the model to begin with is right in {mean:.0%} already"
    worst = min(min(of_seed[-1]["right_by_domain"].values()) for of_seed in looks)
    assert worst >= LEAST_IN_THE_END, f"a domain of a seed is right in {worst:.0%}"


def paid(work: Path) -> Done:
    """Draw the tasks, and run each seed."""
    work.mkdir(parents=True, exist_ok=True)
    done = Done(work)
    done.run((*TASKS, *RUNS))
    return done


def _looks(work: Path, seed: int) -> list[dict]:
    return [json.loads(line) for line in (work / f"rl-{seed}" / "held_out.jsonl").read_text().splitlines()]


def written(done: Done, sampled: dict[str, float], looks: list[list[dict]]) -> str:
    domains = sorted(sampled)
    mean = sum(sampled.values()) / len(sampled)
    found = ["---\norphan: true\n---\n\n# Reinforcement learning, from seldom right to mostly right\n", INTRODUCTION]
    by_domain = ", ".join(f"{domain} {sampled[domain]:.1%}" for domain in domains)
    found.append(f"Eight answers to each of 200 tasks, at temperature 1, are right in {mean:.1%} ({by_domain}).")
    found.append("Below are the likeliest answers to 300 tasks of another split.\n")
    heads = [f"seed {seed}, {domain}" for seed in SEEDS for domain in domains]
    found.append(f"| step | {' | '.join(heads)} |\n|---:|{'---:|' * len(heads)}")
    for rows in zip(*looks, strict=True):
        right = [f"{row['right_by_domain'][domain]:.0%}" for row in rows for domain in domains]
        found.append(f"| {rows[0]['step']} | {' | '.join(right)} |")
    seconds = ", ".join(f"{done.cpu_s([run])}" for run in RUNS)
    found.append(f"\nThe runs took {seconds} seconds of a processor.\n")
    found.append("```text\n" + "".join(f"$ {command}\n" for command in (*TASKS, *RUNS)) + "```\n")
    found.append("Written by `python tests/long/rl.py`, which is `make rl-proof`.\n")
    return "\n".join(found)


INTRODUCTION = """\
A model of 1.3 million parameters has learnt to see by captions, and a little of how one answers ([chain of thought, all
the way](cot.md) shows both). From there it is paid for right answers alone, to pictures that it has not seen.
"""


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/ostraka-cot").resolve())
