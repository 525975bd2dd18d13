"""Read an export with Energon through the index that ostraka wrote."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from megatron.energon import WorkerConfig, get_savable_loader, get_train_dataset, get_val_dataset

SPLITS = {"train": get_train_dataset, "val": get_val_dataset}


def keys_of(export: Path, split: str) -> set[str]:
    """Return the keys of a split, each read once."""
    config = WorkerConfig(rank=0, world_size=1, num_workers=0)
    options = {"shuffle_buffer_size": None, "max_samples_per_sequence": None} if split == "train" else {}
    dataset = SPLITS[split](export, split_part=split, worker_config=config, batch_size=1, **options)
    keys, loader = set(), iter(get_savable_loader(dataset))
    for _ in range(len(dataset)):
        batch = next(loader)
        keys.update(key.rsplit("/", 1)[-1] for key in batch.__key__)
        assert batch.image.ndim == 4 and isinstance(batch.caption[0], str)
    return keys


def main(export: Path) -> None:
    """Read both splits and compare their keys with the manifest's counts."""
    warnings.simplefilter("ignore")
    manifest = json.loads((export / "manifest.json").read_text())
    found = {split: len(keys_of(export, split)) for split in SPLITS}
    listed = dict.fromkeys(SPLITS, 0)
    for file in manifest["files"]:
        if file["path"].endswith(".tar"):
            listed[file["path"].split("/")[0]] += file["samples"]
    assert found == listed, (found, listed)
    print(f"  energon lint and its loaders read {sum(found.values())} samples by our index: {found}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
