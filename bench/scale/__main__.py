"""Make what is missing, ask what was not asked, print the page and write docs/scale.md.

python -m bench.scale [--folder FOLDER] [--shelf NAME ...] [--again QUESTION ...] [--make | --page | --clean]
"""

from __future__ import annotations

import argparse
import sys
import time

from bench.scale import asked, tiny
from bench.scale.make import make
from bench.scale.shelves import FOLDER, SHELVES, clean, path_of
from bench.scale.table import PAGE, page


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    names = [*SHELVES, "tiny samples"]
    parser.add_argument("--folder", default=FOLDER, help="where the shelves and the answers lie")
    parser.add_argument("--shelf", action="append", choices=names, help="these alone, of all that there are")
    parser.add_argument("--again", action="append", default=[], metavar="QUESTION", help="ask it again")
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument("--make", action="store_true", help="make shelves and ask nothing")
    alone.add_argument("--page", action="store_true", help="ask nothing and write the page from what was answered")
    alone.add_argument("--clean", action="store_true", help="remove all that was made")
    told = parser.parse_args()
    if told.clean:
        clean(told.folder)
        return
    for name in [] if told.page else told.shelf or names:
        if name not in SHELVES:
            if not told.make:
                tiny.ask(told.folder)
            continue
        _make(told.folder, name)
        if not told.make:
            asked.ask(told.folder, [name], told.again)
    if not told.make:
        text = page(asked.answers(told.folder))
        print(text)
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(text)


def _make(folder: str, name: str) -> None:
    began, count = time.monotonic(), len(SHELVES[name].shards)
    for done in make(path_of(folder, name), SHELVES[name]):
        if done % max(1, count // 20) == 0:
            print(f"{name}: {done} of {count} shards, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
