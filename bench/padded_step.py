"""Both sides of the packed step, for an environment that holds TRL: python -m bench.padded_step FOLDER."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from bench.duel import interleave, require
from trainer.documents.document import Document
from trainer.documents.special import SpecialIds
from trainer.loop.batches import Step
from trainer.loop.loop import Loop
from trainer.loop.parallel import ranks
from trainer.loop.stages import pretrain, tiny
from trainer.model.attention import use_document_attention
from trainer.model.flat_kernel import use_flat_kernel
from trainer.model.forward import Trainee
from trainer.model.model import build
from trainer.model.normalised import normalised
from trainer.model.pack import IGNORED, PATCH_VALUES, PackedBatch, pack
from trainer.model.presets import preset
from trainer.plan.best_fit import best_fit

DOCUMENTS, ROW_TOKENS, WORDS = 144, 8_192, 4_000
IMAGE, BEGIN, END = 4_000, 4_002, 4_003
IDS = SpecialIds(0, (0,), IMAGE, 4_001, BEGIN, END, 4_004, 4_005)
GRIDS = ((4, 4), (6, 8), (8, 8), (4, 10))


def documents() -> list[Document]:
    random = np.random.default_rng(0)
    return [_document(random, number) for number in range(DOCUMENTS)]


def _document(random: np.random.Generator, number: int) -> Document:
    tokens, grids = list[int](), []
    for _ in range(int(random.choice([0, 1, 1, 2]))):
        height, width = GRIDS[random.integers(len(GRIDS))]
        tokens += [
            *random.integers(5, WORDS, random.integers(4, 40)).tolist(),
            BEGIN,
            *[IMAGE] * (height * width // 4),
            END,
        ]
        grids.append((1, height, width))
    tokens += random.integers(5, WORDS, int(random.lognormal(4.6, 0.8)) + 8).tolist()
    tokens_T = np.array(tokens, np.int32)
    is_target_T = (tokens_T < WORDS) & (np.arange(len(tokens)) > 0)
    patches = sum(height * width for _, height, width in grids)
    patches_PD = random.integers(0, 256, (patches, PATCH_VALUES), np.uint8)
    return Document(f"{number}", "text", tokens_T, is_target_T, np.array(grids, np.int64).reshape(-1, 3), patches_PD)


def packed(found: Sequence[Document]) -> list[PackedBatch]:
    """Lay the documents into rows as the plan lays a window's."""
    sequence_N = best_fit(np.array([len(one.tokens_T) for one in found]), ROW_TOKENS)
    rows = [[found[at] for at in np.flatnonzero(sequence_N == number)] for number in range(sequence_N.max() + 1)]
    return [pack(row, ROW_TOKENS, image_id=IMAGE, padding_id=0) for row in rows]


def padded(batch: Sequence[Document]) -> dict[str, torch.Tensor]:
    """Pad a batch to its longest document, as both peers' collators do."""
    shape = (len(batch), max(len(one.tokens_T) for one in batch))
    tokens_BL, seen_BL = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    labels_BL = torch.full(shape, IGNORED)
    for number, one in enumerate(batch):
        here = slice(len(one.tokens_T))
        tokens_BL[number, here] = torch.from_numpy(one.tokens_T).long()
        seen_BL[number, here] = 1
        labels_BL[number, here] = torch.from_numpy(np.where(one.is_target_T, one.tokens_T, IGNORED)).long()
    said = {"input_ids": tokens_BL, "attention_mask": seen_BL, "labels": labels_BL}
    said["mm_token_type_ids"] = (tokens_BL == IMAGE).int()
    if grids := [one.grids_N3 for one in batch if len(one.grids_N3)]:
        said["image_grid_thw"] = torch.from_numpy(np.concatenate(grids))
        said["pixel_values"] = normalised(np.concatenate([one.patches_PD for one in batch]))
    return said


def trainer_of(kind: str, model: Any, found: Sequence[Document], batch: int, folder: str) -> Any:
    """Return HF's Trainer or TRL's SFTTrainer over the documents, for one step over all of them."""
    said: dict[str, Any] = {
        "output_dir": folder,
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": DOCUMENTS // batch,
        "max_steps": 1,
        "use_cpu": True,
        "report_to": [],
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_num_workers": 0,
    }
    data = [{"number": number} for number in range(len(found))]

    def collate(numbers: list[dict[str, int]]) -> dict[str, torch.Tensor]:
        return padded([found[one["number"]] for one in numbers])

    if kind == "HF Trainer":
        from transformers import Trainer, TrainingArguments

        return Trainer(model=model, args=TrainingArguments(**said), train_dataset=data, data_collator=collate)
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    args = SFTConfig(**said, max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
    return SFTTrainer(
        model=model,
        args=args,
        train_dataset=Dataset.from_list(data),
        data_collator=collate,
        processing_class=_tokenizer(),
    )


def _tokenizer() -> Any:
    from trainer.documents.tokens import train_tokens
    from trainer.model.checkpoint_out import fast_tokenizer

    return fast_tokenizer(train_tokens(["words"], 400))


def main(folder: str) -> None:
    torch.set_num_threads(1)
    found = documents()
    rows = packed(found)
    model = build(preset("tiny"), IDS, 4_096, seed=0)
    times_s: dict[str, Any] = {}
    with ranks() as among:
        ours = copy.deepcopy(model)
        use_document_attention(ours)
        use_flat_kernel(ours)
        loop = Loop(tiny(pretrain()), Trainee(ours), among, folder)
        loss = loop.step(Step(0, rows)).loss
        require(abs(loss - _loss(model, found)) < 1e-3, "the losses differ")
        for kind in ("HF Trainer", "TRL SFTTrainer"):
            for batch in (4, 16):
                peer: Callable[[], Any] = trainer_of(kind, copy.deepcopy(model), found, batch, folder).train
                times_s[f"{kind}, batches of {batch}"] = interleave(lambda: loop.step(Step(0, packed(found))), peer)
    print(json.dumps({"tokens": sum(len(one.tokens_T) for one in found), "times_s": times_s}))


@torch.no_grad()
def _loss(model: Any, found: Sequence[Document]) -> float:
    total, targets = 0.0, 0
    for one in found:
        batch = padded([one])
        count = int(one.is_target_T.sum())
        total += float(model(**batch, use_cache=False).loss) * count
        targets += count
    return total / targets


if __name__ == "__main__":
    main(sys.argv[1])
