"""The processes that take one step together: what each of them finds on its share of a batch, as a mean over all.

A loss that is a mean over examples is the mean of the ranks' losses where their shares are of one size, and so is its
gradient. Whatever is not linear in them (a norm, a sign, an aggregator) is made from the means, on every rank alike.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

Group = distributed.ProcessGroup
Examples = TypeVar("Examples", Tensor, NDArray[Any], list[int])


class Ranks:
    """A process group's ranks, or with None this process alone: then nothing is sent, copied or rounded.

    Every rank must make the same calls in the same order; one that raises in between leaves the others waiting until
    the group's timeout, or until torchrun ends them.
    """

    def __init__(self, group: Group | None = None) -> None:
        self.group = group

    @property
    def number(self) -> int:
        """This process's own among them, from 0; 0 alone."""
        return 0 if self.group is None else self.group.rank()

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replace these by their means over ranks, in place: one message a dtype. NaN on one rank is NaN on all."""
        if self.group is None:
            return
        alike: defaultdict[tuple[torch.dtype, torch.device], list[Tensor]] = defaultdict(list)
        for tensor in tensors:
            alike[tensor.dtype, tensor.device].append(tensor)
        for some in alike.values():
            flat = torch.cat([tensor.detach().flatten() for tensor in some])
            distributed.all_reduce(flat, group=self.group)
            flat /= self.group.size()
            parts = torch.split(flat, [tensor.numel() for tensor in some])
            with torch.no_grad():
                torch._foreach_copy_(some, [part.view_as(t) for part, t in zip(parts, some, strict=True)])

    def mean(self, values: Tensor) -> Tensor:
        """The mean over ranks; alone, the very tensor."""
        if self.group is not None:
            values = values.clone()
            self.average_([values])
        return values

    def anywhere(self, flags: Sequence[bool], device: torch.device) -> list[bool]:
        """Which flags are set on any rank."""
        if self.group is None or not flags:
            return list(flags)
        counts = torch.tensor(flags, dtype=torch.int32, device=device)
        distributed.all_reduce(counts, group=self.group)
        return [count > 0 for count in counts.tolist()]

    def of_first(self, values: Sequence[float], device: torch.device) -> list[float]:
        """The first rank's numbers, on every rank: a choice that goes by them is then the same on all.

        Args:
            values: as many on each.
            device: one that the group's backend sends from.
        """
        if self.group is None:
            return list(values)
        sent = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.broadcast(sent, group=self.group, group_src=0)
        return sent.tolist()

    def check_alike(self, things: Mapping[str, Any], device: torch.device) -> None:
        """Raise a ValueError on every rank that names what is not the same, bit for bit, on all of them.

        Args:
            things: name -> tensors and plain values in dicts, lists and tuples.
            device: one that the group's backend sends from.
        """
        if self.group is None:
            return
        marks = torch.tensor([_fingerprint(thing) for thing in things.values()], device=device)
        found = [torch.empty_like(marks) for _ in range(self.group.size())]
        distributed.all_gather(found, marks, group=self.group)
        differ = torch.stack([other != found[0] for other in found]).any(0).tolist()
        if names := [name for name, bad in zip(things, differ, strict=True) if bad]:
            raise ValueError(
                f"the ranks of the group start apart, in {' and '.join(names)}: "
                "seed them alike, or load one state on all of them"
            )


ALONE = Ranks()


def share_of(batch: Examples, group: Group | None) -> Examples:
    """A rank's share of a batch that every rank drew alike: each n-th example or index, from the rank's own place.

    Raises:
        ValueError: the batch does not divide by the number of ranks; means of unequal shares are no mean of the batch.
    """
    if group is None:
        return batch
    if len(batch) % group.size():
        raise ValueError(f"a batch of {len(batch)} has no {group.size()} equal shares, one for each rank")
    return batch[group.rank() :: group.size()]


def _fingerprint(thing: Any) -> int:
    """63 bits of a hash of everything in it."""
    digest = hashlib.blake2b(digest_size=8)

    def take(part: Any) -> None:
        if isinstance(part, Tensor):
            take((part.dtype, tuple(part.shape)))
            digest.update(part.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        elif isinstance(part, Mapping):
            take(list(part.items()))
        elif isinstance(part, list | tuple):
            digest.update(f"{len(part)}:".encode())
            for one in part:
                take(one)
        else:
            digest.update(f"{part!r},".encode())

    take(thing)
    return int.from_bytes(digest.digest()) >> 1
