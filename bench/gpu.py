"""Training steps on one GPU, measured: `python bench/gpu.py H1`, to H5, and H7, in any copy of this repository.

It needs a Python with torch and transformers 5 (older ones do not know packed rows), and nothing that this project
would install besides; H5 needs TRL too, H7 msgspec and numba. Data are drawn. Each run is made to take less than ten
minutes on an H100 or H200, and prints a table in Markdown: the rate of one matrix product first, then steps, with
versions and device. Without a GPU, or with --tiny, models and rows are cut to what a processor does in seconds, and the
page says that its figures mean nothing.
"""

from __future__ import annotations

import argparse
import os
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def main() -> int:
    sys.path[0] = ROOT
    import torch

    from bench.gpu_runs.page import write
    from bench.gpu_runs.runs import RUNS

    parser = argparse.ArgumentParser(description="Measure training steps on one GPU.")
    runs = "; ".join(f"{name}: {run.title}" for name, run in RUNS.items())
    parser.add_argument("run", nargs="+", choices=RUNS, help=runs)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="Cut models and rows, as without a GPU.")
    asked = parser.parse_args()
    tiny = asked.tiny or not asked.device.startswith("cuda")
    return max([write(name, RUNS[name], asked.device, tiny) for name in asked.run])


if __name__ == "__main__":
    raise SystemExit(main())
