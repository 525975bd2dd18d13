"""TRL's GRPOTrainer on the same pool, for an environment that holds TRL.

    python -m bench.experiments.trl START POOL TEST STEPS EVERY PROMPTS GROUP SEED FOLDER

Its processor, generate, padding and update; the prompt's tokens are checked to be ours. What an answer earns
is the verifier's grade of the tokens that were generated. Its log has the form of `ostraka train rl`'s, as far as the
experiment reads it.
"""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any, NamedTuple

import torch

from bench.duel import require
from bench.experiments.measure import ANSWER_TOKENS, AT_ONCE, read_tasks
from filters.verifiers.verify import verify
from schemas.sample import Text
from trainer.engine.engine import Answer, Finish, Sampling
from trainer.engine.generate import LocalEngine
from trainer.loop.start import model_folder
from trainer.model.checkpoint_out import processor
from trainer.model.model import load
from trainer.rl.roll import text_of

RATE, FLOOR, WARMUP_STEPS, CLIP_LOW, CLIP_HIGH = 1.5e-4, 0.1, 10, 0.2, 0.28
ROWS_A_PASS = 96


class Asked(NamedTuple):
    """What a run is asked to be."""

    start: str
    pool: str
    test: str
    steps: int
    every: int
    prompts: int
    group: int
    seed: int
    folder: str

    @classmethod
    def of(cls, words: list[str]) -> Asked:
        start, pool, test, *numbers, folder = words
        steps, every, prompts, group, seed = map(int, numbers)
        return cls(start, pool, test, steps, every, prompts, group, seed, folder)


def main(words: list[str]) -> None:
    """Train; a run that was cut off begins anew, as TRL keeps no pool's state."""
    torch.set_num_threads(1)
    asked = Asked.of(words)
    os.makedirs(asked.folder, exist_ok=True)
    for name in ("log.jsonl", "held_out.jsonl"):
        open(os.path.join(asked.folder, name), "wb").close()
    run = _Run(asked)
    run.trainer().train()


class _Run:
    """A run's model, tasks and count of drawn tokens."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.tasks, self.codec = read_tasks(asked.pool, asked.start)
        self.held_out, _ = read_tasks(asked.test, asked.start)
        self.model = load(model_folder(asked.start), torch.float32)
        self.model.generation_config.eos_token_id = list(self.codec.tokens.ids().stops)
        self.processor = processor(self.codec)
        self.processor.tokenizer.padding_side = "left"
        self.drawn = 0

    def trainer(self) -> Any:
        from trl import GRPOConfig, GRPOTrainer

        asked, rows = self.asked, self.asked.prompts * self.asked.group
        a_pass = min(ROWS_A_PASS, rows)
        args = GRPOConfig(
            output_dir=asked.folder,
            use_cpu=True,
            bf16=False,
            activation_checkpointing=False,
            per_device_train_batch_size=a_pass,
            gradient_accumulation_steps=rows // a_pass,
            num_generations=asked.group,
            max_completion_length=ANSWER_TOKENS,
            max_steps=asked.steps,
            learning_rate=RATE,
            lr_scheduler_type="polynomial",
            lr_scheduler_kwargs={"lr_end": FLOOR * RATE, "power": 1.0},
            warmup_steps=WARMUP_STEPS,
            adam_beta2=0.95,
            weight_decay=0.0,
            max_grad_norm=1.0,
            beta=0.0,
            epsilon=CLIP_LOW,
            epsilon_high=CLIP_HIGH,
            loss_type="grpo",
            temperature=1.0,
            seed=asked.seed,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            remove_unused_columns=False,
        )
        self._check_prompt()
        return GRPOTrainer(
            model=self.model,
            args=args,
            train_dataset=self._dataset(),
            reward_funcs=self.reward,
            processing_class=self.processor,
            callbacks=[_looking(self)],
        )

    def reward(self, completion_ids: list[list[int]], key: list[str], **_: Any) -> list[float]:
        """Return what answers earn, by the tokens that were generated."""
        self.drawn += sum(map(len, completion_ids))
        both = zip(completion_ids, key, strict=True)
        return [verify(self._text(tokens), self.tasks.of[of].task).reward for tokens, of in both]

    def _text(self, tokens: list[int]) -> str:
        finish: Finish = "stop" if tokens and tokens[-1] in self.codec.tokens.ids().stops else "length"
        return text_of(Answer(tuple(tokens), (), finish, 0, ""), self.codec.tokens)

    def _dataset(self) -> Any:
        from datasets import Dataset

        return Dataset.from_list([self._row(key) for key in self.tasks.of])

    def _row(self, key: str) -> dict[str, Any]:
        from PIL import Image

        sample, contents = self.tasks.read(key)
        question = "".join(part.text for part in sample.parts if isinstance(part, Text) and part.role == "user")
        said = [{"role": "user", "content": question.strip()}]
        return {"prompt": said, "image": Image.open(io.BytesIO(contents[0])).convert("RGB"), "key": key}

    def _check_prompt(self) -> None:
        """Raise where TRL's prompt is not ours, token for token."""
        key = next(iter(self.tasks.of))
        row = self._row(key)
        content = [{"type": "image", "image": row["image"]}, {"type": "text", "text": row["prompt"][0]["content"]}]
        theirs = self.processor.apply_chat_template(
            [[{"role": "user", "content": content}]], add_generation_prompt=True, tokenize=True, return_dict=True
        )["input_ids"][0]
        require(list(theirs) == self.tasks.prompt(key).tokens_T.tolist(), "the prompts differ")

    def look(self, step: int) -> None:
        """Write a line about the held-out tasks, each answered by the likeliest tokens."""
        engine = LocalEngine(self.model, f"{step}", AT_ONCE)
        right: dict[str, list[bool]] = {}
        keys = list(self.held_out.of)
        for at in range(0, len(keys), AT_ONCE):
            some = keys[at : at + AT_ONCE]
            prompts = [self.held_out.prompt(key) for key in some]
            for key, (answer,) in zip(some, engine.generate(prompts, 1, Sampling(ANSWER_TOKENS, 0.0)), strict=True):
                task = self.held_out.of[key].task
                earned = verify(text_of(answer, self.codec.tokens), task).reward
                right.setdefault(task.domain, []).append(earned == 1)
        shares = {domain: sum(found) / len(found) for domain, found in sorted(right.items())}
        self._write("held_out.jsonl", {"step": step, "right_by_domain": shares})

    def told(self, step: int) -> None:
        """Write a step's line, and look where it is time."""
        self._write("log.jsonl", {"step": step - 1, "drawn": self.drawn})
        self.drawn = 0
        if step % self.asked.every == 0 or step == self.asked.steps:
            self.look(step)

    def _write(self, name: str, line: dict[str, Any]) -> None:
        with open(os.path.join(self.asked.folder, name), "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _looking(run: _Run) -> Any:
    from transformers import TrainerCallback

    class Looking(TrainerCallback):  # type: ignore[misc]
        """Looks at the held-out tasks before the first step, and tells each step."""

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            run.look(0)

        def on_step_end(self, _args: Any, state: Any, *_: Any, **__: Any) -> None:
            run.told(state.global_step)

    return Looking()


if __name__ == "__main__":
    main(sys.argv[1:])
