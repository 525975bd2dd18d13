"""The page of a run: what it ran on, the rate of one matrix product, and a line a side."""

from __future__ import annotations

import platform
import sys
import traceback
from importlib.metadata import PackageNotFoundError, version

import torch

from bench.gpu_runs.runs import Bar, Line, Missing, Run
from bench.gpu_runs.sides import release
from trainer.loop.flops import product_rate

SHEET_RATE, SHEET_CARDS = 989e12, ("H100", "H200")
PACKAGES = ("torch", "transformers", "trl")
LEAST_TRANSFORMERS = 5
HEAD = (
    "side",
    "model",
    "states",
    "compiled",
    "tokens a step",
    "step (min-max)",
    "tokens/s",
    "operations",
    "of product",
    "of 989",
    "peak",
    "loss",
    "goals",
)


def write(name: str, run: Run, device: str, tiny: bool) -> int:
    """Run it and print the page, line by line; return 1 where a side failed."""
    print(f"# {name}: {run.title}\n\n{_machine(device)}", flush=True)
    if int(_version("transformers").partition(".")[0]) < LEAST_TRANSFORMERS:
        print(f"\ntransformers {LEAST_TRANSFORMERS} is needed: older ones do not know packed rows")
        return 1
    if tiny:
        print("no GPU: sizes cut, figures mean nothing" if device == "cpu" else "sizes cut, figures mean nothing")
    rate = product_rate(device, torch.bfloat16 if device.startswith("cuda") else torch.float32)
    print(
        f"\nOne product of square matrices: {_tera(rate)}{_of_sheet(rate)}. Operations count attention over the causal"
    )
    print("half, whole pictures in the tower, three forwards, and nothing twice that is computed again.\n")
    print(_row(HEAD), _row(["---"] * len(HEAD)), sep="\n", flush=True)
    failed = _lines(run, device, tiny, rate)
    print(flush=True)
    return failed


def _lines(run: Run, device: str, tiny: bool, rate: float) -> int:
    try:
        for line in run.lines(device, tiny):
            print(_row(_missing(line) if isinstance(line, Missing) else _cells(line, rate, tiny)), flush=True)
            release(device)
    except (torch.OutOfMemoryError, RuntimeError, TypeError, ValueError, AttributeError, ImportError) as error:
        traceback.print_exc()
        said = str(error).strip().splitlines() or [""]
        print(_row([f"failed: {type(error).__name__}: {said[0]}", *["-"] * (len(HEAD) - 1)]))
        return 1
    return 0


def _machine(device: str) -> str:
    name = platform.machine()
    if device.startswith("cuda"):
        held = torch.cuda.get_device_properties(device)
        name = f"{held.name}, {held.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
    packages = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    return f"{name}; Python {platform.python_version()}, {packages}; {' '.join(sys.argv)}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cells(line: Line, rate: float, tiny: bool) -> list[str]:
    times_s = line.timed.times_s
    done = line.operations / line.timed.step_s
    return [
        line.side,
        line.setting.shape.name,
        line.setting.states,
        "yes" if line.setting.compiled else "no",
        f"{line.tokens:,}",
        f"{line.timed.step_s:.3g} s ({min(times_s):.3g}-{max(times_s):.3g})",
        f"{_rate(line):,.0f}",
        _tera(done) if done else "-",
        f"{done / rate:.1%}" if done else "-",
        f"{done / SHEET_RATE:.1%}" if done and _on_sheet() else "-",
        f"{line.timed.peak_gib:.1f} GiB",
        f"{line.timed.losses[0]:.3f} to {line.timed.losses[1]:.3f}",
        "; ".join(_told(bar, line, done / rate, done / SHEET_RATE, tiny) for bar in line.bars) or "-",
    ]


def _missing(line: Missing) -> list[str]:
    return [f"{line.side}: {line.why}", *["-"] * (len(HEAD) - 1)]


def _told(bar: Bar, line: Line, of_product: float, of_sheet: float, tiny: bool) -> str:
    """Say a goal and, where figures mean something, whether it is met."""
    peer = line.against
    found = {
        "of product": of_product,
        "of 989": of_sheet,
        "tokens/s": _rate(line),
        "GiB": line.timed.peak_gib,
        "times": _rate(line) / _rate(peer) if peer else 0.0,
        "memory": line.timed.peak_gib / peer.timed.peak_gib if peer else 0.0,
    }[bar.what]
    met = found <= bar.value if bar.most else found >= bar.value
    said = f"{bar.what} {found:,.2f}, goal {'<=' if bar.most else '>='} {bar.value:,g}"
    return said if tiny else f"{said}: {'met' if met else 'missed'}"


def _rate(line: Line) -> float:
    return line.tokens / line.timed.step_s


def _tera(rate: float) -> str:
    return f"{rate / 1e12:,.3g} TFLOP/s"


def _on_sheet() -> bool:
    return torch.cuda.is_available() and any(card in torch.cuda.get_device_name() for card in SHEET_CARDS)


def _of_sheet(rate: float) -> str:
    return f", {rate / SHEET_RATE:.0%} of the data sheet's 989" if _on_sheet() else ""


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
