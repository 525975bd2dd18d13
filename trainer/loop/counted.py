"""What is counted over rows: losses by kind, targets, tokens and the room for them, documents, operations."""

from __future__ import annotations

import torch

from schemas.kind import KINDS
from trainer.loop.parallel import Ranks
from trainer.model.forward import Passed
from trainer.model.pack import PackedBatch


class Counted:
    """Sums over rows, and of each row which documents it held and what it lost."""

    def __init__(self) -> None:
        self.loss, self.targets, self.documents, self.tokens, self.room, self.operations = 0.0, 0, 0, 0, 0, 0.0
        self.by_kind: dict[str, tuple[float, int]] = {}
        self.rows: list[tuple[str, ...]] = []
        self.losses: list[str] = []

    def add(self, row: PackedBatch, passed: Passed, operations: float) -> None:
        loss = float(passed.losses.sum().detach())
        self.rows.append(row.keys)
        self.losses.append(repr(loss))
        self.loss += loss
        self.targets += row.targets
        self.documents += len(row.keys)
        self.tokens += int(row.ends_D1[len(row.keys)])
        self.room += row.tokens_BL.shape[1]
        self.operations += operations
        for kind, (sum_, count) in passed.losses.by_kind(row.kinds).items():
            before = self.by_kind.get(kind, (0.0, 0))
            self.by_kind[kind] = (before[0] + sum_, before[1] + count)

    def over(self, among: Ranks) -> Counted:
        """Return the sums over all ranks."""
        flat = [self.loss, self.targets, self.documents, self.tokens, self.room, self.operations]
        for kind in KINDS:
            flat += self.by_kind.get(kind, (0.0, 0))
        sums = among.total(torch.tensor(flat, dtype=torch.float64)).tolist()
        whole = Counted()
        whole.loss, whole.operations = sums[0], sums[5]
        whole.targets, whole.documents, whole.tokens, whole.room = map(int, sums[1:5])
        pairs = zip(sums[6::2], map(int, sums[7::2]), strict=True)
        whole.by_kind = dict(zip(KINDS, pairs, strict=True))
        return whole

    @property
    def loss_by_kind(self) -> dict[str, float]:
        """The mean loss over the targets of each kind that has any."""
        return {kind: loss / count for kind, (loss, count) in self.by_kind.items() if count}

    @property
    def targets_by_kind(self) -> dict[str, int]:
        """The count of targets of each kind that has any."""
        return {kind: count for kind, (_, count) in self.by_kind.items() if count}
