"""The key map: every key is found where its catalogue has it, with a map, without one, and with one that lies."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.query.choose import find_sample
from pipelines.shelf import keys
from pipelines.shelf.in_duckdb import connected
from pipelines.shelf.keys import Hit, find_keys, merge_maps, write_maps
from pipelines.shelf.shelf import Shelf
from schemas import publish

LOW, HIGH = bytes(16), b"\xff" * 16
ROWS = 23


def bring(shelf: Shelf, folder: Path, dataset: str, rows: int) -> None:
    """Ingest texts, five rows a shard."""
    source = folder / f"{dataset}.jsonl"
    source.write_text("".join(f'{{"images": [], "text": "{dataset} number {n}"}}\n' for n in range(rows)))
    ingest(shelf, str(source), Local(1), cut=Cut(rows=5))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Two datasets, shards 0 to 4 and 5 to 6, each with its map."""
    folder = tmp_path_factory.mktemp("keys")
    made = Shelf(str(folder / "shelf"))
    bring(made, folder, "first", ROWS)
    bring(made, folder, "second", 8)
    return made


@pytest.fixture
def shelf(made: Shelf, tmp_path: Path) -> Shelf:
    """A copy of it that a test may change."""
    shutil.copytree(made.root, tmp_path / "shelf")
    return Shelf(str(tmp_path / "shelf"))


def catalogued(shelf: Shelf) -> list[Hit]:
    """Return every key and where it is, as the catalogues have it."""
    found = [
        Hit(key.bytes, shard, row)
        for shard in shelf.shards()
        for row, key in enumerate(shelf.catalog(shard)["key"].to_pylist())
    ]
    return sorted(found)


def maps(shelf: Shelf) -> list[str]:
    return shelf.names("keys", ".parquet")


def test_an_ingest_maps_its_own_shards(shelf: Shelf) -> None:
    assert maps(shelf) == ["000000-000004", "000005-000006"]


def test_every_key_is_found_by_its_beginning(shelf: Shelf) -> None:
    for hit in catalogued(shelf):
        beginning = hit.key[:6]
        assert find_keys(shelf, beginning.ljust(16, b"\0"), beginning.ljust(16, b"\xff")) == [hit]


@pytest.mark.parametrize("group", [1, 3, 7, 65_536])
def test_row_groups_of_any_size_give_every_range(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, group: int) -> None:
    monkeypatch.setattr(keys, "ROW_GROUP", group)
    shutil.rmtree(shelf.path("keys"))
    write_maps(shelf, shelf.shards())
    whole = catalogued(shelf)
    for first in range(0, len(whole), 4):
        for last in range(first, len(whole), 3):
            assert find_keys(shelf, whole[first].key, whole[last].key) == whole[first : last + 1]


def test_a_key_is_found_without_opening_a_catalogue(shelf: Shelf) -> None:
    hit = catalogued(shelf)[7]
    for shard in shelf.shards():
        Path(shelf.path("catalog", f"{shard}.parquet")).write_bytes(b"")
    with connected(shelf) as db:
        assert find_sample(db, shelf, hit.key.hex()).row == hit.row


def without_maps(shelf: Shelf) -> None:
    shutil.rmtree(shelf.path("keys"))


def without_one_map(shelf: Shelf) -> None:
    Path(shelf.path("keys", "000000-000004.parquet")).unlink()


def with_a_map_of_more_shards(shelf: Shelf) -> None:
    Path(shelf.path("keys", "000005-000006.parquet")).rename(shelf.path("keys", "000005-000009.parquet"))


def with_a_map_inside_another(shelf: Shelf) -> None:
    shutil.copytree(shelf.path("keys"), shelf.path("old"))
    merge_maps(shelf)
    shutil.copytree(shelf.path("old"), shelf.path("keys"), dirs_exist_ok=True)


def with_maps_that_share_shards(shelf: Shelf) -> None:
    shutil.copytree(shelf.path("keys"), shelf.path("old"))
    without_one_map(shelf)
    whole = Path(shelf.path("keys"))
    merge_maps(shelf)
    (whole / "000000-000006.parquet").unlink()
    catalog = Path(shelf.path("catalog", "000000.parquet"))
    catalog.rename(shelf.path("away.parquet"))
    write_maps(shelf, shelf.shards())
    Path(shelf.path("away.parquet")).rename(catalog)
    shutil.copy(shelf.path("old", "000000-000004.parquet"), whole)


STATES = [
    without_maps,
    without_one_map,
    with_a_map_of_more_shards,
    with_a_map_inside_another,
    with_maps_that_share_shards,
]


@pytest.mark.parametrize("change", STATES, ids=lambda change: change.__name__)
def test_maps_change_no_answer(shelf: Shelf, change: Callable[[Shelf], None]) -> None:
    change(shelf)
    assert find_keys(shelf, LOW, HIGH) == catalogued(shelf)


@pytest.mark.parametrize("change", STATES, ids=lambda change: change.__name__)
def test_merged_maps_are_one_with_the_bytes_of_a_fresh_one(shelf: Shelf, change: Callable[[Shelf], None]) -> None:
    change(shelf)
    merge_maps(shelf)
    assert maps(shelf) == ["000000-000006"]
    merged = Path(shelf.path("keys", "000000-000006.parquet"))
    data = merged.read_bytes()
    merged.unlink()
    write_maps(shelf, shelf.shards())
    assert merged.read_bytes() == data
    assert find_keys(shelf, LOW, HIGH) == catalogued(shelf)


def test_a_map_of_a_shard_that_is_gone_is_not_believed(shelf: Shelf) -> None:
    Path(shelf.path("catalog", "000005.parquet")).unlink()
    assert find_keys(shelf, LOW, HIGH) == catalogued(shelf)
    merge_maps(shelf)
    assert maps(shelf) == ["000000-000004", "000006-000006"]
    assert find_keys(shelf, LOW, HIGH) == catalogued(shelf)


class Killed(BaseException):
    """What a kill is made of here."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Arm a kill at a crossing of the writes below `keys/`; 0 disarms."""
    left = [0]

    def crossing(point: str, path: str) -> None:
        if left[0] and "/keys/" in path:
            left[0] -= 1
            if not left[0]:
                raise Killed

    monkeypatch.setattr(publish, "crossing", crossing)
    yield lambda at: left.__setitem__(0, at)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_ingest_killed_at_its_map_ends_with_the_same_files(
    made: Shelf, tmp_path: Path, kill_at: Callable[[int], None], tree_digest: Callable[..., dict[str, str]], at: int
) -> None:
    undisturbed = tree_digest(Path(made.path("keys")))
    again = Shelf(str(tmp_path / "again"))
    for dataset, rows in (("first", ROWS), ("second", 8)):
        kill_at(at)
        with pytest.raises(Killed):
            bring(again, tmp_path, dataset, rows)
        kill_at(0)
        bring(again, tmp_path, dataset, rows)
    assert tree_digest(Path(again.path("keys"))) == undisturbed


def test_an_ingest_that_stopped_half_way_maps_all_of_its_shards_in_the_end(
    made: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tree_digest: Callable[..., dict[str, str]]
) -> None:
    again = Shelf(str(tmp_path / "again"))

    def stop(point: str, path: str) -> None:
        if path.endswith("catalog/000003.parquet"):
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(publish, "crossing", stop)
        bring(again, tmp_path, "first", ROWS)
    bring(again, tmp_path, "second", 8)
    bring(again, tmp_path, "first", ROWS)
    assert tree_digest(Path(again.path("keys"))) == tree_digest(Path(made.path("keys")))


def test_keys_are_found_on_another_file_system(tmp_path: Path, shelf: Shelf) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(shelf.root, "/keys-of-another", recursive=True)
    try:
        other = Shelf("memory://keys-of-another")
        assert find_keys(other, LOW, HIGH) == catalogued(shelf)
        memory.rm("/keys-of-another/keys", recursive=True)
        assert find_keys(other, LOW, HIGH) == catalogued(shelf)
        merge_maps(other)
        assert maps(other) == ["000000-000006"] and find_keys(other, LOW, HIGH) == catalogued(shelf)
    finally:
        memory.rm("/keys-of-another", recursive=True)


def test_eight_digits_are_a_key_before_they_are_a_name(tmp_path: Path) -> None:
    own = Shelf(str(tmp_path / "shelf"))
    bring(own, tmp_path, "first", 1)
    [hit] = catalogued(own)
    for digits in (8, 7):
        name = hit.key.hex()[:digits]
        source = tmp_path / f"named{digits}.jsonl"
        source.write_text(f'{{"id": "{name}", "images": [], "text": "named {digits}"}}\n')
        ingest(own, str(source), Local(1))
    with connected(own) as db:
        assert find_sample(db, own, hit.key.hex()[:8]).key == hit.key.hex()
        assert find_sample(db, own, f"named8/{hit.key.hex()[:8]}").shard == "000001"
        assert find_sample(db, own, hit.key.hex()[:7]).shard == "000002"
        assert find_sample(db, own, hit.key.hex()[:6]).key == hit.key.hex()
