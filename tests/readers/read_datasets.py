"""Read an export with Hugging Face's datasets, through its card and through the names of its files."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from datasets import Image, disable_progress_bars, get_dataset_config_names, load_dataset


def check(rows, form: str) -> int:
    """Check every row against its own json, and return how many there are."""
    assert {*rows.column_names} == {form, "txt", "json", "__key__", "__url__"}, rows.column_names
    for row in rows.cast_column(form, Image(decode=False)):
        parts = row["json"]["parts"]
        assert row["json"]["key"] == row["__key__"]
        assert hashlib.sha256(row[form]["bytes"]).hexdigest() == parts[0]["digest"]
        assert row["txt"] == next((part["text"] for part in parts if part["kind"] == "text"), "")
    assert all(picture.size[0] > 0 for picture in rows[form])
    return len(rows)


def main(export: Path) -> None:
    """Read each form by the card's configurations and by file names."""
    disable_progress_bars()
    manifest = json.loads((export / "manifest.json").read_text())
    by_card = by_name = 0
    for form in get_dataset_config_names(str(export)):
        for rows in load_dataset(str(export), form).values():
            by_card += check(rows, form)
        files = {path.parent.parent.name: f"{path.parent}/*.tar" for path in sorted(export.glob(f"*/{form}/*.tar"))}
        for rows in load_dataset("webdataset", data_files=files).values():
            by_name += check(rows, form)
    assert by_card == by_name == manifest["counts"]["exported"], (by_card, by_name)
    print(f"  datasets read {by_card} samples by the card and by the names of files: bytes, captions and keys agree")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
