"""What several tests stand on: the real sample data, pictures made on the spot, and the digest of a tree."""

from __future__ import annotations

import hashlib
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# A shell starts its background jobs deaf to Ctrl-C, and so would be every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real samples: OSTRAKA_DATA, else ../shared/data beside the checkout."""
    folder = Path(os.environ.get("OSTRAKA_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no sample data at {folder}: set OSTRAKA_DATA")
    return folder.resolve()


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Make a picture's bytes: smooth noise of its own for every seed, so that no two are near-duplicates."""

    def make(seed: int, size: tuple[int, int] = (96, 64), kind: str = "JPEG") -> bytes:
        random = np.random.default_rng(seed)
        coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        out = io.BytesIO()
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(out, kind)
        return out.getvalue()

    return make


@pytest.fixture(scope="session")
def tree_digest() -> Callable[..., dict[str, str]]:
    """Return the SHA-256 of every file below a folder but those below `runs/`, by its path."""

    def digest(folder: Path, leaving: tuple[str, ...] = ("runs/", "shelf.duckdb")) -> dict[str, str]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if not (name := str(path.relative_to(folder))).startswith(leaving)
        }

    return digest
