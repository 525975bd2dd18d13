"""A stream in one call, from exports to rows; what a training loop begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import structs

from trainer.data.choose import Chosen
from trainer.data.given import Given, chosen_of, codec_of, exports_of
from trainer.data.stream import Loading, Stream
from trainer.data.stream_state import StreamState
from trainer.documents.encoding import encoding_of
from trainer.plan.plan import Order
from trainer.plan.window import samples_of_window

if TYPE_CHECKING:
    from trainer.documents.codec import Codec


def open_stream(
    given: Given,
    *,
    sequence_tokens: int,
    batch: int,
    steps: int,
    seed: int = 0,
    loading: Loading = Loading(),
    state: StreamState | None = None,
) -> tuple[Stream, Codec]:
    """Return the rows of a rank up to a step, and the codec that makes them; lengths are counted where they are not.

    Of several ranks one has to come first where lengths are still to be counted. Raises BadInput where `state` is that
    of other data.
    """
    exports, weights = exports_of(given)
    codec = codec_of(given, exports)
    chosen = chosen_of(given, codec, exports, weights, sequence_tokens, loading.workers)
    return stream_of(chosen, codec, Order(seed, sequence_tokens, batch), loading, steps=steps, state=state), codec


def stream_of(
    chosen: Sequence[Chosen], codec: Codec, order: Order, loading: Loading, *, steps: int, state: StreamState | None
) -> Stream:
    """Return the rows of a rank of what is chosen, in windows no larger than a pass over all of it."""
    fitting = structs.replace(order, window_samples=samples_of_window([one.pool for one in chosen]))
    return Stream(chosen, encoding_of(codec), fitting, loading, steps=steps, state=state)
