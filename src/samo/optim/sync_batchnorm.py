"""BatchNorm over the examples of all ranks, on any device and backend.

`torch.nn.SyncBatchNorm` does this on GPUs only; what cannot run on a CPU, no test of this project would see.
"""

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from samo.optim.process_group import Group


def synchronise(modules: Iterable[nn.Module], group: Group) -> None:
    """Turn every BatchNorm among these into one over the group's ranks, where it stands: whoever holds it sees it."""
    for module in modules:
        if isinstance(module, _BatchNorm):
            module.__class__ = SyncedBatchNorm
            cast("SyncedBatchNorm", module).group = group


class SyncedBatchNorm(_BatchNorm):
    """A BatchNorm whose batch is that of all ranks; in evaluation mode, and as a copy, an ordinary one."""

    group: Group | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A group can be neither copied nor pickled, and the copies that are made of networks are for evaluation.
        return {name: value for name, value in self.__dict__.items() if name != "group"}

    def forward(self, x: Tensor) -> Tensor:
        if self.group is None or not (self.training or self.running_mean is None):
            return super().forward(x)
        axes = [d for d in range(x.ndim) if d != 1]
        shape = [-1 if d == 1 else 1 for d in range(x.ndim)]
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        count = wide.new_full((1,), wide.numel() / wide.shape[1])
        sums = _sum(torch.cat([wide.sum(axes), count]), self.group)
        n = sums[-1].detach()
        mean = sums[:-1] / n
        centred = wide - mean.view(shape)
        variance = _sum(centred.square().sum(axes), self.group) / n
        self._remember(mean.detach(), variance.detach() * (n / (n - 1)))
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        found: Tensor = normal.to(x.dtype)
        return found

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics as torch's BatchNorm does; not where a pass may leave no trace."""
        if not (self.training and self.track_running_stats and self.running_mean is not None):
            return
        assert self.num_batches_tracked is not None
        assert self.running_var is not None
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        self.running_var.lerp_(variance.to(self.running_var), share)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"BatchNorm takes [N, C, ...], got {input.ndim} dimension(s)")


class _Sum(torch.autograd.Function):
    """The sum over ranks; as every rank's loss depends on it, its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Group) -> Tensor:
        ctx.group = group
        total = x.clone()
        distributed.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _sum(grads[0].contiguous(), ctx.group), None


def _sum(x: Tensor, group: Group) -> Tensor:
    total: Tensor = _Sum.apply(x, group)  # type: ignore[no-untyped-call]
    return total
