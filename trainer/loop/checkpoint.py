"""Checkpoints: torch's distributed checkpoint, written beside the training, whole or not there.

    step-00000040/                 a checkpoint; its folder has this name only when everything in it is on disk
        shard-....safetensors      each rank's pieces of weights and moments
        state.json                 where the stream stands, and whatever else goes on (no tensor, no pickle)

Tensors go through torch.distributed.checkpoint, which lays them over another number of ranks at loading, by its
safetensors storage: its default one keeps an index that is a pickle, and a checkpoint is data.
"""

from __future__ import annotations

import os
import re
import shutil
from concurrent.futures import Future
from typing import Any, cast

import msgspec
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load as load_tensors
from torch.distributed.checkpoint.state_dict_saver import async_save

from schemas.errors import BadInput, Unavailable
from trainer.loop.parallel import Ranks

STATE = "state.json"
_NAME = re.compile(r"step-(\d{8})")
_FLAT = StateDictOptions(flatten_optimizer_state_dict=True)


class Checkpoints:
    """The checkpoints of one run in a folder; at most one is being written at a time.

    Its writers speak in a group of their own: the thread that writes would otherwise meet the training's collectives.
    """

    def __init__(self, folder: str, among: Ranks, keep: int) -> None:
        self.folder, self._ranks, self._keep = folder, among, keep
        self._writing: tuple[str, Future[Any]] | None = None
        self._writers = dist.new_group(backend="gloo")
        if among.rank == 0:
            os.makedirs(folder, exist_ok=True)
            for left in (name for name in os.listdir(folder) if name.endswith(".partial")):
                shutil.rmtree(os.path.join(folder, left))
        among.wait()

    def save(self, step: int, model: Any, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        """Begin to write a checkpoint: copy the tensors, and let a thread write them while training goes on."""
        self.finish()
        partial = os.path.join(self.folder, f"step-{step:08d}.partial")
        if self._ranks.rank == 0:
            os.makedirs(partial, exist_ok=True)
            _write(os.path.join(partial, STATE), msgspec.json.encode(state))
        self._ranks.wait()
        writer = HuggingFaceStorageWriter(partial, save_distributed=True)
        begun = async_save(_tensors(model, optimizer), storage_writer=writer, process_group=self._writers)
        self._writing = partial, cast("Future[Any]", begun)

    def publish(self) -> None:
        """Give the checkpoint that is being written its name if every rank has written its part; every rank asks."""
        if self._writing and self._ranks.all_true(self._writing[1].done()):
            self.finish()

    def finish(self) -> None:
        """Wait for the checkpoint that is being written, give it its name, and remove those beyond the last few."""
        if not self._writing:
            return
        (partial, begun), self._writing = self._writing, None
        try:
            begun.result()
            written = True
        except (Exception, CheckpointException) as error:
            written, why = False, error
        if not self._ranks.all_true(written):
            if self._ranks.rank == 0:
                shutil.rmtree(partial, ignore_errors=True)
            reason = f": {_said(why)}" if not written else " on another rank"
            raise Unavailable(
                f"the checkpoint was not written{reason}",
                where=partial.removesuffix(".partial"),
                remedy="see that there is room and permission; the same command goes on from the one before",
            )
        if self._ranks.rank == 0:
            self._name(partial)
            for step in steps(self.folder)[: -self._keep]:
                old = path_of(self.folder, step)
                os.rename(old, f"{old}.partial")
                shutil.rmtree(f"{old}.partial")
        self._ranks.wait()

    def _name(self, partial: str) -> None:
        whole = partial.removesuffix(".partial")
        _sync(partial)
        if os.path.isdir(whole):
            os.rename(whole, f"{whole}.old.partial")
            shutil.rmtree(f"{whole}.old.partial")
        os.rename(partial, whole)
        _sync_folder(self.folder)


def steps(folder: str) -> list[int]:
    """Return the steps of which a folder holds a whole checkpoint, in order."""
    found = (_NAME.fullmatch(name) for name in os.listdir(folder)) if os.path.isdir(folder) else ()
    return sorted(int(name[1]) for name in found if name)


def path_of(folder: str, step: int) -> str:
    """Return the folder of a step's checkpoint."""
    return os.path.join(folder, f"step-{step:08d}")


def read_state(path: str) -> dict[str, Any]:
    """Return what a checkpoint says beside its tensors; raises BadInput where it says nothing that can be read."""
    try:
        with open(os.path.join(path, STATE), "rb") as file:
            return dict(msgspec.json.decode(file.read()))
    except (OSError, msgspec.DecodeError, TypeError, ValueError) as error:
        raise BadInput(f"no checkpoint: {error}", where=path, remedy="give a folder step-... of a run") from None


def load(path: str, model: Any, optimizer: torch.optim.Optimizer | None) -> None:
    """Fill a model, and an optimiser where one is given, from a checkpoint of any number of ranks.

    Raises BadInput where the checkpoint is of another model.
    """
    wanted = _tensors(model, optimizer)
    reader = HuggingFaceStorageReader(path)
    about = reader.read_metadata().state_dict_metadata
    has = {name: tuple(said.size) for name, said in about.items() if isinstance(said, TensorStorageMetadata)}
    differ = [
        f"{name} is {has.get(name, 'not there')}, the model's is {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if has.get(name) != tuple(tensor.shape)
    ]
    if differ:
        raise BadInput(
            f"is of another model: {differ[0]} ({len(differ)} tensors differ)",
            where=path,
            remedy="give the preset and the stage that the checkpoint was made with",
        )
    load_tensors(dict[str, Any](wanted), storage_reader=reader)
    set_model_state_dict(model, _under("weights.", wanted))
    if optimizer is not None:
        learnt = get_optimizer_state_dict(model, optimizer, options=_FLAT) | _under("optimizer.", wanted)
        set_optimizer_state_dict(model, optimizer, learnt, options=_FLAT)


def _tensors(model: Any, optimizer: torch.optim.Optimizer | None) -> dict[str, Tensor]:
    known: dict[str, Any] = {f"weights.{name}": value for name, value in get_model_state_dict(model).items()}
    if optimizer is not None:
        learnt = get_optimizer_state_dict(model, optimizer, options=_FLAT)
        known |= {f"optimizer.{name}": value for name, value in learnt.items()}
    return {name: value for name, value in known.items() if isinstance(value, Tensor)}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _said(error: BaseException) -> str:
    """Return the last line of what went wrong: torch's own error holds the whole trace of each rank."""
    return f"{error}".strip().rpartition("\n")[2].strip() or type(error).__name__


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: str) -> None:
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
