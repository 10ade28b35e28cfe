"""What a forward pass writes into modules, and passes in evaluation mode."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase


class Buffers:
    """All buffers of some modules: running statistics, codebooks, the vectors of spectral norm.

    They are written behind autograd's back (`.data`): it refuses a backward pass once BatchNorm's were written, though
    BatchNorm in training mode reads the batch's own statistics.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self._places = [(m._buffers, name, b) for m in modules for name, b in m._buffers.items() if b is not None]
        self._tensors = [b.data for _, _, b in self._places]
        self._solid = [b.layout != torch.strided or not _expanded(b) for b in self._tensors]

    def copy(self) -> list[Tensor]:
        return [owner[name].data.clone() for owner, name, _ in self._places]  # type: ignore[union-attr]

    @torch.no_grad()
    def put(self, values: Sequence[Tensor]) -> None:
        kept: list[tuple[Tensor, Tensor]] = []
        for (owner, name, buffer), tensor, value, solid in zip(
            self._places, self._tensors, values, self._solid, strict=True
        ):
            same = solid and tensor.shape == value.shape  # unlike a mask that grew in the first pass
            if same:
                kept.append((tensor, value))
            owner[name] = buffer if same or torch.equal(tensor, value) else value.clone()  # a module may replace it
        if kept:
            tensors, found = map(list, zip(*kept, strict=True))
            torch._foreach_copy_(tensors, found)


def _expanded(t: Tensor) -> bool:
    """Whether elements share their memory, so that nothing can be written there."""
    return any(step == 0 and n > 1 for step, n in zip(t.stride(), t.shape, strict=True))


def running_statistics(modules: Sequence[nn.Module]) -> list[Tensor]:
    """The running means and variances that a pass in training mode moves, writable though its graph still stands."""
    norms = [m for m in modules if isinstance(m, _NormBase) and m.training and m.track_running_stats]
    return [b.data for m in norms for b in (m.running_mean, m.running_var) if b is not None]


@contextmanager
def evaluation_mode(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Inside, every module is in evaluation mode; afterwards each is in the mode that it was in."""
    training = [m for m in modules if m.training]
    for m in training:
        m.training = False
    try:
        yield
    finally:
        for m in training:
            m.training = True
