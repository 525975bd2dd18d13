"""Reading by ranges gives the object's bytes in whatever order it is read, in few requests, of one version."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.store import ahead
from pipelines.store.ahead import Ahead, Stretch


class Store:
    """Bytes that are asked for by ranges, as S3 gives them: none beyond the end."""

    def __init__(self, data: bytes, tag: str = "one") -> None:
        self.data, self.tag = data, tag
        self.asked: list[tuple[int, int]] = []

    def fetch(self, first: int, end: int, tag: str) -> Stretch:
        assert tag in ("", self.tag), "another version"
        self.asked.append((first, end))
        begins = max(0, len(self.data) + first) if first < 0 else first
        return Stretch(begins, self.data[begins : None if first < 0 else end], len(self.data), self.tag)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 400)),
        st.tuples(st.just("seek"), st.integers(0, 1200)),
        st.tuples(st.just("end"), st.integers(-300, 0)),
        st.tuples(st.just("readline"), st.integers(-1, 40)),
    ),
    max_size=20,
)


@given(data=st.binary(max_size=1000), steps=STEPS)
def test_any_order_of_reading_gives_what_a_file_in_memory_gives(data: bytes, steps: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"LAST_BYTES": 64, "AHEAD_BYTES": 96, "LEAST_BYTES": 16, "PEEK_BYTES": 8}.items():
            patch.setattr(ahead, name, value)
        file, truth = Ahead(Store(data).fetch), io.BytesIO(data)
        for what, number in steps:
            if what == "end":
                assert file.seek(number, 2) == max(0, truth.seek(0, 2) + number)
                truth.seek(max(0, truth.tell() + number))
            else:
                assert getattr(file, what)(number) == getattr(truth, what)(number)


def test_a_small_table_is_one_request() -> None:
    made = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(1000)), "b": ["text"] * 1000}), made)
    store = Store(made.getvalue())
    assert pq.ParquetFile(Ahead(store.fetch)).read().num_rows == 1000
    assert len(store.asked) == 1


def test_who_reads_on_past_gaps_makes_a_request_per_stretch_and_not_per_read() -> None:
    store = Store(bytes(4 * ahead.AHEAD_BYTES))
    file = Ahead(store.fetch)
    for at in range(0, len(store.data), 1 << 16):
        file.seek(at)
        assert len(file.read(512)) == 512
    assert len(store.asked) <= 6


def test_who_jumps_is_given_little_more_than_he_asks_for() -> None:
    store = Store(bytes(10 * ahead.AHEAD_BYTES))
    file = Ahead(store.fetch)
    for at in (9, 3, 6):
        file.seek(at * ahead.AHEAD_BYTES)
        file.read(10)
    assert [end - first for first, end in store.asked] == [ahead.LEAST_BYTES] * 3


def test_what_was_written_anew_meanwhile_is_not_read_as_one_file() -> None:
    store = Store(bytes(4 * ahead.AHEAD_BYTES))
    file = Ahead(store.fetch)
    file.read(10)
    store.tag = "two"
    file.seek(3 * ahead.AHEAD_BYTES)
    with pytest.raises(AssertionError, match="another version"):
        file.read(10)
