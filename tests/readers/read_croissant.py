"""Read an export's Croissant with mlcroissant: every record, and files that are what their digests say."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from pathlib import Path

import mlcroissant


def main(export: Path) -> None:
    """Load every record, and compare the files that are described with the files that are there."""
    logging.disable(logging.WARNING)
    manifest = json.loads((export / "manifest.json").read_text())
    dataset = mlcroissant.Dataset(jsonld=str(export / "croissant.json"))
    records = list(dataset.records("samples"))
    assert len({record["samples/key"] for record in records}) == len(records) == manifest["counts"]["exported"]
    files = [one for one in dataset.metadata.distribution if isinstance(one, mlcroissant.FileObject)]
    shards = {str(path.relative_to(export)) for path in export.glob("*/*/*") if path.suffix in (".tar", ".parquet")}
    assert {file.id for file in files} == shards
    for file in files:
        assert hashlib.sha256((export / file.content_url).read_bytes()).hexdigest() == file.sha256, file.id
    print(f"  mlcroissant validated it and loaded {len(records)} records; {len(files)} files are as described")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
