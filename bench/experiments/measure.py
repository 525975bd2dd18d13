"""How many of a model's answers to each task are right, before any training."""

from __future__ import annotations

from filters.verifiers.verify import verify
from trainer.data.given import Given, codec_of, exports_of
from trainer.documents.codec import Codec
from trainer.engine.engine import Sampling
from trainer.engine.generate import LocalEngine
from trainer.loop.start import Start, model_folder, tokenizer_of
from trainer.model.model import load
from trainer.rl.roll import text_of
from trainer.rl.tasks import Tasks

AT_ONCE, ANSWER_TOKENS = 16, 64


def right_of(export: str, start: str, answers: int) -> dict[str, int]:
    """Return the count of right answers by the task's key, of so many drawn at temperature 1."""
    import torch

    tasks, codec = read_tasks(export, start)
    model = load(model_folder(start), torch.float32)
    model.generation_config.eos_token_id = list(codec.tokens.ids().stops)
    engine = LocalEngine(model, "start", AT_ONCE * answers)
    keys, found = list(tasks.of), dict[str, int]()
    for at in range(0, len(keys), AT_ONCE):
        some = keys[at : at + AT_ONCE]
        said = engine.generate([tasks.prompt(key) for key in some], answers, Sampling(ANSWER_TOKENS))
        for key, of_it in zip(some, said, strict=True):
            task = tasks.of[key].task
            found[key] = sum(verify(text_of(one, codec.tokens), task).reward == 1 for one in of_it)
    return found


def read_tasks(export: str, start: str) -> tuple[Tasks, Codec]:
    """Return the tasks of an export as prompts of the model to begin with, and what makes them."""
    given = Given((export,), preset="tiny", tokenizer=tokenizer_of(Start(start), ""))
    exports, _ = exports_of(given)
    codec = codec_of(given, exports)
    return Tasks(exports, codec), codec
