"""`ostraka serve`: a checkpoint answers, behind an endpoint on this machine."""

from __future__ import annotations

import os
from contextlib import suppress

import click

from trainer.screen import say


@click.command(short_help="Let a checkpoint answer, behind an endpoint on this machine.")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.option("--name", default="", help="The model's name to clients.  [default: the folder's]")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--exposed", is_flag=True, help="Allow a --host that other machines reach; nothing is encrypted.")
@click.option("--device", default="cpu", show_default=True, help="Where the model runs: cpu, cuda, cuda:1.")
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "bfloat16"]),
    help="Of the weights and of what is computed with them.",
)
@click.option(
    "--answer-tokens",
    default=4096,
    show_default=True,
    type=click.IntRange(1),
    help="Most tokens of an answer where the request names no number.",
)
@click.option(
    "--rows", default=64, show_default=True, type=click.IntRange(1), help="Answers that are sampled together at most."
)
def serve(
    checkpoint: str,
    name: str,
    port: int,
    host: str,
    exposed: bool,
    device: str,
    precision: str,
    answer_tokens: int,
    rows: int,
) -> None:
    """Serve a saved model to clients of OpenAI's: chat with pictures, several answers, seeds, log-probabilities.

    Clients send the token of the environment's OSTRAKA_TOKEN; without one, a token is made and printed. Ctrl-C ends it.
    """
    from trainer.needs import need

    need("av", "starlette", "tokenizers", "torch", "torchvision", "transformers", "uvicorn", extra="serve")
    from trainer.serve.open import Opening, open_server

    opening = Opening(
        checkpoint=checkpoint,
        name=name or os.path.basename(os.path.abspath(checkpoint)),
        host=host,
        port=port,
        exposed=exposed,
        device=device,
        precision=precision,
        answer_tokens=answer_tokens,
        rows_at_once=rows,
    )
    with suppress(KeyboardInterrupt):
        open_server(opening, say)
    say("ended")
