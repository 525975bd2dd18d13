"""The state of a stream: where it is, and the digests of what it is a stream of; a few hundred bytes of JSON."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from schemas.errors import BadInput
from trainer.data.choose import Chosen
from trainer.plan.plan import Order, Plan, Position

FORMAT = 1


class PoolState(Struct, frozen=True):
    """What a pool was made from."""

    name: str
    weight: int
    export: str
    rule: str
    digest: str


class StreamState(Struct, frozen=True):
    """What a run keeps to go on: nothing of it hangs on how many processes train or load."""

    format: int
    position: Position
    plan: str
    order: Order
    pools: tuple[PoolState, ...]


def state_of(plan: Plan, chosen: tuple[Chosen, ...], position: Position) -> StreamState:
    """Return the state of a stream that stands at a position."""
    pools = tuple(
        PoolState(one.pool.name, one.pool.weight, one.lengths.about.export, one.lengths.about.rule, one.pool.digest)
        for one in chosen
    )
    return StreamState(FORMAT, position, plan.digest, plan.order, pools)


def state_json(state: StreamState) -> bytes:
    """Return a state as a checkpoint holds it."""
    return msgspec.json.encode(state)


def read_state(data: bytes) -> StreamState:
    """Read a state; raises BadInput where it is none."""
    try:
        return msgspec.json.decode(data, type=StreamState)
    except msgspec.DecodeError as error:
        raise BadInput(f"this is no stream's state ({error})", remedy="go on from another checkpoint") from None


def check_state(state: StreamState, now: StreamState) -> None:
    """Raise BadInput, which says what has changed, where a state is another stream's."""
    if state.format != now.format:
        raise BadInput(f"the state has format {state.format}, this ostraka reads {now.format}")
    if state.plan == now.plan:
        return
    what = next(_differences(state, now), "the plan is another one")
    raise BadInput(
        f"this is not the data that the run began with: {what}",
        remedy="give the same, or begin a new run with the weights of this one",
    )


def _differences(state: StreamState, now: StreamState) -> Iterator[str]:
    before, after = msgspec.structs.asdict(state.order), msgspec.structs.asdict(now.order)
    for name, value in before.items():
        if after[name] != value:
            yield f"{name} is {after[name]}, was {value}"
    if len(state.pools) != len(now.pools):
        yield f"{len(now.pools)} exports, were {len(state.pools)}"
    for was, one in zip(state.pools, now.pools, strict=False):
        if was.export != one.export:
            yield f"export {one.name} has changed (or is not {was.name})"
        if was.rule != one.rule:
            yield f"the tokenizer or the picture rule is another one for {one.name}"
        if was.weight != one.weight:
            yield f"the weight of {one.name} is {one.weight}, was {was.weight}"
        if was.digest != one.digest:
            yield f"other samples of {one.name} are chosen"
