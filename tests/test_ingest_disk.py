"""What may not be read, and a disk that is full."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Picture = Callable[..., bytes]


AS_NOBODY = """
import os, sys, duckdb, pyarrow.parquet, pyarrow.compute, PIL.Image
from pipelines.ingest.ingest import ingest
from pipelines.engines.local import Local
from pipelines.shelf.shelf import Shelf
from schemas.errors import OstrakaError
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    print(ingest(Shelf(sys.argv[1]), sys.argv[2], Local(1)).counts)
except OstrakaError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that a user who is not root can enter and write to."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


def as_nobody(shelf: Path, source: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(shelf), str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_unreadable_files_and_folders_are_failed_rows(open_to_all: Path, picture: Picture) -> None:
    source = open_to_all / "in"
    (source / "shut").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "c.jpg", "shut/d.jpg"):
        (source / name).write_bytes(picture(ord(name[-5])))
    (source / "c.txt").write_text("a boat")
    for name in ("b.jpg", "c.txt", "shut"):
        (source / name).chmod(0)
    assert as_nobody(open_to_all / "s", source) == "{'samples': 1, 'unreadable': 3}"


def test_a_source_or_a_shelf_that_may_not_be_opened_is_a_clear_error(open_to_all: Path, picture: Picture) -> None:
    (open_to_all / "shut").mkdir()
    (open_to_all / "shut" / "a.jpg").write_bytes(picture(1))
    with tarfile.open(open_to_all / "t.tar", "w") as tar:
        tar.add(open_to_all / "shut" / "a.jpg", "a.jpg")
    (open_to_all / "m.jsonl").write_text('{"image": "a.jpg"}')
    (open_to_all / "c.json").write_text('{"images": []}')
    for name in ("shut", "t.tar", "m.jsonl", "c.json"):
        (open_to_all / name).chmod(0)
        said = as_nobody(open_to_all / "s", open_to_all / name)
        assert said.startswith("BadInput") and "Permission denied" in said and name in said
    (open_to_all / "in").mkdir()
    (open_to_all / "in" / "a.jpg").write_bytes(picture(1))
    (open_to_all / "locked").mkdir(0o755)
    said = as_nobody(open_to_all / "locked" / "s", open_to_all / "in")
    assert said.startswith("Unavailable") and "Permission denied" in said and "locked/s" in said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


DISK_FULL = """
import sys
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.engines.local import Local
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import OstrakaError
if __name__ == "__main__":
    try:
        ingest(Shelf(sys.argv[1]), sys.argv[2], Local(int(sys.argv[3])), cut=Cut(rows=20))
        run(Shelf(sys.argv[1]), find_recipe("headers-only"), Local(int(sys.argv[3])))
        print("done")
    except OstrakaError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize(("workers", "shares"), [(1, (0.05, 0.5, 0.9)), (2, (0.6,))])
def test_a_full_disk_stops_with_a_clear_error_and_the_same_command_goes_on_when_there_is_room(
    tmp_path: Path,
    small_disk: Path,
    picture: Picture,
    tree_digest: Callable[..., dict[str, str]],
    workers: int,
    shares: tuple[float, ...],
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for n in range(60):
        (source / f"{n:03d}.jpg").write_bytes(picture(n, size=(200, 200)))
    script = tmp_path / "job.py"
    script.write_text(DISK_FULL)

    def job(shelf: Path) -> str:
        done = subprocess.run(
            [sys.executable, str(script), str(shelf), str(source), str(workers)],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parent.parent,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert job(tmp_path / "whole") == "done"
    wanted = tree_digest(tmp_path / "whole")
    size = sum(path.stat().st_size for path in (tmp_path / "whole").rglob("*") if path.is_file())
    ballast = small_disk / "ballast"
    for share in shares:
        ballast.write_bytes(b"\0" * int((2 << 20) - share * size - 8192))
        said = job(small_disk / "s")
        assert said.startswith("Unavailable") and "No space left on device" in said and str(small_disk / "s") in said
        assert not list((small_disk / "s").rglob(".ostraka-tmp-*")), "a failed write cleans up behind itself"
    ballast.unlink()
    assert job(small_disk / "s") == "done"
    assert tree_digest(small_disk / "s") == wanted
