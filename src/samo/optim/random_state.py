"""Random state: global generators left as one ordinary forward pass leaves them, and dropout masks drawn again."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

State = tuple[Tensor, Tensor | None]


def capture(device: torch.device) -> State:
    """The state of the global generators that a pass on this device draws from: the CPU's and the device's own."""
    own = None if device.type == "cpu" else torch.get_device_module(device).get_rng_state(device)
    return torch.get_rng_state(), own


def restore(state: State, device: torch.device) -> None:
    """Put captured states back, as far as this device has them."""
    cpu, own = state
    torch.set_rng_state(cpu.cpu())
    if own is not None and device.type != "cpu":
        torch.get_device_module(device).set_rng_state(own.cpu(), device)


def draw_seeds(count: int, generator: torch.Generator) -> list[int]:
    """Fresh seeds from a generator: a seed stands for a direction that can be drawn again instead of stored."""
    return torch.randint(2**62, (count,), generator=generator, device=generator.device).tolist()


def seed_all(*numbers: int) -> None:
    """Seed the global generators of all devices from these numbers; other numbers give other seeds."""
    torch.manual_seed(_seed_of(repr(numbers).encode()))


def generator_like_the_global() -> torch.Generator:
    """A generator seeded from the state of the global one, without drawing from it.

    The same `torch.manual_seed` gives the same generator; another seed, or draws in between, give another.
    """
    return torch.Generator().manual_seed(_seed_of(torch.get_rng_state().numpy().tobytes()))


def _seed_of(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()) >> 1


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, global draws follow the seed; afterwards the global generators are as they were."""
    before = capture(device)
    try:
        torch.default_generator.manual_seed(seed)
        if device.type != "cpu":
            torch.get_device_module(device).manual_seed(seed)
        yield
    finally:
        restore(before, device)


class MaskReplay:
    """Lets a pass for some tasks reuse the dropout masks that they had in the pass for all tasks.

    The random state is recorded at each call of the trunk, of every head and of every dropout module in them, and
    restored at the corresponding call. A head's calls belong to its task. The trunk's serve all tasks (one pass for
    all) or one task each, in the order asked (an input per task); how often it is called for one task tells which.
    Compiled modules are left alone: for them a pass starts from the state that the first one started from. A dropout
    module that several parts share follows the call of the part that it is in.
    """

    def __init__(self, parts: Sequence[object] = ()) -> None:
        self._modules: list[tuple[nn.Module, bool]] = []  # with whether it is the trunk's
        times = Counter(m for part in parts if isinstance(part, nn.Module) for m in part.modules())
        for place, part in enumerate(parts):
            if isinstance(part, nn.Module) and not any(map(_compiled, part.modules())):
                own = [m for m in part.modules() if m is part or (isinstance(m, _DropoutNd) and times[m] == 1)]
                self._modules += [(m, place == 0) for m in own]
        self._shared: dict[int, bool] = {}  # by the place of a trunk's module: whether a call serves all tasks
        self.forget()

    def forget(self) -> None:
        """Start afresh: nothing is replayed before the next `recording`."""
        self._states: list[list[State]] = [[] for _ in self._modules]
        self._jumps: dict[tuple[int, bytes], State] = {}  # by a module's place and the state that its call came upon

    def unknown(self, tasks: int) -> bool:
        """Whether a pass for one task is still needed to tell which tasks the trunk's calls serve."""
        return tasks > 1 and any(
            shared and n not in self._shared and len(self._states[n]) >= tasks
            for n, (_, shared) in enumerate(self._modules)
        )

    @contextmanager
    def recording(self, device: torch.device) -> Iterator[None]:
        self.forget()
        with self._hooked(lambda n: self._states[n].append(capture(device))):
            yield

    @contextmanager
    def replaying(self, group: Sequence[int], tasks: int, device: torch.device) -> Iterator[None]:
        """Inside, a pass for the tasks of these places (of so many) starts each call from its recorded state."""
        calls = [0] * len(self._modules)

        def again(n: int) -> None:
            states, call = self._states[n], calls[n]
            calls[n] += 1
            if self._modules[n][1] and len(states) >= tasks and not self._shared.get(n, False):
                each = len(states) // tasks  # calls for every task
                if call // each < len(group):
                    call = group[call // each] * each + call % each
            if call < len(states):
                self._jumps[n, _bytes(capture(device))] = states[call]
                restore(states[call], device)

        self._jumps.clear()
        with self._hooked(again):
            yield
        if len(group) < tasks:
            for n, count in enumerate(calls):
                self._shared.setdefault(n, count == len(self._states[n]))

    @contextmanager
    def recomputing(self, device: torch.device) -> Iterator[None]:
        """For the backward pass after `replaying`: what a checkpoint runs once more starts from the same states."""

        def again(n: int) -> None:
            if (state := self._jumps.get((n, _bytes(capture(device))))) is not None:
                restore(state, device)

        with self._hooked(again):
            yield

    @contextmanager
    def _hooked(self, before_call: Callable[[int], None]) -> Iterator[None]:
        with ExitStack() as hooks:
            for n, (module, _) in enumerate(self._modules):
                handle = module.register_forward_pre_hook(lambda *_, n=n: before_call(n), prepend=True)
                hooks.callback(handle.remove)
            yield


def _compiled(module: nn.Module) -> bool:
    return hasattr(module, "_orig_mod") or module._compiled_call_impl is not None


def _bytes(state: State) -> bytes:
    return b"".join(part.cpu().numpy().tobytes() for part in state if part is not None)
