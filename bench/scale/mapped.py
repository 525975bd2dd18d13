"""Map the keys of a made shelf, as the end of an ingest does: python -m bench.scale.mapped SHELF."""

from __future__ import annotations

import sys

from pipelines.shelf.keys import write_maps
from pipelines.shelf.shelf import Shelf


def main(path: str) -> None:
    shelf = Shelf(path)
    write_maps(shelf, shelf.shards())


if __name__ == "__main__":
    main(sys.argv[1])
