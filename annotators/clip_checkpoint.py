"""A checkpoint of open_clip on this machine: found, proved to be one of its model, and named by its digest.

It is a file of weights for a model that open_clip knows by name, or a folder as open_clip saves one, with its
open_clip_config.json beside the weights. Weights are read as safetensors, or by torch as weights only, so that a
checkpoint runs no code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from difflib import get_close_matches
from hashlib import file_digest
from math import isfinite
from pickle import UnpicklingError
from typing import Any

from msgspec import Struct
from PIL import Image

from annotators.torchvision_ready import torchvision_ready
from schemas.errors import BadInput

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
"""Files of weights in a folder; of several the first is taken, as open_clip does, so that the digest is of that one."""

_REMEDY = "give --weights {}=PATH: a checkpoint of open_clip, or the folder that holds one"

_proved: dict[tuple[str, tuple[tuple[str, int, int], ...]], tuple[str, ...]] = {}
"""Digests of the checkpoints that this process has loaded once, by model, and by path, size and time of the files."""


class Loaded(Struct, frozen=True):
    """A model in evaluation mode, what makes a tensor of a picture, and what makes one of texts."""

    model: Any
    preprocess: Any
    tokenizer: Any


class Checkpoint(Struct, frozen=True):
    """`model`: open_clip's name, empty where the folder at `path` holds a configuration; `name`: the annotator's."""

    model: str
    path: str
    name: str = "clip"

    def digests(self) -> tuple[str, ...]:
        """Return the SHA-256 of each file; the first time, prove that they load and that a sample can be scored.

        Raises BadInput where there is no checkpoint, or where it is truncated, of another model, or not finite.
        """
        seen = self.model, tuple((path, os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in self._files())
        if seen not in _proved:
            self._try(self.load("cpu"))
            _proved[seen] = tuple(_digest(path) for path in self._files())
        return _proved[seen]

    def load(self, device: str) -> Loaded:
        """Return the model on a device ("cpu", "cuda"); raises BadInput as `digests` does."""
        import torch

        weights, *configuration = self._files()
        if device == "cuda" and not torch.cuda.is_available():
            raise BadInput(
                "there is no GPU that torch can use", where=f"annotator {self.name}", remedy="leave device=cuda out"
            )
        try:
            torchvision_ready()
            import open_clip
        except ImportError as error:
            raise BadInput(
                f"open_clip cannot be imported ({error})",
                where=f"annotator {self.name}",
                remedy="pip install 'ostraka[clip]'",
            ) from error
        if self.model:
            _need_known(self.model, open_clip.list_models(), self.name)
        for path in configuration:
            _need_configuration(path)
        state = _state(weights)
        name = self.model or f"local-dir:{self.path}"
        try:
            model, _, preprocess = open_clip.create_model_and_transforms(
                name, pretrained=weights if self.model else None, device=device, pretrained_text=False
            )
            _need_same_shapes(model, state)
            tokenizer = open_clip.get_tokenizer(name)
        except Exception as error:
            raise self._does_not_load(error) from None
        return Loaded(model.eval(), preprocess, tokenizer)

    def _try(self, loaded: Loaded) -> None:
        """Score a blank picture: what goes wrong with any sample is the checkpoint's fault and no sample's."""
        import torch

        try:
            with torch.inference_mode():
                picture_1CHW = loaded.preprocess(Image.new("RGB", (32, 32), "white"))[None]
                pictures_1D = loaded.model.encode_image(picture_1CHW, normalize=True)
                texts_1D = loaded.model.encode_text(loaded.tokenizer(["a white square"]), normalize=True)
                score = (pictures_1D * texts_1D).sum().item()
        except Exception as error:
            raise self._does_not_load(error) from None
        if not isfinite(score):
            raise self._does_not_load(ValueError(f"a white square scores {score}"))

    def _does_not_load(self, error: Exception) -> BadInput:
        return BadInput(
            f"it does not load as {self.model or 'its configuration says'} ({_said(error)})",
            where=self._files()[0],
            remedy="give the whole checkpoint of this very model, as safetensors or as a state_dict",
        )

    def _files(self) -> tuple[str, ...]:
        """Return the file of weights, and the configuration where it is a folder; raises BadInput as `digests` does."""
        if not self.path:
            raise BadInput("no weights are given", where=f"annotator {self.name}", remedy=_REMEDY.format(self.name))
        files = self._in_folder() if os.path.isdir(self.path) else (self.path,)
        for path in files:
            try:
                with open(path, "rb"):
                    pass
            except OSError as error:
                raise _unreadable(path, error, self.name) from None
        if files == (self.path,) and not self.model:
            raise BadInput("a file of weights needs a model's name", where=self.path, remedy="add --with model=NAME")
        return files

    def _in_folder(self) -> tuple[str, ...]:
        try:
            there = os.listdir(self.path)
        except OSError as error:
            raise _unreadable(self.path, error, self.name) from None
        found = [name for name in WEIGHTS if name in there]
        if CONFIG not in there or not found:
            raise BadInput(
                "the folder is no checkpoint of open_clip",
                where=self.path,
                remedy=f"it must hold {CONFIG} and one of {', '.join(WEIGHTS)}",
            )
        return tuple(os.path.join(self.path, name) for name in (found[0], *([] if self.model else [CONFIG])))


def _need_configuration(path: str) -> None:
    try:
        with open(path, encoding="utf-8") as file:
            told = json.load(file)
    except (ValueError, RecursionError) as error:
        what = f"it is no JSON ({_said(error)})"
        raise BadInput(what, where=path, remedy=f"give {CONFIG} as open_clip saves it") from None
    model = told.get("model_cfg") if isinstance(told, dict) else None
    if not isinstance(model, dict) or not all(isinstance(model.get(one), dict) for one in ("text_cfg", "vision_cfg")):
        what = "it describes no model (model_cfg with text_cfg and vision_cfg)"
        raise BadInput(what, where=path, remedy=f"give {CONFIG} as open_clip saves it")


def _state(path: str) -> dict[str, Any]:
    """Return tensors by name, read without running anything; raises BadInput for whatever else a file holds."""
    import torch
    from safetensors.torch import load_file

    try:
        told = load_file(path) if path.endswith(".safetensors") else _weights_only(path)
    except UnpicklingError:
        raise _no_checkpoint(path, "it is no checkpoint, or it holds more than weights") from None
    except Exception as error:
        raise _no_checkpoint(path, f"it is no whole checkpoint ({_said(error)})") from None
    told = told.get("state_dict", told) if isinstance(told, dict) else told
    if not isinstance(told, dict) or not told or not all(isinstance(one, torch.Tensor) for one in told.values()):
        raise _no_checkpoint(path, "it holds no tensors by their names")
    for name, tensor in told.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()):
            raise _no_checkpoint(path, f"its {name} is not finite (NaN or infinity)")
    return {name.removeprefix("module."): tensor for name, tensor in told.items()}


def _weights_only(path: str) -> Any:
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)


def _unreadable(path: str, error: OSError, name: str) -> BadInput:
    return BadInput(f"it cannot be read ({error.strerror or error})", where=path, remedy=_REMEDY.format(name))


def _no_checkpoint(path: str, what: str) -> BadInput:
    return BadInput(
        what,
        where=path,
        remedy="give one as safetensors, named so, or a state_dict that torch loads with weights_only=True",
    )


def _need_known(model: str, known: Sequence[str], name: str) -> None:
    if model not in known:
        near = get_close_matches(model, known, 3, 0.4)
        raise BadInput(
            f"open_clip has no model called {model!r}",
            where=f"annotator {name}",
            remedy="give --with model=NAME, one of open_clip.list_models()" + (f": {', '.join(near)}" if near else ""),
        )


def _need_same_shapes(model: Any, state: dict[str, Any]) -> None:
    """Raise ValueError where open_clip would stretch position embeddings to fit, which makes another model of it."""
    ours = model.state_dict()
    for name, tensor in state.items():
        if name in ours and tensor.shape != ours[name].shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)}, and the model's is {tuple(ours[name].shape)}")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()
