"""A finite pool of drawn tasks, half of them trivial and a fifth hopeless for the model to begin with.

Tasks are drawn and answered by the model, sixteen times each: those that it answers right fourteen times or more are
trivial, twice to thirteen times middling, and hopeless are tasks with a reference in place of the true one that nobody
can know. Trivial ones are of whatever domain has them, the others of each domain alike. What was measured goes into no
run: every arm begins without knowing which is which.

    FOLDER/drawn/, digits/   tasks as they were drawn, with shelf and export; right.json says how many of the answers
                             were right, by the record's id. Trivial ones are rare where a model begins, and come from
                             the domain that it is best at
    FOLDER/pool/             the tasks of the pool, with shelf and export
    FOLDER/test/             tasks of the other split, to be held out
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from glob import glob
from hashlib import sha256
from typing import Any

from msgspec import convert

from bench.experiments.runs import HERE, ostraka
from filters.verifiers.domains.all import DOMAINS
from schemas.errors import BadInput
from schemas.task import Task
from trainer.rewards.canary import impossible

KINDS, LEVEL, ANSWERS = ("counting", "colour", "digits"), "easy", 16
DRAWS = {"drawn": (KINDS, 60_000), "digits": (("digits",), 80_000)}
"""Kinds, and the number of the first drawn task: what a start was taught with was drawn from smaller ones."""
DRAWN, TASKS, TEST = 9_999, 3_000, 300
MIDDLING_FROM, TRIVIAL_FROM = 2, 14
TRIVIAL_SHARE, HOPELESS_SHARE = 0.5, 0.2

Record = dict[str, Any]


def made(folder: str, start: str) -> tuple[str, str]:
    """Make the pool and the held-out tasks where they are not there yet, and return their exports."""
    pool, test = (os.path.join(folder, name) for name in ("pool", "test"))
    _draw(test, TEST, "test", KINDS, 0)
    if not os.path.exists(os.path.join(pool, "tasks.jsonl")):
        right, records = dict[str, int](), list[Record]()
        for name, (kinds, first) in DRAWS.items():
            drawn = os.path.join(folder, name)
            _draw(drawn, DRAWN, "train", kinds, first)
            right |= _right(drawn, start)
            records += _records(drawn)
        _write(pool, composed(records, right))
    return _exported(pool), _exported(test)


def composed(records: Sequence[Record], right: Mapping[str, int]) -> list[Record]:
    """Return the records of a pool: middling and hopeless ones of each domain alike, trivial ones of any.

    Raises BadInput where too few are trivial or middling.
    """
    domains = sorted({record["domain"] for record in records})
    trivial, hopeless = round(TRIVIAL_SHARE * TASKS), round(HOPELESS_SHARE * TASKS) // len(domains)
    middling = (TASKS - trivial) // len(domains) - hopeless
    found = [one for one in _in_order(records) if right[one["id"]] >= TRIVIAL_FROM][:trivial]
    _need(found, trivial, "trivial tasks")
    for domain in domains:
        mine = [one for one in _in_order(records) if one["domain"] == domain]
        between = [one for one in mine if MIDDLING_FROM <= right[one["id"]] < TRIVIAL_FROM]
        _need(between, middling + hopeless, f"middling tasks of {domain}")
        found += [*between[:middling], *map(_hopeless, between[middling : middling + hopeless])]
    return found


def _in_order(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda one: _word(one["id"]))


def _need(found: Sequence[Record], count: int, what: str) -> None:
    if len(found) < count:
        raise BadInput(
            f"{len(found)} {what}, where the pool has {count}",
            where="the drawn tasks",
            remedy="begin with a model that gets more of them right, or draw more of them",
        )


def _hopeless(record: Record) -> Record:
    bait = impossible(convert(record, Task), DOMAINS)
    if bait is None:
        raise ValueError(f"no impossible reference for {record['id']}")
    return record | {"id": f"hopeless-{record['id']}", "reference": bait.reference}


def _draw(folder: str, count: int, split: str, kinds: Sequence[str], first: int) -> None:
    if not os.path.exists(os.path.join(folder, "tasks.jsonl")):
        words = [word for kind in kinds for word in ("--kind", kind)]
        sizes = ("--count", str(count), "--first", str(first))
        _run("draw", "tasks", "--to", folder, *sizes, *words, "--level", LEVEL, "--split", split)


def _right(drawn: str, start: str) -> dict[str, int]:
    path = os.path.join(drawn, "right.json")
    if not os.path.exists(path):
        from bench.experiments.measure import right_of

        found = right_of(_exported(drawn), start, ANSWERS)
        ids = _ids(os.path.join(drawn, "shelf"))
        with open(f"{path}.partial", "w", encoding="utf-8") as file:
            json.dump({ids[key]: count for key, count in found.items()}, file)
        os.replace(f"{path}.partial", path)
    with open(path, encoding="utf-8") as file:
        counts: dict[str, int] = json.load(file)
    return counts


def _exported(folder: str) -> str:
    if not os.path.exists(os.path.join(_export(folder), "manifest.json")):
        shelf = os.path.join(folder, "shelf")
        _run("ingest", os.path.join(folder, "tasks.jsonl"), "--as", "tasks", "--shelf", shelf)
        _run("run", "rl-tasks", "--shelf", shelf)
        _run("export", "tasks", "--shelf", shelf)
    return _export(folder)


def _export(folder: str) -> str:
    return os.path.join(folder, "shelf", "exports", "tasks")


def _ids(shelf: str) -> dict[str, str]:
    """Return the id of each record by the key of its sample."""
    import pyarrow.parquet as pq

    rows = [row for path in glob(os.path.join(shelf, "catalog", "*.parquet")) for row in _rows(pq.read_table(path))]
    return {row["key"].hex: row["name"] for row in rows}


def _rows(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.select(["key", "name"]).to_pylist()
    return found


def _records(folder: str) -> list[Record]:
    """Return what was drawn, each with where its pictures lie."""
    with open(os.path.join(folder, "tasks.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) | {"folder": folder} for line in file]


def _write(folder: str, records: Sequence[Record]) -> None:
    os.makedirs(os.path.join(folder, "pictures"), exist_ok=True)
    path = os.path.join(folder, "tasks.jsonl")
    with open(f"{path}.partial", "w", encoding="utf-8") as file:
        for record in records:
            kept = {name: value for name, value in record.items() if name not in ("folder", "difficulty")}
            for picture in kept["images"]:
                shutil.copyfile(os.path.join(record["folder"], picture), os.path.join(folder, picture))
            file.write(json.dumps(kept) + "\n")
    os.replace(f"{path}.partial", path)


def _word(said: str) -> str:
    return sha256(said.encode()).hexdigest()


def _run(*words: str) -> None:
    subprocess.run(
        ostraka(*words), cwd=HERE, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": HERE}
    )
