"""Peers that want packages of their own: an environment for them, and a duel fought inside it.

Both sides run in one process there, so that they have one machine, one torch and one clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from bench.duel import require

HERE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
_TRAINER = ("--constraint", "constraints.txt", "--editable", ".[trainer]")

TRL = (
    ".venv-bench-trl",
    (("--constraint", "constraints.txt", "--editable", ".[trainer,verifiers]", "trl==1.16.0", "grain==0.2.18"),),
)
TEXTS = (
    ".venv-bench-texts",
    (
        ("--constraint", "constraints.txt", "--editable", ".", "rensa==0.5.0"),
        ("daft==0.7.26", "datatrove==0.10.1", "orjson", "regex", "numpy==2.3.5", "pyarrow==25.0.1"),
    ),
)
LOADERS = (
    ".venv-bench-loaders",
    (
        (*_TRAINER, "webdataset==1.0.2", "torchdata==0.11.0"),
        ("megatron-energon==7.4.1", "webdataset==1.0.2", "torch==2.13.0", "numpy==2.3.5", "pillow==12.3.0"),
        ("datasets==5.2.0", "torch==2.13.0", "numpy==2.3.5", "pillow==12.3.0"),
    ),
)
"""Energon and datasets ask for other versions of small packages than this project pins: they come after it."""

Peers = tuple[str, tuple[tuple[str, ...], ...]]


def fought(peers: Peers, module: str, *arguments: str) -> dict[str, Any]:
    """Run a module in the environment of peers, and return the JSON of its last line; the lines before are printed."""
    told = subprocess.run(
        [python_of(peers), "-m", module, *arguments], capture_output=True, text=True, cwd=HERE, env=_environment()
    )
    require(told.returncode == 0, f"{module} did not come to its end: {told.stderr[-3000:]}")
    *lines, last = told.stdout.splitlines()
    print(*(line for line in lines if line.startswith("- ")), sep="\n")
    found: dict[str, Any] = json.loads(last)
    return found


def python_of(peers: Peers) -> str:
    """Return the Python of an environment, after making it where it is not there."""
    name, installs = peers
    venv = os.path.join(HERE, name)
    done = os.path.join(venv, ".done")
    if not os.path.exists(done):
        lines = [[sys.executable, "-m", "venv", venv]]
        lines += [[os.path.join(venv, "bin", "pip"), "install", "--quiet", *packages] for packages in installs]
        for line in lines:
            ran = subprocess.run(line, capture_output=True, text=True, cwd=HERE)
            require(ran.returncode == 0, f"{name} cannot be made here: {ran.stderr[-300:]}")
        with open(done, "w", encoding="utf-8"):
            pass
    return os.path.join(venv, "bin", "python")


def _environment() -> dict[str, str]:
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"} | quiet
