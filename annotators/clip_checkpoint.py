"""A checkpoint of open_clip on this machine: found, proved to be one of its model, and named by its digest.

It is a file of weights for a model that open_clip knows by name, or a folder as open_clip saves one, with its
open_clip_config.json beside the weights. Weights are read as safetensors, or by torch as weights only, so that a
checkpoint runs no code.
"""

from __future__ import annotations

import os
from hashlib import file_digest
from pickle import UnpicklingError
from typing import Any

from msgspec import Struct

from annotators.torchvision_ready import torchvision_ready
from schemas.errors import BadInput

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")

_proved: dict[tuple[str, tuple[tuple[str, int, int], ...]], tuple[str, ...]] = {}
"""Digests of the checkpoints that this process has loaded once, by model, and by path, size and time of the files."""


class Loaded(Struct, frozen=True):
    """A model in evaluation mode, what makes a tensor of a picture, and what makes one of texts."""

    model: Any
    preprocess: Any
    tokenizer: Any


class Checkpoint(Struct, frozen=True):
    """`model`: open_clip's name, empty where the folder at `path` holds a configuration."""

    model: str
    path: str

    def digests(self) -> tuple[str, ...]:
        """Return the SHA-256 of each file; the first time, prove that they load.

        Raises BadInput where there is no checkpoint, or where it is truncated or of another model.
        """
        seen = self.model, tuple((path, os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in self._files())
        if seen not in _proved:
            self.load("cpu")
            _proved[seen] = tuple(_digest(path) for path in self._files())
        return _proved[seen]

    def load(self, device: str) -> Loaded:
        """Return the model on a device ("cpu", "cuda"); raises BadInput as `digests` does."""
        import torch

        files = self._files()
        if device == "cuda" and not torch.cuda.is_available():
            raise BadInput("there is no GPU that torch can use", where="annotator clip", remedy="leave device=cuda out")
        try:
            torchvision_ready()
            import open_clip
        except ImportError as error:
            raise BadInput(
                f"open_clip cannot be imported ({error})",
                where="annotator clip",
                remedy="pip install 'ostraka[clip]'",
            ) from error
        name = self.model or f"local-dir:{self.path}"
        if self.model and self.model not in open_clip.list_models():
            raise BadInput(
                f"open_clip has no model called {self.model!r}", remedy="choose one of open_clip.list_models()"
            )
        try:
            model, _, preprocess = open_clip.create_model_and_transforms(
                name, pretrained=files[0] if self.model else None, device=device, pretrained_text=False
            )
            _need_same_shapes(model, open_clip.factory.load_state_dict(files[0]))
        except UnpicklingError:
            raise BadInput(
                "it is no checkpoint, or it holds more than weights",
                where=files[0],
                remedy="give one as safetensors, or a state_dict that torch loads with weights_only=True",
            ) from None
        except Exception as error:
            raise BadInput(
                f"it does not load as {self.model or 'its configuration says'} "
                f"({type(error).__name__}: {' '.join(str(error).split())[:300]})",
                where=files[0],
                remedy="give the whole checkpoint of this very model, as safetensors or as a state_dict",
            ) from None
        return Loaded(model.eval(), preprocess, open_clip.get_tokenizer(name))

    def _files(self) -> tuple[str, ...]:
        """Return the file of weights, and the configuration where it is a folder."""
        if not self.path:
            raise BadInput(
                "no weights are given",
                where="annotator clip",
                remedy="give --weights clip=PATH: a checkpoint of open_clip, or the folder that holds one",
            )
        if not os.path.exists(self.path):
            raise BadInput("there is no such file or folder", where=self.path, remedy="mend --weights clip=PATH")
        if not os.path.isdir(self.path):
            if not self.model:
                raise BadInput(
                    "a file of weights needs a model's name", where=self.path, remedy="add --with model=NAME"
                )
            return (self.path,)
        config = os.path.join(self.path, CONFIG)
        found = [path for name in WEIGHTS if os.path.isfile(path := os.path.join(self.path, name))]
        if not os.path.isfile(config) or not found:
            raise BadInput(
                "the folder is no checkpoint of open_clip",
                where=self.path,
                remedy=f"it must hold {CONFIG} and {' or '.join(WEIGHTS)}",
            )
        return (found[0],) if self.model else (found[0], config)


def _need_same_shapes(model: Any, state: Any) -> None:
    """Raise ValueError where open_clip would stretch position embeddings to fit, which makes another model of it."""
    ours = model.state_dict()
    for name, tensor in state.items():
        if name in ours and hasattr(tensor, "shape") and tensor.shape != ours[name].shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)}, and the model's is {tuple(ours[name].shape)}")


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()
