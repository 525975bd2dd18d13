"""Fight the duels, print the table and write the head of docs/bench.md; with names, fight those and write nothing."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import chain

from bench.shards import MEMORY
from bench.table import circumstances, head, help_line, line_of, page

DUELS = ("write_shards", "read_shards", "reshard", "headers_only", "perceptual_hash", "clip", "engines", "verifiers")
GROUPS = {
    "trainer": ("packed_step", "loader", "resume", "packing"),
    "rl": ("rollouts",),
    "texts": ("minhash", "rules"),
    "video": ("sparse_frames",),
    "desk": ("desk_routing", "desk_sync"),
}
"""Duels that are fought by the name of their group; they want environments of their own, of some gigabytes."""

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs", "bench.md")


@contextmanager
def scratch() -> Iterator[str]:
    """Hold a folder for a duel's files, and its twin in memory."""
    folder = tempfile.mkdtemp(prefix="ostraka-bench-")
    try:
        yield folder
    finally:
        for place in (folder, os.path.join(MEMORY, os.path.basename(folder))):
            shutil.rmtree(place, ignore_errors=True)


def main(names: list[str]) -> None:
    print(circumstances(), head(), sep="\n\n", flush=True)
    rows, said = [], [help_line()]
    for name in chain.from_iterable(GROUPS.get(name, (name,)) for name in names or DUELS):
        with scratch() as folder, contextlib.redirect_stdout(io.StringIO()) as told:
            for row in import_module(f"bench.{name}").rows(folder):
                rows.append(row)
                print(line_of(row), file=sys.stderr, flush=True)
        said += told.getvalue().splitlines()
    print(*said, sep="\n")
    if not names:
        with open(PAGE, encoding="utf-8") as file:
            others = file.read().partition("\n## ")[1:]
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write("".join((page(rows, said), *others)))


if __name__ == "__main__":
    main(sys.argv[1:])
