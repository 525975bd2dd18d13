"""A training step on packed rows against HF Trainer and TRL's SFTTrainer, which pad: one tiny Glm4v, same documents.

64 documents of 0 to 2 pictures and words of lognormal length, 8,192 tokens a row of ours, 4 and 16 documents a batch of
theirs, one step of AdamW over all of them on either side. TRL refuses to pack where there are pictures. Both sides run
in one process of an environment that holds TRL, on one processor. The rate is of tokens that a document holds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from bench.duel import Row, require, row

VENV = ".venv-bench-trl"
PACKAGES = ("trl==1.16.0",)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
GOALS = {"HF Trainer, batches of 4": 1.6, "HF Trainer, batches of 16": 2.5}
GOALS |= {"TRL SFTTrainer, batches of 4": 1.6, "TRL SFTTrainer, batches of 16": 2.5}
BOUND = "the products of matrices, and attention one document at a time"


def rows(folder: str) -> Iterator[Row]:
    python = _install()
    told = subprocess.run(
        [python, "-m", "bench.padded_step", folder], capture_output=True, text=True, cwd=HERE, env=_environment()
    )
    require(told.returncode == 0, told.stderr[-2000:])
    found = json.loads(told.stdout.splitlines()[-1])
    for name, times_s in found["times_s"].items():
        yield row(f"packed step against {name}", [tuple(pair) for pair in times_s], found["tokens"], GOALS[name], BOUND)


def _install() -> str:
    """Return the Python of an environment with TRL and this trainer, after making it where it is not there."""
    python = os.path.abspath(os.path.join(VENV, "bin", "python"))
    if not os.path.exists(python):
        print(f"installing {PACKAGES[0]} into {VENV} ...", flush=True)
        pip = [os.path.join(VENV, "bin", "pip"), "install", "--quiet", "--constraint", "constraints.txt"]
        for line in ([sys.executable, "-m", "venv", VENV], [*pip, "--editable", ".[trainer]", *PACKAGES]):
            ran = subprocess.run(line, capture_output=True, text=True, cwd=HERE)
            require(ran.returncode == 0, f"{PACKAGES[0]} cannot be installed here: {ran.stderr[-300:]}")
    return python


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
