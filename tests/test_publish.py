"""Publishing: a file is there whole or not at all, whoever else writes, whatever ends the writer."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import fsspec
import pytest

from schemas import publish
from schemas.errors import Unavailable
from schemas.publish import put, sweep

LOCAL = fsspec.filesystem("file")
NOBODY = 65534


def in_child(work: Callable[[], object]) -> int:
    """Fork, do the work there, and return the child's number; it ends with 1 for True, 0 for False, 9 for an error."""
    number = os.fork()
    if number == 0:
        code = 9
        try:
            code = int(bool(work()))
        finally:
            os._exit(code)
    return number


def how_it_ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def temporaries(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"{publish.PREFIX}*"))


def test_of_many_writers_at_once_exactly_one_wins_and_its_content_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "piece"
    for _ in range(5):
        start, gun = os.pipe()

        def write(n: int, start: int = start, gun: int = gun) -> bool:
            os.close(gun)
            os.read(start, 1)
            return put(LOCAL, str(target), bytes([n]) * 300_000, exclusive=True)

        children = [in_child(lambda n=n: write(n)) for n in range(8)]
        os.close(gun)
        os.close(start)
        ended = [how_it_ended(child) for child in children]
        assert sorted(ended) == [0] * 7 + [1]
        assert target.read_bytes() == bytes([ended.index(1)]) * 300_000
        assert temporaries(tmp_path) == []
        target.unlink()


def test_the_last_of_many_writers_stands_whole_where_any_may_write(tmp_path: Path) -> None:
    target = tmp_path / "verdicts"
    children = [in_child(lambda n=n: put(LOCAL, str(target), bytes([n]) * 300_000)) for n in range(6)]
    assert [how_it_ended(child) for child in children] == [1] * 6
    data = target.read_bytes()
    assert data == data[:1] * 300_000 and temporaries(tmp_path) == []


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize(
    ("error", "raised"),
    [(ValueError(), ValueError), (KeyboardInterrupt(), KeyboardInterrupt), (FileExistsError("taken"), Unavailable)],
)
def test_an_exception_while_writing_leaves_nothing(
    tmp_path: Path, error: BaseException, raised: type[BaseException], exclusive: bool
) -> None:
    def write(file: IO[bytes]) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(raised):
        publish.publish(LOCAL, str(tmp_path / "a"), write, exclusive=exclusive)
    assert list(tmp_path.iterdir()) == []


def test_an_exception_while_writing_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    put(LOCAL, str(tmp_path / "a"), b"old")

    def write(file: IO[bytes]) -> None:
        file.write(b"new")
        raise ValueError

    with pytest.raises(ValueError):
        publish.publish(LOCAL, str(tmp_path / "a"), write)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_a_published_file_can_be_read_by_everyone(tmp_path: Path) -> None:
    put(LOCAL, str(tmp_path / "a"), b"x")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize(("point", "visible", "left"), [("before", 0, 0), ("written", 0, 1), ("published", 1, 0)])
def test_a_kill_leaves_the_whole_file_or_a_temporary_that_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, visible: int, left: int, exclusive: bool
) -> None:
    def killed_write() -> bool:
        monkeypatch.setattr(publish, "crossing", lambda at, _: at == point and os.kill(os.getpid(), signal.SIGKILL))
        return put(LOCAL, str(tmp_path / "a"), b"content", exclusive=exclusive)

    assert how_it_ended(in_child(killed_write)) == -signal.SIGKILL
    assert (tmp_path / "a").exists() == visible and len(temporaries(tmp_path)) == left
    assert sweep(str(tmp_path)) == left and temporaries(tmp_path) == []
    assert put(LOCAL, str(tmp_path / "a"), b"content", exclusive=exclusive) == (not (exclusive and visible))
    assert (tmp_path / "a").read_bytes() == b"content"


def test_sweep_leaves_what_a_living_writer_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, tell = os.pipe()
    wait, go_on = os.pipe()

    def slow_write() -> bool:
        os.close(go_on)
        monkeypatch.setattr(
            publish, "crossing", lambda at, _: at == "written" and (os.write(tell, b"."), os.read(wait, 1))
        )
        return put(LOCAL, str(tmp_path / "deep" / "a"), b"content")

    child = in_child(slow_write)
    os.close(wait)
    os.read(reached, 1)
    (tmp_path / f"{publish.PREFIX}old").write_bytes(b"abandoned")
    assert sweep(str(tmp_path)) == 1 and len(temporaries(tmp_path)) == 1
    os.close(go_on)
    assert how_it_ended(child) == 1
    assert (tmp_path / "deep" / "a").read_bytes() == b"content" and sweep(str(tmp_path)) == 0
    os.close(reached)
    os.close(tell)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_full_disk_leaves_nothing_and_the_old_file_whole(small_disk: Path, exclusive: bool) -> None:
    put(LOCAL, str(small_disk / "old"), b"o" * 10_000)
    for name in ("new",) if exclusive else ("new", "old"):
        with pytest.raises(Unavailable, match=f"{small_disk}/{name}.*No space left"):
            put(LOCAL, str(small_disk / name), b"n" * 100_000, exclusive=exclusive)
    assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == {"old": b"o" * 10_000}
    assert put(LOCAL, str(small_disk / "new"), b"n" * 10_000, exclusive=exclusive)


def test_a_folder_that_may_not_be_written_raises(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside) / "shelf"
        folder.mkdir()
        folder.chmod(0o555)
        Path(outside).chmod(0o755)

        def as_nobody() -> bool:
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            for name in ("a", "deeper/a"):
                with pytest.raises(Unavailable, match=f"{name}: .*Permission denied"):
                    put(LOCAL, str(folder / name), b"x")
            return True

        assert how_it_ended(in_child(as_nobody)) == 1
        assert list(folder.iterdir()) == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
@pytest.mark.parametrize(("exclusive", "naming"), [(False, "rename"), (True, "link")])
def test_bytes_are_synced_before_they_are_named_and_the_folder_after(
    tmp_path: Path, exclusive: bool, naming: str
) -> None:
    target = tmp_path / "shelf" / "a"
    (tmp_path / "work.py").write_text(
        "import sys\nfrom fsspec.implementations.local import LocalFileSystem\nfrom schemas.publish import put\n"
        f"put(LocalFileSystem(), {str(target)!r}, b'content', exclusive={exclusive})\n"
    )
    root = Path(publish.__file__).resolve().parent.parent
    traced = subprocess.run(
        ["strace", "-y", "-e", "trace=write,fsync,rename,link,unlink", sys.executable, tmp_path / "work.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    if traced.returncode and "ptrace" in traced.stderr.lower():
        pytest.skip("processes cannot be traced here")
    calls = [line for line in traced.stderr.splitlines() if str(target.parent) in line]
    assert [line.partition("(")[0] for line in calls] == [
        "write",
        "fsync",
        naming,
        *(["unlink"] if exclusive else []),
        "fsync",
    ]
    assert publish.PREFIX in calls[1] and publish.PREFIX not in calls[-1]


@pytest.fixture
def remote() -> Iterator[tuple[fsspec.AbstractFileSystem, str]]:
    fs = fsspec.filesystem("memory")
    folder = f"/{os.urandom(6).hex()}"
    yield fs, folder
    if fs.exists(folder):
        fs.rm(folder, recursive=True)


def test_elsewhere_a_taken_name_is_refused(remote: tuple[fsspec.AbstractFileSystem, str]) -> None:
    fs, folder = remote
    assert put(fs, f"{folder}/a", b"first", exclusive=True)
    assert not put(fs, f"{folder}/a", b"second", exclusive=True)
    assert fs.cat_file(f"{folder}/a") == b"first"
    assert put(fs, f"{folder}/a", b"third") and fs.cat_file(f"{folder}/a") == b"third"


def test_elsewhere_an_exception_while_writing_leaves_nothing(remote: tuple[fsspec.AbstractFileSystem, str]) -> None:
    fs, folder = remote

    def write(file: IO[bytes]) -> None:
        file.write(b"half")
        raise ValueError

    with pytest.raises(ValueError):
        publish.publish(fs, f"{folder}/a", write)
    assert not fs.exists(f"{folder}/a")


def test_a_sweep_leaves_alone_what_no_writer_of_ours_made(tmp_path: Path) -> None:
    for name in (".tmp-draft", "letter.txt", ".ostraka"):
        (tmp_path / name).write_text("mine")
    (tmp_path / (publish.PREFIX + "x")).write_text("a killed writer's")
    assert publish.sweep(str(tmp_path)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ostraka", ".tmp-draft", "letter.txt"]


@pytest.mark.parametrize("may_open", [False, True])
def test_a_sweep_leaves_another_users_temporary(may_open: bool) -> None:
    """Below a folder like /tmp, where everyone writes and each removes only their own."""
    if os.geteuid() != 0:
        pytest.skip("being another user needs root")
    with tempfile.TemporaryDirectory() as folder:
        theirs = Path(folder) / f"{publish.PREFIX}theirs"
        theirs.write_bytes(b"theirs")
        theirs.chmod(0o666 if may_open else 0o600)
        Path(folder).chmod(0o1777)

        def as_nobody() -> bool:
            os.setuid(NOBODY)
            return sweep(folder) == 0

        assert how_it_ended(in_child(as_nobody)) == 1
        assert theirs.read_bytes() == b"theirs"
