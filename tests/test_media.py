"""Reading spans of files: all of it, or an error; the kernel may give less than was asked for."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.shelf.media import MediaReader
from schemas.errors import Unavailable


def test_a_span_is_read_whole_though_the_kernel_gives_a_few_bytes_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes(range(100))
    (tmp_path / "a").write_bytes(data)
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda number, size, offset: pread(number, min(size, 7), offset))
    with closing(MediaReader()) as read:
        assert [read(str(tmp_path / "a"), 3, size) for size in (0, 1, 7, 8, 50, 97)] == [
            data[3 : 3 + size] for size in (0, 1, 7, 8, 50, 97)
        ]
        with pytest.raises(Unavailable, match="ends before byte 101"):
            read(str(tmp_path / "a"), 3, 98)
