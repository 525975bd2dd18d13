"""Training: from exports to a checkpoint, in one stage, in a folder that the same call goes on in.

run.json          what was asked (asked.py)
tokenizer.json    the words that it trains with
checkpoints/      weights and moments, and where the stream stands (checkpoint.py)
log.jsonl         a line a step (record.py)
replaced-0.jsonl  of each rank, samples that did not decode, and what stood in for them
held_out.jsonl    losses on held-out data (held_out.py)
model/            the weights in the end, as other programs load them (checkpoint_out.py)
index.html        the run as a page (run_page.py)
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec
import torch
from msgspec import structs

from trainer.data.choose import Chosen
from trainer.data.given import chosen_of, codec_of, exports_of
from trainer.data.lengths import Progress
from trainer.data.opened import stream_of
from trainer.data.replaced_log import ReplacedLog
from trainer.data.stream import Loading
from trainer.data.stream_state import StreamState
from trainer.documents.codec import Codec
from trainer.loop.asked import Asked, check, claim
from trainer.loop.batches import batches
from trainer.loop.checkpoint import Checkpoints, load, path_of, read_state, steps
from trainer.loop.held_out import HELD_OUT, HeldOut, write_held_out
from trainer.loop.loop import Loop
from trainer.loop.parallel import Ranks, device_mesh, shard
from trainer.loop.record import Record, Told
from trainer.loop.run_file import put_file
from trainer.loop.run_page import write_page
from trainer.loop.start import MODEL, TOKENIZER, started, tokenizer_of, whole_model
from trainer.model.attention import needs_flex, use_document_attention
from trainer.model.checkpoint_out import save
from trainer.model.compiled import use_compiled_layers
from trainer.model.flat_kernel import use_flat_kernel
from trainer.model.forward import Trainee
from trainer.model.pack import ROOM
from trainer.plan.plan import Order


def train(
    folder: str, asked: Asked, among: Ranks, workers: int = 0, progress: Progress | None = None
) -> Iterator[Told]:
    """Train, and yield what each step told; a run that has ended yields nothing.

    Raises BadInput where the data, the start or the folder is not what the run needs, Unavailable where the disk fails.
    """
    check(asked)
    with among.first_alone():
        claim(folder, asked)
        codec, chosen, held_out = _data(folder, asked, workers, progress)
    if os.path.isdir(os.path.join(folder, MODEL)):
        return
    stage, loop = asked.stage, _loop(folder, asked, codec, among)
    checkpoints = Checkpoints(os.path.join(folder, "checkpoints"), among, asked.stage.keep)
    state = _go_on(checkpoints.folder, loop)
    loading = Loading(among.rank, among.count, workers)
    stream = stream_of(
        chosen,
        codec,
        Order(stage.seed, stage.sequence_length, stage.sequences),
        loading,
        steps=stage.steps,
        state=state,
    )
    looking = HeldOut(held_out, codec, asked.stage.sequence_length, among, loading) if held_out else None
    with among.first_alone():
        record = Record(folder, stream.state.position.step, (HELD_OUT,)) if among.rank == 0 else None
    replaced = ReplacedLog(os.path.join(folder, f"replaced-{among.rank}.jsonl"))
    try:
        for step, told in loop.steps(batches(stream, codec.tokens, asked.stage.sequence_length, replaced.add)):
            if record:
                record.add(told)
            yield told
            checkpoints.publish()
            done = step.number + 1
            if done % asked.stage.checkpoint_every == 0 or done == asked.stage.steps:
                checkpoints.save(done, loop.trainee, loop.optimizer, msgspec.to_builtins(stream.state))
                _look(folder, looking, loop, done, among)
        checkpoints.finish()
    finally:
        replaced.close()
        if record:
            record.close()
    model = whole_model(loop.trainee, asked.given.preset, codec, among)
    if among.rank == 0:
        save(model, codec, os.path.join(folder, MODEL))
        write_page(folder)
    among.wait()


def _data(
    folder: str, asked: Asked, workers: int, progress: Progress | None
) -> tuple[Codec, list[Chosen], list[Chosen]]:
    """Return how samples become documents, and what is trained on and held out; the tokenizer is kept in the folder."""
    exports, weights = exports_of(asked.given)
    kept = os.path.join(folder, TOKENIZER)
    path = kept if os.path.exists(kept) else tokenizer_of(asked.start, asked.given.tokenizer)
    codec = codec_of(structs.replace(asked.given, tokenizer=path), exports)
    if not os.path.exists(kept):
        put_file(kept, codec.tokens.json.encode())
    length = asked.stage.sequence_length
    chosen = chosen_of(asked.given, codec, exports, weights, length, workers, progress=progress)
    aside = structs.replace(asked.given, data=asked.held_out, split="val", mix=())
    return codec, chosen, chosen_of(aside, codec, *exports_of(aside), length, workers, progress=progress)


def _loop(folder: str, asked: Asked, codec: Codec, among: Ranks) -> Loop:
    stage = asked.stage
    compute = getattr(torch, stage.precision)
    held = torch.bfloat16 if stage.states == "lean" else torch.float32
    model = started(asked.start, asked.given.preset, codec, held, stage.seed).to(among.device)
    use_document_attention(model)
    use_flat_kernel(model)
    if stage.recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if stage.compile:
        use_compiled_layers(model, stage.sequence_length + ROOM)
    trainee = Trainee(model, flex=needs_flex(among.device), fixed=stage.compile)
    shard(trainee, device_mesh(among), compute)
    return Loop(stage, trainee, among, folder)


def _go_on(folder: str, loop: Loop) -> StreamState | None:
    """Fill the loop from the last checkpoint, and return where the stream then stands; None where there is none."""
    done = steps(folder)
    if not done:
        return None
    path = path_of(folder, done[-1])
    load(path, loop.trainee, loop.optimizer)
    return msgspec.convert(read_state(path), StreamState)


def _look(folder: str, looking: HeldOut | None, loop: Loop, step: int, among: Ranks) -> None:
    if looking is None:
        return
    told = looking.look(loop, step)
    if among.rank == 0:
        write_held_out(folder, told)
