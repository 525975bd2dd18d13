"""The local engine: a model of transformers answers, each prompt read once, its rows sampled together.

It is for a CPU, for tests and for one card: nothing is compiled, and a group of rows runs to its end before the next
one begins. transformers' own generate reads the prompt and its pictures again for each of n answers, and keeps it as
often. Memory is what `rows_at_once` rows keep in every layer: their answers, and each prompt once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from schemas.errors import BadInput
from trainer.engine.chance import row_seed
from trainer.engine.engine import Answer, Drawn, Prompt, Sampling
from trainer.engine.prefill import Prefix, prefill
from trainer.engine.rows import Row, Rows
from trainer.engine.shared import attending_shared
from trainer.model.model import load

ROWS_AT_ONCE = 64


class LocalEngine:
    """Answers with a model; whoever changes the model's weights says so by `update_weights`.

    No answer holds the token of a picture or a clip: there would be none behind it, and it could not be trained on.
    """

    def __init__(self, model: Any, version: str = "", rows_at_once: int = ROWS_AT_ONCE) -> None:
        self.model, self.version, self.rows_at_once = model, version, rows_at_once
        ends = model.generation_config.eos_token_id
        self.stops = frozenset([ends] if isinstance(ends, int) else ends or ())
        self.barred = (model.config.image_token_id, model.config.video_token_id)
        self.positions = int(model.config.text_config.max_position_embeddings)

    def generate(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Answer]]:
        """Return `n` answers to each prompt; raises BadInput for a prompt that leaves no room for an answer."""
        for prompt in prompts:
            self.check(prompt, sampling.max_tokens)
        short_first = sorted(range(len(prompts)), key=lambda place: len(prompts[place].tokens_T))
        asked = [(place, row) for place in short_first for row in range(n)]
        answers: dict[tuple[int, int], Answer] = {}
        prefixes: dict[int, Prefix] = {}
        with self.answering():
            for begin in range(0, len(asked), self.rows_at_once):
                together = asked[begin : begin + self.rows_at_once]
                places = list(dict.fromkeys(place for place, _ in together))
                prefixes = {place: prefixes.get(place) or self.read(prompts[place]) for place in places}
                seeds = [row_seed(sampling.seed, row) for _, row in together]
                rows = [Row(places.index(place), seed) for (place, _), seed in zip(together, seeds, strict=True)]
                answers |= zip(together, self._finish(list(prefixes.values()), rows, sampling), strict=True)
        return [[answers[place, row] for row in range(n)] for place in range(len(prompts))]

    def update_weights(self, version: str, folder: str = "") -> None:
        """Name the weights that the model holds by now, or take those of a folder; raises BadInput as `load` does."""
        if folder:
            found = load(folder, self.model.dtype)
            try:
                self.model.load_state_dict(found.state_dict())
            except RuntimeError as error:
                said = str(error).splitlines()[-1].strip()
                raise BadInput(said, where=folder, remedy="give weights of the model that answers") from None
        self.version = version

    def check(self, prompt: Prompt, max_tokens: int) -> None:
        """Raise BadInput where a prompt and its answer are more than the model has positions for."""
        tokens = len(prompt.tokens_T)
        if tokens + max_tokens > self.positions:
            raise BadInput(
                f"{tokens} tokens and {max_tokens} for the answer, where the model has {self.positions} positions",
                where=prompt.key or "prompt",
                remedy="ask for less, or show smaller pictures",
            )

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Hold the model as it has to be while it answers, and give it back to training as it was."""
        trains = self.model.training
        self.model.eval()
        try:
            with attending_shared(self.model):
                yield
        finally:
            self.model.train(trains)

    def read(self, prompt: Prompt) -> Prefix:
        """Read a prompt, within `answering`."""
        return prefill(self.model, prompt)

    def begin(self, prefixes: Sequence[Prefix], rows: Sequence[Row], sampling: Sampling) -> Rows:
        """Return rows to be stepped, within `answering`."""
        return Rows(self.model, prefixes, rows, sampling, self.stops, self.barred)

    def _finish(self, prefixes: Sequence[Prefix], rows: Sequence[Row], sampling: Sampling) -> list[Answer]:
        stepped = self.begin(prefixes, rows, sampling)
        said: list[list[Drawn]] = [[] for _ in rows]
        while stepped.living:
            for one in stepped.step():
                said[one.row].append(one)
        return [_answer(drawn, row.seed, self.version) for drawn, row in zip(said, rows, strict=True)]


def _answer(drawn: Sequence[Drawn], seed: int, version: str) -> Answer:
    _, tokens, logprobs, top, finishes, is_injected = zip(*drawn, strict=True)
    injected = tuple(place for place, it_is in enumerate(is_injected) if it_is)
    return Answer(tokens, logprobs, finishes[-1] or "left", seed, version, top if any(top) else (), injected)
