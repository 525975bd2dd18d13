"""data-juicer in an environment of its own, and one run of its three header filters over files of pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

VENV = ".venv-bench-dj"
PACKAGES = ("py-data-juicer==1.6.1", "aiohttp")
"""aiohttp is imported by data-juicer and not among what it asks for."""

_CONFIG = """\
project_name: bench
dataset_path: {folder}/input.jsonl
export_path: {folder}/out/kept.jsonl
np: {workers}
use_cache: false
process:
  - image_shape_filter: {{min_width: 28, min_height: 28}}
  - image_aspect_ratio_filter: {{min_ratio: 0.005, max_ratio: 200}}
  - image_size_filter: {{max_size: "1GB"}}
"""


class NotHereError(Exception):
    """data-juicer could not be installed, and why."""


def install() -> str:
    """Return data-juicer's command, after making its environment where it is not there; raises NotHereError."""
    command = os.path.abspath(os.path.join(VENV, "bin", "dj-process"))
    if not os.path.exists(command):
        print(f"installing {PACKAGES[0]} into {VENV} ...", flush=True)
        pip = [os.path.join(VENV, "bin", "pip"), "install", "--quiet", *PACKAGES]
        for line in ([sys.executable, "-m", "venv", VENV], pip):
            ran = subprocess.run(line, capture_output=True, text=True)
            if ran.returncode:
                raise NotHereError(f"{PACKAGES[0]} cannot be installed here: {ran.stderr.strip().splitlines()[-1]}")
    return command


def write_input(folder: str, pictures: Sequence[bytes], workers: int) -> str:
    """Write pictures as files, with a list and a configuration, and return the configuration's path."""
    os.makedirs(f"{folder}/pictures", exist_ok=True)
    with open(f"{folder}/input.jsonl", "w", encoding="utf-8") as listing:
        for number, picture in enumerate(pictures):
            path = f"{folder}/pictures/{number:08d}.jpg"
            with open(path, "wb") as file:
                file.write(picture)
            listing.write(json.dumps({"text": "", "images": [path]}) + "\n")
    with open(f"{folder}/config.yaml", "w", encoding="utf-8") as file:
        file.write(_CONFIG.format(folder=folder, workers=workers))
    return f"{folder}/config.yaml"


def filter_pictures(command: str, config: str) -> None:
    """Run the filters; raises NotHereError with the end of what was said where that fails."""
    folder = os.path.dirname(config)
    home = dict.fromkeys(("HF_HOME", "DATA_JUICER_CACHE_HOME"), f"{folder}/cache")
    ran = subprocess.run(
        [command, "--config", config],
        cwd=folder,
        env={**os.environ, **home, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise NotHereError(f"data-juicer does not run here: {ran.stderr.strip().splitlines()[-1]}")


def kept(folder: str) -> set[int]:
    """Return the numbers of the pictures that were kept."""
    with open(f"{folder}/out/kept.jsonl", encoding="utf-8") as file:
        return {int(os.path.basename(json.loads(line)["images"][0])[:8]) for line in file}
