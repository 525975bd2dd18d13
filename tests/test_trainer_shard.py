"""Two ranks that share a model have the gradient of one, with rows of words alone and empty rows among theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def test_two_ranks_have_the_gradient_of_one() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
            TESTS / "sharded_gradient.py",
        ],
        env={**os.environ, "PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {"tiny", "tiny-moe"}
    for one in found.values():
        assert one["size"] > 0.01
        assert one["apart"] < 2e-6
