"""AdamW with weights and moments in bfloat16, rounded stochastically: six bytes a parameter, two for its gradient.

AdamW with a float32 master copy takes 16 bytes a parameter: 153 GiB at 10.3 billion, which no card of 141 GB holds;
this takes 77 GiB. A weight in bfloat16 alone stands still where its step is below half of its last digit; rounded
stochastically, the step survives on average. The cost is noise in the last digit, and the arithmetic of a copy in
float32, made a piece at a time. torchao has such an optimiser; its noise comes from the device's global generator, so
that what a step does would depend on what was drawn before it. Here the noise is keyed by seed, step and place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

PIECE = 1 << 26
"""Elements that are held in float32 at a time."""


class LeanAdamW(torch.optim.Optimizer):
    """Decoupled weight decay and bias correction as torch's AdamW has them, computed in float32.

    Takes (name, parameter) pairs: a name keys the noise of its parameter.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, torch.nn.Parameter]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._seed = seed
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        groups: list[dict[str, Any]] = [{"params": [parameter], "name": name} for name, parameter in named]
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step; parameters without a gradient stay as they are."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            for moment in ("exp_avg", "exp_avg_sq"):
                state[moment] = torch.zeros_like(parameter, dtype=torch.bfloat16)
        state["step"] += 1
        step = int(state["step"])
        noise = _generator(parameter.device, self._seed, step, group["name"], _first_row(parameter))
        whole = (parameter, parameter.grad, state["exp_avg"], state["exp_avg_sq"])
        for weight, grad, mean, square in _pieces(*map(_local, whole)):
            self._piece(weight, grad, mean, square, step, group, noise)

    def _piece(
        self,
        weight: Tensor,
        grad: Tensor,
        mean: Tensor,
        square: Tensor,
        step: int,
        group: dict[str, Any],
        noise: torch.Generator,
    ) -> None:
        beta1, beta2 = group["betas"]
        grad32 = grad.float()
        mean32 = mean.float().lerp_(grad32, 1 - beta1)
        square32 = square.float().mul_(beta2).addcmul_(grad32, grad32, value=1 - beta2)
        spread = (square32 / (1 - beta2**step)).sqrt_().add_(group["eps"])
        weight32 = weight.float().mul_(1 - group["lr"] * group["weight_decay"])
        weight32.addcdiv_(mean32, spread, value=-group["lr"] / (1 - beta1**step))
        for target, value in ((weight, weight32), (mean, mean32), (square, square32)):
            put_rounded(target, value, noise)


def put_rounded(target: Tensor, value32: Tensor, noise: torch.Generator) -> None:
    """Write float32 values into a tensor; into bfloat16, up or down with the odds that keep the mean."""
    if target.dtype != torch.bfloat16:
        target.copy_(value32)
        return
    bits = value32.contiguous().view(torch.int32)
    drawn = torch.randint(0, 1 << 16, bits.shape, dtype=torch.int32, device=bits.device, generator=noise)
    rounded = (bits + drawn).bitwise_and_(-(1 << 16)).view(torch.float32)
    target.copy_(torch.where(value32.isfinite(), rounded, value32))


def _generator(device: torch.device, *key: object) -> torch.Generator:
    digest = sha256(repr(key).encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _first_row(parameter: Tensor) -> int:
    """Return which of the ranks' pieces this is, so that no two draw the same noise."""
    return parameter.device_mesh.get_rank() if isinstance(parameter, DTensor) else 0


def _pieces(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    yield from zip(*(torch.split(tensor.view(-1), PIECE) for tensor in tensors), strict=True)
