"""The sides of a run: a model under training by us on packed rows, by the same on padded batches, or by TRL."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from bench.gpu_runs.shapes import END, IMAGE, Shape, built
from trainer.documents.document import Document
from trainer.loop.lean_adamw import LeanAdamW
from trainer.model.attention import needs_flex, use_document_attention, use_plain_attention
from trainer.model.compiled import use_compiled_layers
from trainer.model.flat_kernel import use_flat_kernel
from trainer.model.forward import Trainee
from trainer.model.loss import losses
from trainer.model.normalised import normalised
from trainer.model.pack import IGNORED, PackedBatch

RATE = 1e-5


class Setting(NamedTuple):
    """What a side trains on and how: states "full" (float32, AdamW) or "lean" (bfloat16, rounded stochastically)."""

    shape: Shape
    device: str
    states: str = "full"
    compiled: bool = False
    recompute: bool = True

    @property
    def width(self) -> torch.dtype:
        """The type that is computed in."""
        return torch.bfloat16 if self.device.startswith("cuda") else torch.float32


def model_of(setting: Setting) -> Any:
    """Return the model, its layers computed again on the way back where the setting says so."""
    lean = setting.states == "lean" and setting.width == torch.bfloat16
    model = built(setting.shape, setting.device, torch.bfloat16 if lean else torch.float32)
    if setting.recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model


def packed_side(setting: Setting, rows: Sequence[PackedBatch]) -> tuple[Any, Callable[[], float]]:
    """Return the model, and what takes one step on rows and returns the loss of a target."""
    model = model_of(setting)
    use_document_attention(model)
    use_flat_kernel(model)
    if setting.compiled:
        use_compiled_layers(model, rows[0].tokens_BL.shape[1])
    trainee = Trainee(model, flex=needs_flex(setting.device), fixed=setting.compiled)
    passes = [partial(_packed_loss, trainee, row.to(setting.device)) for row in rows]
    return model, partial(_step, setting, optimizer_of(setting, model), passes, sum(row.targets for row in rows))


def padded_side(setting: Setting, found: Sequence[Document], batch: int) -> tuple[Any, Callable[[], float]]:
    """Return the same with batches padded to their longest document, and transformers' own attention and positions."""
    model = model_of(setting)
    use_plain_attention(model)
    use_flat_kernel(model)
    batches = [padded(found[at : at + batch]) for at in range(0, len(found), batch)]
    held = [{name: value.to(setting.device) for name, value in one.items()} for one in batches]
    passes = [partial(_padded_loss, model, one) for one in held]
    targets = sum(int(document.is_target_T.sum()) for document in found)
    return model, partial(_step, setting, optimizer_of(setting, model), passes, targets)


def optimizer_of(setting: Setting, model: Any) -> torch.optim.Optimizer:
    """Return AdamW by the setting's states."""
    if setting.states == "lean":
        return LeanAdamW(model.named_parameters(), lr=RATE)
    return torch.optim.AdamW(model.parameters(), lr=RATE, fused=setting.device.startswith("cuda") or None)


def _step(
    setting: Setting,
    optimizer: torch.optim.Optimizer,
    passes: Sequence[Callable[[], torch.Tensor]],
    targets: int,
) -> float:
    total = 0.0
    for loss_of in passes:
        with torch.autocast(setting.device.split(":")[0], setting.width, enabled=setting.width != torch.float32):
            loss = loss_of() / targets
        torch.autograd.backward(loss)
        total += float(loss.detach())
    torch.nn.utils.clip_grad_norm_([weight for group in optimizer.param_groups for weight in group["params"]], 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def _packed_loss(trainee: Trainee, row: PackedBatch) -> torch.Tensor:
    found: torch.Tensor = trainee(row).losses.sum()
    return found


def _padded_loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    said = {name: value for name, value in batch.items() if name != "labels"}
    hidden_BLC = model.model(**said, use_cache=False)[0]
    predicted_BL = torch.nn.functional.pad(batch["labels"][:, 1:], (0, 1), value=IGNORED)
    found = losses(hidden_BLC.flatten(0, 1), model.lm_head.weight, predicted_BL.flatten(), predicted_BL.flatten())
    return found.sum()


def padded(batch: Sequence[Document]) -> dict[str, torch.Tensor]:
    """Return a batch padded to its longest document, as a collator of transformers' trainers would."""
    shape = (len(batch), max(len(one.tokens_T) for one in batch))
    tokens_BL, seen_BL = torch.full(shape, END), torch.zeros(shape, dtype=torch.long)
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


def trl_side(setting: Setting, found: Sequence[Document], batch: int, folder: str) -> tuple[Any, Callable[[], Any]]:
    """Return TRL's SFTTrainer over the documents; a call trains one step over all of them."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    said = SFTConfig(
        output_dir=folder,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=len(found) // batch,
        max_steps=1,
        learning_rate=RATE,
        use_cpu=not setting.device.startswith("cuda"),
        bf16=setting.width == torch.bfloat16,
        gradient_checkpointing=setting.recompute,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        remove_unused_columns=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    model = built(setting.shape, setting.device, torch.float32)
    use_plain_attention(model)
    trainer = SFTTrainer(
        model=model,
        args=said,
        train_dataset=Dataset.from_list([{"number": number} for number in range(len(found))]),
        data_collator=lambda asked: padded([found[one["number"]] for one in asked]),
        processing_class=_tokenizer(),
    )
    trainer.remove_callback(PrinterCallback)
    return model, trainer.train


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({"<end>": 0, "word": 1}, unk_token="<end>"))
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>", pad_token="<end>")


def release(device: str) -> None:
    """Give back what the side before held, so that the next one's peak is its own."""
    gc.collect()
    torch._dynamo.reset()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
