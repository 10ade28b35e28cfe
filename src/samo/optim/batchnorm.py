"""Running statistics that a pass uses but does not move, and passes in evaluation mode."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase


@contextmanager
def frozen_statistics(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Inside, BatchNorm in training mode normalises by the batch and writes nothing.

    The flag is what PyTorch itself looks at before it writes; a momentum of 0, the usual way, still counts batches
    and turns an infinite batch variance into a NaN. Other modules' buffers (InstanceNorm's statistics, spectral
    norm's vectors, a user's own) may be written inside, and are put back afterwards.
    """
    norms = [m for m in modules if isinstance(m, _BatchNorm) and m.track_running_stats]
    others = [
        (m._buffers, name, buffer, buffer.clone())
        for m in modules
        if not isinstance(m, _BatchNorm)
        for name, buffer in m._buffers.items()
        if buffer is not None
    ]
    for m in norms:
        m.track_running_stats = False
    try:
        yield
    finally:
        for m in norms:
            m.track_running_stats = True
        for owner, name, buffer, value in others:
            owner[name] = buffer.copy_(value)


def running_statistics(modules: Sequence[nn.Module]) -> list[Tensor]:
    """The running means and variances that a pass in training mode moves, writable though its graph still stands.

    Autograd keeps BatchNorm's buffers and refuses a backward pass once they were written, though in training mode it
    reads the batch's own statistics: hence `.data`.
    """
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
