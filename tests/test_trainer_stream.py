"""The stream: the same rows for any ranks and workers, from any step on, whatever breaks on the way."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BadInput, TooManyFailed, Unavailable
from schemas.kind import KINDS
from trainer.data.choose import Chosen, choose
from trainer.data.export_index import open_export
from trainer.data.lengths import count_lengths
from trainer.data.replaced_log import ReplacedLog
from trainer.data.stand_in import MOST_ASKED, stand_ins
from trainer.data.stream import EMPTY, PATCH_BYTES, TOKEN_BYTES, Loading, Stream, StreamRow
from trainer.data.stream_state import StreamState, read_state, state_json
from trainer.documents.document import Document
from trainer.documents.encoding import Encoding
from trainer.plan.plan import Order
from trainer.plan.window import Window
from trainer.workers.workers import Workers

sys.path.insert(0, str(Path(__file__).parent))
plain: Any = import_module("plain_encoding")
made: Any = import_module("trainer_pools")
PLAIN: Encoding = plain.PLAIN

MOST = 40
ORDER = Order(3, MOST, 7, 16)
STEPS = 6


@pytest.fixture(scope="module")
def folders(mixed_export: Callable[..., Path]) -> list[Path]:
    return [mixed_export(30, rows=4), mixed_export(11)]


@pytest.fixture(scope="module")
def chosen(folders: list[Path]) -> list[Chosen]:
    return chosen_of(folders)


def chosen_of(folders: list[Path], encoding: Encoding = PLAIN, most: int = MOST) -> list[Chosen]:
    return [
        choose(count_lengths(open_export(str(folder)), encoding), most, weight=2 - at, name=f"export {at}")
        for at, folder in enumerate(folders)
    ]


def told(document: Document) -> tuple[Any, ...]:
    return (document.key, document.kind, *(array.tobytes() for array in document[2:]))


def rows_of(chosen: list[Chosen], loading: Loading = Loading(), state: StreamState | None = None) -> list[StreamRow]:
    return list(Stream(chosen, PLAIN, ORDER, loading, steps=STEPS, state=state))


def all_ranks(chosen: list[Chosen], ranks: int, workers: int = 0, state: StreamState | None = None) -> list[Any]:
    """The rows of all ranks in the order of their micro-steps, without the empty ones."""
    streams = [rows_of(chosen, Loading(rank, ranks, workers), state) for rank in range(ranks)]
    assert len({len(rows) for rows in streams}) == 1, "every rank takes as many rows"
    together = [row for rows in zip(*streams, strict=True) for row in rows]
    return [
        (row.step, row.window, row.offset, [told(document) for document in row.documents])
        for row in together
        if row.offset != EMPTY
    ]


@pytest.fixture(scope="module")
def undisturbed(chosen: list[Chosen]) -> list[Any]:
    return all_ranks(chosen, 1)


def test_the_rows_are_the_plans_and_the_documents_the_samples(chosen: list[Chosen], undisturbed: list[Any]) -> None:
    plan = Stream(chosen, PLAIN, ORDER, steps=STEPS).plan
    position, planned = plan.at(0), list[tuple[int, int, int, list[str]]]()
    for step in range(STEPS):
        for row in plan.rows(position):
            keys = [
                chosen[pool].lengths.rows[plan.pools[pool].row_N[place]]["key"].tobytes().hex()
                for pool, place in zip(row.pool_N.tolist(), row.place_N.tolist(), strict=True)
            ]
            planned.append((step, row.window, row.offset, keys))
        position = plan.after(position)
    keyed = [(*where, [document[0] for document in documents]) for *where, documents in undisturbed]
    assert sorted(keyed) == planned and len(keyed) == STEPS * ORDER.batch
    assert {document[0] for *_, documents in undisturbed for document in documents} == {
        row["key"].tobytes().hex() for one in chosen for row in one.lengths.rows
    }


@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 8])
def test_any_number_of_ranks_takes_the_same_stream(chosen: list[Chosen], undisturbed: list[Any], ranks: int) -> None:
    assert all_ranks(chosen, ranks) == undisturbed


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_any_number_of_workers_makes_the_same_stream(
    chosen: list[Chosen], undisturbed: list[Any], workers: int
) -> None:
    assert all_ranks(chosen, 2 if workers == 3 else 1, workers) == undisturbed


def test_ranks_without_a_row_take_an_empty_one(chosen: list[Chosen]) -> None:
    for rank in range(8):
        rows = rows_of(chosen, Loading(rank, 8))
        assert [row.is_last for row in rows] == [True] * STEPS
        assert [row.documents == () for row in rows] == [rank == 7] * STEPS


@settings(max_examples=10)
@given(st.data())
def test_from_any_step_on_it_is_the_undisturbed_stream(
    chosen: list[Chosen], undisturbed: list[Any], data: st.DataObject
) -> None:
    ranks, later = (data.draw(st.sampled_from([1, 2, 3, 5, 8])) for _ in range(2))
    taken = data.draw(st.integers(0, STEPS * -(-ORDER.batch // ranks) - 1))
    stream = Stream(chosen, PLAIN, ORDER, Loading(ranks - 1, ranks), steps=STEPS)
    begun = iter(stream)
    for _ in range(taken):
        next(begun)
    state = read_state(state_json(stream.state))
    begun.close()
    step = taken // -(-ORDER.batch // ranks)
    assert state.position.step == step
    workers = data.draw(st.sampled_from([0, 2])) if later == 1 else 0
    assert all_ranks(chosen, later, workers, state) == [one for one in undisturbed if one[0] >= step]


def test_going_on_looks_at_no_earlier_window(chosen: list[Chosen], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(chosen, PLAIN, ORDER, steps=500)
    position = stream.plan.at(400)
    state = StreamState(1, position, stream.state.plan, ORDER, stream.state.pools)
    later = Stream(chosen, PLAIN, ORDER, steps=401, state=state)
    asked, window = set[int](), later.plan.window

    def asking(number: int) -> Window:
        asked.add(number)
        return window(number)

    monkeypatch.setattr(later.plan, "window", asking)
    rows = list(later)
    assert len(rows) == ORDER.batch and position.window > 50
    assert position.window <= min(asked) and later.plan.prefix.table().tolist() == [0]


def test_a_worker_that_is_killed_changes_nothing(chosen: list[Chosen], undisturbed: list[Any]) -> None:
    stream = Stream(chosen, PLAIN, ORDER, Loading(workers=2), steps=STEPS)
    found = []
    for number, row in enumerate(stream):
        if number in (3, 20):
            os.kill(min(workers_of_this_process()), signal.SIGKILL)
        found.append((row.step, row.window, row.offset, [told(document) for document in row.documents]))
    assert found == undisturbed


def workers_of_this_process() -> list[int]:
    return [
        int(pid)
        for pid in os.listdir("/proc")
        if pid.isdigit()
        and b"trainer.workers.worker\0" in read_or_empty(f"/proc/{pid}/cmdline")
        and parent_of(pid) == os.getpid()
    ]


def read_or_empty(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def parent_of(pid: str) -> int:
    return int(read_or_empty(f"/proc/{pid}/stat").rpartition(b")")[2].split()[1])


@pytest.mark.parametrize(("ranks", "workers"), [(1, 0), (3, 0), (2, 2)])
def test_a_sample_that_does_not_decode_is_stood_in_for_and_recorded(
    chosen: list[Chosen], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ranks: int, workers: int
) -> None:
    monkeypatch.setattr("trainer.data.stream.MOST_FAILED", 0.5)
    encoding = PLAIN._replace(encode=plain.breaks_some)
    streams = [Stream(chosen, encoding, ORDER, Loading(rank, ranks, workers), steps=STEPS) for rank in range(ranks)]
    rows = [row for rows in zip(*streams, strict=True) for row in rows if row.offset != EMPTY]
    found = [(row.step, row.offset, [document.key for document in row.documents], row.replaced) for row in rows]
    reference = list(Stream(chosen, encoding, ORDER, steps=STEPS))
    assert found == [
        (row.step, row.offset, [document.key for document in row.documents], row.replaced) for row in reference
    ]
    texts = {document.key: text_of(document) for row in rows for document in row.documents}
    assert not plain.BROKEN & set(texts.values())
    replaced = [one for row in rows for one in row.replaced]
    assert {one.reason for one in replaced} == {"value_error"} and {one.detail for one in replaced} == {"broken"}
    with ReplacedLog(str(tmp_path / "replaced.jsonl")) as log:
        for row in rows:
            log.add(row)
    lines = [msgspec.json.decode(line) for line in (tmp_path / "replaced.jsonl").read_bytes().splitlines()]
    assert [(line["key"], line["reason"], line["by"]) for line in lines] == [
        (one.key, one.reason, one.by) for one in replaced
    ]
    assert {(line["window"], line["offset"]) for line in lines} == {
        (row.window, row.offset) for row in rows if row.replaced
    }
    whole = {key for row in rows_of(chosen) for key in (document.key for document in row.documents)}
    assert {one.key for one in replaced} <= whole - set(texts) and {one.by for one in replaced} <= set(texts)


def text_of(document: Document) -> str:
    return "".join(map(chr, document.tokens_T[document.is_target_T].tolist()))


def test_stand_ins_fit_where_the_missing_one_was() -> None:
    pools = [
        made.pool("a", 1, np.array([5, 9, 7, 7, 3, 8]), np.array([4, 4, 4, 8, 4, 0])),
        made.pool("b", 1, np.array([7] * 9)),
    ]
    order = np.array([5, 4, 3, 2, 1, 0, 4])
    window = Window(np.array([0] * 7 + [1]), np.append(order, 0), np.array([0, 8]))
    assert stand_ins(pools, window, 0, 1) == [5, 2, 0, 4]
    assert stand_ins(pools, window, 0, 0) == [4]
    assert stand_ins(pools, window, 1, 0) == []
    many = made.pool("c", 1, np.full(30, 4))
    assert len(stand_ins([many], Window(np.zeros(30, int), np.arange(30), np.array([0, 30])), 0, 3)) == MOST_ASKED


def test_a_place_that_nothing_fits_stays_empty(chosen: list[Chosen]) -> None:
    encoding = PLAIN._replace(encode=breaks_all)
    rows = Stream(chosen[1:], encoding, Order(0, MOST, 1), steps=1)
    with pytest.raises(TooManyFailed, match=r"\d+ of \d+ samples that were read failed; mend the cause; .*broken"):
        list(rows)
    few = chosen_of_one_sample(chosen[1])
    [row] = Stream([few], encoding, Order(0, MOST, 1, 1), steps=1)
    assert row.documents == () and [(one.reason, one.by) for one in row.replaced] == [("value_error", "")]


def chosen_of_one_sample(one: Chosen) -> Chosen:
    from msgspec.structs import replace

    columns = {name: getattr(one.pool, name)[:1] for name in one.pool.__struct_fields__ if name.endswith("_N")}
    return replace(one, pool=replace(one.pool, **columns))


def breaks_all(sample: Any, contents: Any) -> Document:
    raise ValueError("all are broken")


def test_the_machines_failures_stop_the_stream(folders: list[Path], tmp_path: Path) -> None:
    own = Path(shutil.copytree(folders[1], tmp_path / "out"))
    chosen = chosen_of([own])
    tar = own / f"{chosen[0].lengths.export.shards[0].path}.tar"
    data = bytearray(tar.read_bytes())
    data[700] ^= 1
    tar.write_bytes(data)
    with pytest.raises(Unavailable, match=r"byte 0: sample \w{32} is not what was exported; the export was changed"):
        rows_of(chosen)
    tar.unlink()
    with pytest.raises(Unavailable, match=r"cannot be read \(No such file"):
        rows_of(chosen, Loading(workers=1))


def test_a_document_that_is_not_what_its_lengths_say_is_stood_in_for(
    chosen: list[Chosen], monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = PLAIN._replace(encode=with_a_token_more)
    with pytest.raises(
        TooManyFailed, match=r"not_as_counted: 13 tokens, 9 targets, 8 patches, where its facts make 12 t"
    ):
        list(Stream(chosen[1:], longer, ORDER, steps=1))
    monkeypatch.setattr("trainer.data.stream.MOST_FAILED", 0.5)
    one = PLAIN._replace(encode=with_a_token_more_in_one)
    replaced = [one for row in Stream(chosen[1:], one, ORDER, steps=3) for one in row.replaced]
    assert {one.reason for one in replaced} == {"not_as_counted"} and all(one.by for one in replaced)


def test_lengths_of_another_tokenizer_are_refused(chosen: list[Chosen]) -> None:
    with pytest.raises(BadInput, match=r"export 0: its lengths were counted with another tokenizer or picture rule"):
        Stream(chosen, PLAIN._replace(rule="other"), ORDER, steps=1)


def with_a_token_more_in_one(sample: Any, contents: Any) -> Document:
    make = with_a_token_more if sample.texts[0].text == "caption 3" else plain.encode
    document: Document = make(sample, contents)
    return document


def with_a_token_more(sample: Any, contents: Any) -> Document:
    document: Document = plain.encode(sample, contents)
    return document._replace(tokens_T=np.append(document.tokens_T, 1), is_target_T=np.append(document.is_target_T, 0))


def test_a_state_of_other_data_is_refused_and_says_what_changed(chosen: list[Chosen], folders: list[Path]) -> None:
    state = Stream(chosen, PLAIN, ORDER, steps=1).state
    for others, order, says in (
        (chosen, Order(4, MOST, 7, 16), "seed is 4, was 3"),
        (chosen, Order(3, MOST, 8, 16), "batch is 8, was 7"),
        (chosen[:1], ORDER, "1 exports, were 2"),
        (chosen[::-1], ORDER, r"export export 1 has changed \(or is not export 0\)"),
        (chosen_of(folders, most=20), ORDER, "other samples of export 0 are chosen"),
    ):
        with pytest.raises(BadInput, match=f"not the data that the run began with: {says}; give the same"):
            Stream(others, PLAIN, order, steps=1, state=state)
    other = PLAIN._replace(rule="other")
    with pytest.raises(BadInput, match="the tokenizer or the picture rule is another one for export 0"):
        Stream(chosen_of(folders, other), other, ORDER, steps=1, state=state)
    with pytest.raises(BadInput, match="this is no stream's state"):
        read_state(b'{"format": 1}')


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_made_ahead_is_bounded_in_bytes(
    chosen: list[Chosen], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    held, most = dict[str, int](), list[int]()
    submit = Workers.submit

    def submitted(self: Workers, name: str, task: Any) -> None:
        held[name] = sum(TOKEN_BYTES * one.tokens + PATCH_BYTES * one.patches for one in task)
        most.append(sum(held.values()))
        submit(self, name, task)

    monkeypatch.setattr(Workers, "submit", submitted)
    monkeypatch.setattr("trainer.data.stream.MIB", 1)
    bound = 400_000
    rows = iter(Stream(chosen, PLAIN, ORDER, Loading(workers=workers, ahead_mib=bound), steps=STEPS))
    while row := next(rows, None):
        name = f"step {row.step}, micro-step {row.micro_step}: sequence {row.offset} of window {row.window}"
        taken = sum(sum(array.nbytes for array in document[2:]) for document in row.documents)
        assert taken <= held[name] <= 1.01 * taken
        del held[name]
    assert max(most) <= bound and (workers == 0 or max(most) > bound / 2)


def test_a_row_larger_than_the_bound_is_made_alone(chosen: list[Chosen], undisturbed: list[Any]) -> None:
    rows = rows_of(chosen, Loading(workers=2, ahead_mib=0))
    assert [(row.step, row.window, row.offset) for row in rows] == [one[:3] for one in undisturbed]


def test_what_is_chosen_fits_and_the_rest_is_told(folders: list[Path]) -> None:
    lengths = count_lengths(open_export(str(folders[0])), PLAIN)
    tokens = lengths.rows["tokens"]
    most = int(tokens.min())
    found = choose(lengths, most)
    assert found.left_out == {"longer_than_sequence": int((tokens > most).sum())} and found.pool.tokens_N.max() <= most
    assert len(found.pool) == found.pool.weight == int((tokens <= most).sum())
    assert {(one.reason, one.detail) for one in found.each_left_out()} == {
        ("longer_than_sequence", f"{count} tokens") for count in tokens[tokens > most]
    }
    none = choose(lengths, MOST, without=("caption",))
    assert len(none.pool) == 0 and none.left_out == {"kind_not_of_this_stage": len(tokens)}
    assert {one.detail for one in none.each_left_out()} == {"caption"}
    assert len({choose(lengths, most).pool.digest, found.pool.digest, none.pool.digest}) == 2
    with pytest.raises(BadInput, match=f"no document is film; the kinds are {', '.join(KINDS)}"):
        choose(lengths, MOST, without=("film",))


@pytest.mark.parametrize("loading", [Loading(2, 2), Loading(-1, 1), Loading(0, 1, -1)])
def test_a_rank_that_is_none_is_refused(chosen: list[Chosen], loading: Loading) -> None:
    with pytest.raises(BadInput, match=r"loading: rank -?\d of \d"):
        Stream(chosen, PLAIN, ORDER, loading, steps=1)


def test_a_stream_that_is_left_leaves_no_worker(chosen: list[Chosen]) -> None:
    rows: Iterator[StreamRow] = iter(Stream(chosen, PLAIN, ORDER, Loading(workers=2), steps=STEPS))
    next(rows)
    assert len(workers_of_this_process()) == 2
    rows.close()  # type: ignore[attr-defined]
    assert workers_of_this_process() == []
