"""The processes that take one step together: what each of them finds on its share of a batch, as a mean over all.

A loss that is a mean over examples is the mean of the ranks' losses where their shares are of one size, and so is its
gradient. Whatever is not linear in them (a norm, a sign, an aggregator) is made from the means, on every rank alike.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

Group = distributed.ProcessGroup
Examples = TypeVar("Examples", Tensor, NDArray[Any], list[int])


class Ranks:
    """A process group's ranks, or with None this process alone: then nothing is sent, copied or rounded.

    Every rank must make the same calls in the same order. Devices must be ones that the group's backend can send from.
    """

    def __init__(self, group: Group | None = None) -> None:
        self.group = group

    @property
    def number(self) -> int:
        """This process's own among them, from 0; 0 alone."""
        return 0 if self.group is None else self.group.rank()

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replace these by their means over ranks, in place: one message per dtype. NaN on one rank is NaN on all."""
        if self.group is None:
            return
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            some = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.detach().flatten() for tensor in some])
            distributed.all_reduce(flat, group=self.group)
            flat /= self.group.size()
            parts = torch.split(flat, [tensor.numel() for tensor in some])
            with torch.no_grad():
                torch._foreach_copy_(some, [part.view_as(t) for part, t in zip(parts, some, strict=True)])

    def mean(self, values: Tensor) -> Tensor:
        """The mean over ranks; alone, the tensor itself."""
        found = values if self.group is None else values.clone()
        self.average_([found])
        return found

    def anywhere(self, flags: Sequence[bool], device: torch.device) -> list[bool]:
        """Which flags are set on any rank."""
        if self.group is None or not flags:
            return list(flags)
        counts = torch.tensor(flags, dtype=torch.int32, device=device)
        distributed.all_reduce(counts, group=self.group)
        return [count > 0 for count in counts.tolist()]

    def of_first(self, values: Sequence[float], device: torch.device) -> list[float]:
        """The first rank's numbers, on every rank: a choice based on them is then the same on all."""
        if self.group is None:
            return list(values)
        sent = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.broadcast(sent, group=self.group, group_src=0)
        return sent.tolist()

    def check_alike(self, things: Mapping[str, Any], device: torch.device) -> None:
        """On every rank, raise a ValueError naming what is not the same, bit for bit, on all ranks.

        `things` are tensors and plain values in dicts, lists and tuples, by name.
        """
        if self.group is None:
            return
        marks = torch.tensor([_fingerprint(thing) for thing in things.values()], device=device)
        found = [torch.empty_like(marks) for _ in range(self.group.size())]
        distributed.all_gather(found, marks, group=self.group)
        differ = torch.stack([other != found[0] for other in found]).any(0).tolist()
        if names := [name for name, bad in zip(things, differ, strict=True) if bad]:
            apart = " and ".join(names)
            raise ValueError(
                f"the ranks of the group start apart, in {apart}: seed them alike, or load one state on all"
            )


ALONE = Ranks()


def share_of(batch: Examples, group: Group | None) -> Examples:
    """A rank's share of a batch that every rank drew alike: every n-th example or index, from the rank's own number on.

    Raises:
        ValueError: the batch is not divisible by the rank count; means of unequal shares do not average to its mean.
    """
    if group is None:
        return batch
    if len(batch) % group.size():
        raise ValueError(f"a batch of {len(batch)} has no {group.size()} equal shares, one for each rank")
    return batch[group.rank() :: group.size()]


def _fingerprint(thing: Any) -> int:
    """63 bits of a hash of everything in it."""

    def said(part: Any) -> str:
        if isinstance(part, Tensor):
            data = part.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
            return f"{part.dtype} {tuple(part.shape)} {hashlib.blake2b(data).hexdigest()}"
        if isinstance(part, Mapping):
            part = [*part.items()]
        return f"[{','.join(map(said, part))}]" if isinstance(part, list | tuple) else repr(part)

    return int.from_bytes(hashlib.blake2b(said(thing).encode(), digest_size=8).digest()) >> 1


def synchronise(modules: Iterable[nn.Module], group: Group) -> None:
    """Turn every BatchNorm among these into one over the group's ranks, in place, for all who hold it."""
    for module in modules:
        if isinstance(module, _BatchNorm):
            module.__class__ = SyncedBatchNorm
            cast("SyncedBatchNorm", module).group = group


class SyncedBatchNorm(_BatchNorm):
    """A BatchNorm whose batch is that of all ranks; in evaluation mode, and as a copy, an ordinary one.

    `torch.nn.SyncBatchNorm` runs on GPUs only, where this project's tests, which run on a CPU, could not check it.
    """

    group: Group | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A group can be neither copied nor pickled, and the copies that are made of networks are for evaluation.
        return {name: value for name, value in self.__dict__.items() if name != "group"}

    def forward(self, x: Tensor) -> Tensor:
        if self.group is None or not (self.training or self.running_mean is None):
            return super().forward(x)
        axes, shape = [0, *range(2, x.ndim)], [1, -1, *[1] * (x.ndim - 2)]
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
        """Move the running statistics as torch's BatchNorm does, unless the pass must leave no trace."""
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
