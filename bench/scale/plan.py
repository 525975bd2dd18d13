"""Planning an export and nothing else: `python -m bench.scale.plan SHELF RECIPE`."""

from __future__ import annotations

import sys

from pipelines.export.choose import Rule
from pipelines.export.plan import Request, plan
from pipelines.query.choose import choose_recipe
from pipelines.shelf.shelf import Shelf

ROWS, MIB = 10_000, 512


def main(url: str, asked: str) -> None:
    shelf = Shelf(url)
    request = Request("train", choose_recipe(shelf, asked), shelf.snapshot(), "", {"exclude_entries": 0}, ROWS, MIB)
    planned = plan(shelf, request, Rule())
    print(f"{planned.counts.exported} samples in {len(planned.shards)} shards")


if __name__ == "__main__":
    main(*sys.argv[1:3])
