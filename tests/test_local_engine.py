"""The local engine: the same answers from one process and from several, whatever dies on the way."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from pebble.pool.base_pool import PoolStatus
from pebble.pool.process import PoolManager

from pipelines.engines.local import ATTEMPTS, Local
from schemas.errors import BadInput, TooManyFailed, Unavailable

SHARDS = [f"{number:06d}" for number in range(7)]

OWN = '''
import os, signal, time
from pathlib import Path
from contextlib import contextmanager
from msgspec import Struct
from schemas.errors import BadInput, TooManyFailed, Unavailable

class Doubles(Struct, frozen=True):
    """Answers with twice the shard's number, unless the folder or `dies` says otherwise."""

    folder: str
    dies: str = ""
    raises: str = ""
    opens: bool = True
    opening: int = 0

    @contextmanager
    def open(self):
        if len(list(Path(self.folder).glob("died-*"))) < self.opening:
            Path(self.folder, f"died-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if not self.opens:
            raise Unavailable("the weights are not there", where="worker")
        open(f"{self.folder}/opened-{os.getpid()}", "w").close()
        yield self.do
        open(f"{self.folder}/closed-{os.getpid()}", "w").close()

    def do(self, shard):
        with open(f"{self.folder}/{shard}", "a") as file:
            file.write(f"{os.getpid()}\\n")
        if shard == self.dies[-6:] and (self.dies[:1] == "!" or self.tries(shard) == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if shard == self.raises:
            raise TooManyFailed("6 of 7 samples failed", where=f"shard {shard}", remedy="mend the cause")
        time.sleep(0.01)
        return {"twice": 2 * int(shard), "by": os.getpid(), "word": os.environ.get("OSTRAKA_WORD")}

    def tries(self, shard):
        return len(open(f"{self.folder}/{shard}").readlines())
'''


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_work.py").write_text(OWN)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("own_work")
    sys.path.remove(str(folder))
    del sys.modules["own_work"]


def answers(workers: int, work: Any) -> dict[str, int]:
    found = list(Local(workers).map(work, SHARDS))
    assert len(found) == len(SHARDS)
    return {shard: answer["twice"] for shard, answer in found}


@pytest.mark.parametrize("workers", [1, 3])
def test_every_shard_is_answered_once_by_any_number_of_workers(own: ModuleType, tmp_path: Path, workers: int) -> None:
    assert answers(workers, own.Doubles(str(tmp_path))) == {shard: 2 * int(shard) for shard in SHARDS}
    opened, closed = ({path.name[7:] for path in tmp_path.glob(f"{what}-*")} for what in ("opened", "closed"))
    did = {pid for shard in SHARDS for pid in (tmp_path / shard).read_text().split()}
    assert did <= closed <= opened, "only who is still opening when all is answered may end without closing"
    assert (opened == {str(os.getpid())}) == (workers == 1) and len(opened) <= workers


def test_workers_see_the_environment_as_it_is_now_and_not_as_it_was_for_those_before(
    own: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(2, own.Doubles(str(tmp_path)))
    monkeypatch.setenv("OSTRAKA_WORD", "now")
    found = [answer["word"] for _, answer in Local(2).map(own.Doubles(str(tmp_path)), SHARDS)]
    assert found == ["now"] * len(SHARDS)


def test_one_worker_goes_in_order_and_several_take_the_first_first(own: ModuleType, tmp_path: Path) -> None:
    assert [shard for shard, _ in Local(1).map(own.Doubles(str(tmp_path)), SHARDS)] == SHARDS
    assert list(Local(1).map(own.Doubles(str(tmp_path)), [])) == []
    assert list(Local(3).map(own.Doubles(str(tmp_path)), [])) == []


def test_a_worker_that_is_killed_once_is_tried_again(own: ModuleType, tmp_path: Path) -> None:
    work = own.Doubles(str(tmp_path), dies=SHARDS[2])
    assert answers(2, work) == {shard: 2 * int(shard) for shard in SHARDS}
    tries = {shard: len((tmp_path / shard).read_text().split()) for shard in SHARDS}
    assert tries == {shard: 2 if shard == SHARDS[2] else 1 for shard in SHARDS}


def test_a_worker_that_is_killed_every_time_stops_with_the_shard(own: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=f"shard {SHARDS[2]}: its worker died {ATTEMPTS} times"):
        answers(2, own.Doubles(str(tmp_path), dies=f"!{SHARDS[2]}"))
    assert len((tmp_path / SHARDS[2]).read_text().split()) == ATTEMPTS


def test_workers_that_are_killed_before_they_have_a_shard_are_replaced_and_not_for_ever(
    own: ModuleType, tmp_path: Path
) -> None:
    assert answers(2, own.Doubles(str(tmp_path), opening=2)) == {shard: 2 * int(shard) for shard in SHARDS}
    assert len(list(tmp_path.glob("died-*"))) >= 2
    with pytest.raises(Unavailable, match=f"the local engine: workers died {ATTEMPTS} times before"):
        answers(2, own.Doubles(str(tmp_path), opening=100))


def test_a_pool_that_breaks_and_forgets_its_shards_is_replaced(
    own: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library fails the shards that it has handed on and none of those in its queue; here it fails none."""

    def forget(manager: PoolManager, _: Exception) -> None:
        manager.context.status = PoolStatus.ERROR

    monkeypatch.setattr(PoolManager, "handle_broken_pool", forget)
    found: list[dict[str, Any]] = []
    asking = Thread(target=lambda: found.append(answers(2, own.Doubles(str(tmp_path), opening=2))), daemon=True)
    asking.start()
    asking.join(300)
    assert found == [{shard: 2 * int(shard) for shard in SHARDS}]


@pytest.mark.parametrize("workers", [1, 3])
def test_what_the_work_raises_comes_out_whole(own: ModuleType, tmp_path: Path, workers: int) -> None:
    with pytest.raises(TooManyFailed) as raised:
        answers(workers, own.Doubles(str(tmp_path), raises=SHARDS[1]))
    assert (raised.value.what, raised.value.where) == ("6 of 7 samples failed", f"shard {SHARDS[1]}")
    assert raised.value.remedy == "mend the cause"


@pytest.mark.parametrize("workers", [1, 3])
def test_work_that_cannot_be_opened_raises_what_it_raised(own: ModuleType, tmp_path: Path, workers: int) -> None:
    with pytest.raises(Unavailable, match="worker: the weights are not there"):
        answers(workers, own.Doubles(str(tmp_path), opens=False))


@pytest.mark.parametrize("workers", [1, 3])
def test_leaving_early_ends_the_workers(own: ModuleType, tmp_path: Path, workers: int) -> None:
    walking = Local(workers).map(own.Doubles(str(tmp_path)), SHARDS)
    next(walking)
    walking.close()
    others = {int(path.name[7:]) for path in tmp_path.glob("opened-*")} - {os.getpid()}
    assert not [pid for pid in others if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize(
    "error", [BadInput("a", where="b", remedy="c"), Unavailable("a"), TooManyFailed("a", where="b")]
)
def test_an_error_survives_the_way_between_processes(error: Any) -> None:
    import pickle

    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), back.what, back.where, back.remedy) == (
        type(error),
        str(error),
        error.what,
        error.where,
        error.remedy,
    )
