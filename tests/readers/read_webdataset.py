"""Read an export with webdataset: every key once, and the original bytes."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import webdataset


def main(export: Path) -> None:
    """Read all shards and compare each picture with its digest."""
    manifest = json.loads((export / "manifest.json").read_text())
    keys = set()
    for sample in webdataset.WebDataset([str(p) for p in sorted(export.glob("*/*/*.tar"))], shardshuffle=False):
        told = json.loads(sample["json"])
        part = told["parts"][0]
        assert sample["__key__"] == told["key"] and told["key"] not in keys
        assert hashlib.sha256(sample[part["extension"]]).hexdigest() == part["digest"]
        keys.add(told["key"])
    assert len(keys) == manifest["counts"]["exported"], len(keys)
    print(f"  webdataset read {len(keys)} samples: every key once, original bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
