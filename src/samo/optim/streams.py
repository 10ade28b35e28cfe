"""Random streams: the global one left as one ordinary forward pass leaves it, our own for everything else."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

State = tuple[Tensor, Tensor | None]


def capture(device: torch.device) -> State:
    """The state of the global streams that a pass on this device draws from."""
    own = None if device.type == "cpu" else torch.get_device_module(device).get_rng_state(device)
    return torch.get_rng_state(), own


def restore(state: State, device: torch.device) -> None:
    """Put captured states back."""
    cpu, own = state
    torch.set_rng_state(cpu)
    if own is not None:
        torch.get_device_module(device).set_rng_state(own, device)


def seeds(count: int, generator: torch.Generator) -> list[int]:
    """Fresh seeds from a generator: a seed stands for a direction that can be drawn again instead of stored."""
    return torch.randint(2**62, (count,), generator=generator, device=generator.device).tolist()


def stand_at(*numbers: int) -> None:
    """Put the global streams of all devices where these numbers say, other ones for other numbers."""
    digest = hashlib.blake2b(repr(numbers).encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest) >> 1)


@contextmanager
def drawing_from(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, global draws follow the seed; afterwards the global streams are as they were."""
    before = capture(device)
    try:
        torch.default_generator.manual_seed(seed)
        if device.type != "cpu":
            torch.get_device_module(device).manual_seed(seed)
        yield
    finally:
        restore(before, device)
