"""Who answers, and how it takes the weights that learn: the local engine has them already, a server reads a folder.

local                   the model that learns answers itself
vllm=URL, sglang=URL    a server; weights lie in the run's `weights/` for as long as it takes to read them
"""

from __future__ import annotations

import os
import shutil
from typing import Any

from annotators.endpoint import Endpoint
from schemas.errors import BadInput
from trainer.documents.codec import Codec
from trainer.engine.engine import Engine
from trainer.engine.generate import LocalEngine
from trainer.loop.parallel import Ranks
from trainer.model.checkpoint_out import save

LOCAL = "local"
WEIGHTS = "weights"


def engine_of(said: str, served: str, model: Any, codec: Codec, rows_at_once: int) -> Engine:
    """Return the engine that is said; `served` is the model's name to its server. Raises BadInput for none."""
    kind, _, url = said.partition("=")
    if said == LOCAL:
        return LocalEngine(model, "", rows_at_once)
    if kind not in ("vllm", "sglang") or not url:
        raise BadInput(f"no engine {said!r}", where="--engine", remedy="say local, vllm=URL or sglang=URL")
    endpoint = Endpoint(url, served, at_once=rows_at_once)
    if kind == "vllm":
        from trainer.engine.vllm import VllmEngine

        return VllmEngine(endpoint, codec.tokens.ids())
    from trainer.engine.sglang import SglangEngine

    return SglangEngine(endpoint, codec.tokens.ids())


def hand_over(engine: Engine, version: str, model: Any, codec: Codec, folder: str, among: Ranks) -> None:
    """Let an engine answer with a model as it stands, under a version; of several ranks the first tells a server."""
    if isinstance(engine, LocalEngine):
        engine.update_weights(version)
        return
    with among.first_alone():
        if among.rank == 0:
            kept = os.path.abspath(os.path.join(folder, WEIGHTS))
            shutil.rmtree(kept, ignore_errors=True)
            os.makedirs(kept)
            save(model, codec, os.path.join(kept, version))
            engine.update_weights(version, os.path.join(kept, version))
    engine.version = version
