"""Opening: a folder becomes a model behind a port, and everything that can be wrong is told before the port opens."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from msgspec import Struct

from schemas.errors import BadInput
from trainer.engine.generate import LocalEngine
from trainer.model.checkpoint_codec import read_codec, weights_version
from trainer.model.model import load
from trainer.serve.app import Served, app_of
from trainer.serve.guard import bound_socket, token_of_environment, url_of
from trainer.serve.listen import listen
from trainer.serve.one_by_one import OneByOne

BACKLOG = 128


class Opening(Struct, frozen=True):
    """What is served, where, and how it runs."""

    checkpoint: str
    name: str
    host: str
    port: int
    exposed: bool
    device: str
    precision: str
    answer_tokens: int
    rows_at_once: int


def open_server(opening: Opening, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C, which comes out as KeyboardInterrupt; raises BadInput."""
    codec = read_codec(opening.checkpoint)
    token, is_made = token_of_environment()
    with bound_socket(opening.host, opening.port, exposed=opening.exposed) as bound:
        model = _model(opening)
        if codec.tokens.size > model.config.text_config.vocab_size:
            raise BadInput(
                f"its tokenizer has {codec.tokens.size:,} tokens, its model {model.config.text_config.vocab_size:,}",
                where=opening.checkpoint,
                remedy="give a folder whose files belong together",
            )
        engine = LocalEngine(model, weights_version(opening.checkpoint), opening.rows_at_once)
        line = OneByOne(engine, codec.tokens)
        served = Served(opening.name, engine, codec, opening.answer_tokens, int(time.time()))
        bound.listen(BACKLOG)
        say(f"{opening.name}: {model.num_parameters():,} parameters, weights {engine.version}")
        if is_made:
            say(f"token: {token}")
        say(f"endpoint: {url_of(bound)}")
        listen(app_of(served, line, token), line, bound)


def _model(opening: Opening) -> Any:
    try:
        device = torch.device(opening.device)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        said = str(error).splitlines()[0]
        raise BadInput(said, where=f"--device {opening.device}", remedy="say cpu, or a device that is here") from None
    return load(opening.checkpoint, getattr(torch, opening.precision)).to(device)
