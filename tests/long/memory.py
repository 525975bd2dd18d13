"""Peak memory of ingest, run and export at 10,000 and at 100,000 samples, by process; writes docs/proofs/memory.md.

python tests/long/memory.py [WORK]
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "proofs" / "memory.md"
SIZES = (10_000, 100_000)
PER_TAR = 10_000
ROWS = 5_000
WORKERS = 2
CONSTANT_MIB = 512
VERBS = ("ingest", "headers-only", "caption-light", "export")
KINDS = ("main", "worker", "guard")
WORDS = ("boat", "lake", "shore", "quiet", "small", "wooden", "rests", "near", "the", "a", "green", "hill", "stone")


def make(folder: Path, count: int) -> None:
    """Write tars of tiny JPEGs, no two alike, with captions."""
    folder.mkdir(parents=True)
    for first in range(0, count, PER_TAR):
        random = np.random.default_rng(first)
        with tarfile.open(folder / f"{first // PER_TAR:05d}.tar", "w") as tar:
            for n in range(first, first + PER_TAR):
                coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
                out = io.BytesIO()
                coarse.resize((40, 32), Image.Resampling.BICUBIC).save(out, "JPEG", quality=50)
                caption = f"The {' '.join(random.choice(WORDS, 8))} in picture {n}."
                for name, data in ((f"{n:09d}.jpg", out.getvalue()), (f"{n:09d}.txt", caption.encode())):
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))


def do(verb: str, shelf: Shelf, source: str) -> None:
    """Run one verb in this process."""
    engine = Local(WORKERS)
    if verb == "ingest":
        ingest(shelf, source, engine, cut=Cut(rows=ROWS))
    elif verb == "export":
        export(shelf, "train", "", engine, ExportOptions(recipe="caption-light", rows=ROWS))
    else:
        print(run(shelf, find_recipe(verb), engine), flush=True)


def peaks_mib(command: list[str]) -> tuple[dict[str, float], float]:
    """Run a command and return the highest peak RSS of its processes by kind, and the seconds that it took."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    peaks = dict.fromkeys(KINDS, 0.0)
    while process.poll() is None:
        for entry in Path("/proc").iterdir():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) != process.pid:
                    continue
                said = (entry / "cmdline").read_bytes()
                status = (entry / "status").read_text()
                high = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            except (OSError, ValueError, IndexError, StopIteration):
                continue
            kind = (
                "guard" if b"pipelines.guard.child" in said else "main" if int(entry.name) == process.pid else "worker"
            )
            peaks[kind] = max(peaks[kind], int(high.split()[1]) / 1024)
        time.sleep(0.05)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    return peaks, time.monotonic() - began


def main(work: Path) -> None:
    found: dict[tuple[str, int], tuple[dict[str, float], float]] = {}
    for count in SIZES:
        source = work / f"source-{count}"
        if not source.exists():
            make(source, count)
        shutil.rmtree(work / f"shelf-{count}", ignore_errors=True)
        for verb in VERBS:
            command = [sys.executable, __file__, "do", verb, str(work / f"shelf-{count}"), str(source)]
            found[verb, count] = peaks_mib(command)
            peaks, seconds = found[verb, count]
            print(verb, count, {kind: round(peak) for kind, peak in peaks.items()}, f"{seconds:.0f} s", flush=True)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(written(found))
    print(REPORT.read_text())


def written(found: dict[tuple[str, int], tuple[dict[str, float], float]]) -> str:
    """Return the report."""
    small, large = SIZES
    rows = []
    for verb in VERBS:
        for kind in KINDS:
            before, after = found[verb, small][0][kind], found[verb, large][0][kind]
            if before or after:
                grown = (after - before) * 2**20 / (large - small)
                rows.append(f"| {verb} | {kind} | {before:.0f} | {after:.0f} | {grown:.0f} |")
    highest = max(peak for peaks, _ in found.values() for peak in peaks.values())
    steepest = max(float(row.split("|")[5]) for row in rows)
    return (
        "---\norphan: true\n---\n\n# Memory\n\n"
        f"Tiny JPEGs with captions, no two alike, in WebDataset tars, shards of {ROWS:,} samples, {WORKERS} workers.\n"
        "Peak resident memory of the largest process of its kind, in MiB, and what ten times the samples add to it,\n"
        "in bytes a sample.\n\n"
        f"| verb | process | {small:,} | {large:,} | bytes a sample more |\n|---|---|---:|---:|---:|\n"
        + "\n".join(rows)
        + f"\n\nNo process took more than {highest:.0f} MiB. The constant is {CONSTANT_MIB} MiB a process. What grows\n"
        "with the corpus is the main process: of an ingest, by the listing, which DuckDB holds up to 256 MB and then\n"
        "on disk; of a run with a corpus filter, by the columns that the filter reads for every sample that lives.\n"
        f"The most that anything grew here is {steepest:.0f} bytes a sample.\n\n"
        "Written by `python tests/long/memory.py`.\n"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["do"]:
        do(sys.argv[2], Shelf(sys.argv[3]), sys.argv[4])
    else:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/ostraka-memory"))
