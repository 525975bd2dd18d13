"""A desk that anything happens at: 10,000 random traces, some on PostgreSQL too; writes docs/proofs/desk.md.

Each trace does 100 things in an order that its seed draws. After each thing every invariant of the desk is asked, at
its end the log is replayed, and what came of it must be the same bytes. Blocks that are done are kept in WORK.

    python tests/long/desk.py [WORK]
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from annotators.desk.ledger import Ledger, open_ledger

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "proofs" / "desk.md"
TRACES, BLOCK, BOTH = 10_000, 500, 50


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


trace, server = load("desk_trace"), load("postgres_server")


def block(first: int, url: str) -> dict[str, Any]:
    """Run the traces of a block and count what happened in them."""
    events, states, refused = Counter[str](), Counter[str](), Counter[str]()
    steps = both = 0
    began_s = time.process_time()
    for seed in range(first, first + BLOCK):
        with open_ledger(":memory:", measures=trace.MEASURES) as ledger:
            steps += trace.run(ledger, seed).done
            digest = ledger.digest()
            assert Ledger(ledger._log, trace.MEASURES).digest() == digest, f"seed {seed}: replay comes to another state"
            events.update(type(one.event).__name__ for one in ledger.history())
            states.update(work.state for work in ledger.state.work.values())
            refused.update(ledger.state.refused)
        if url and seed % BOTH == 0:
            with open_ledger(url, f"trace {seed}", trace.MEASURES) as ledger:
                trace.run(ledger, seed)
                assert ledger.digest() == digest, f"seed {seed}: PostgreSQL comes to another state"
            both += 1
    spent_s = time.process_time() - began_s
    return {"steps": steps, "both": both, "cpu_s": spent_s, "events": events, "states": states, "refused": refused}


def main(work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    there = bool(server.programs())
    with server.postgres() if there else nullcontext("") as url:
        for first in range(0, TRACES, BLOCK):
            kept = work / f"{first:06d}.json"
            if not kept.exists():
                kept.write_text(json.dumps(block(first, url)))
                print(f"{first + BLOCK} of {TRACES}", flush=True)
    found = [json.loads((work / f"{first:06d}.json").read_text()) for first in range(0, TRACES, BLOCK)]
    REPORT.write_text(written(found))
    print(REPORT.read_text())


def written(found: list[dict[str, Any]]) -> str:
    """Return the report."""
    traces = len(found) * BLOCK
    events, states, refused = (sum((Counter(one[name]) for one in found), Counter()) for name in _COUNTED)
    total = {name: sum(one[name] for one in found) for name in ("steps", "both", "cpu_s")}
    return (
        "---\norphan: true\n---\n\n# A desk that anything happens at\n\n"
        f"{traces:,} random traces of six people in every role, who take, annotate, edit, delete, skip, review,\n"
        "adjudicate, reopen, export and send things twice, late and under another's name, while the clock jumps,\n"
        "people are paused and the layer changes. After each step every invariant of `annotators/desk/invariants.py`\n"
        "holds, no version is lost or changed, none that was superseded, rejected or deleted comes back; at the end\n"
        "the log replays to the same bytes.\n\n"
        "| | |\n|---|---:|\n"
        f"| traces | {traces:,} |\n| of them on PostgreSQL too, to the same bytes | {total['both']:,} |\n"
        f"| steps | {total['steps']:,} |\n| events | {sum(events.values()):,} |\n"
        f"| invariants broken | 0 |\n| seconds (one processor) | {total['cpu_s']:,.0f} |\n\n"
        + _table("event", events)
        + _table("items ended as", states)
        + _table("refused", refused)
        + "Written by `python tests/long/desk.py`.\n"
    )


_COUNTED = ("events", "states", "refused")


def _table(name: str, counts: Counter[str]) -> str:
    rows = "".join(f"| {one} | {count:,} |\n" for one, count in counts.most_common())
    return f"| {name} | |\n|---|---:|\n{rows}\n"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/ostraka-desk"))
