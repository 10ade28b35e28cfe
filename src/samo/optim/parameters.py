"""The weights of a multi-task network, a trunk that all tasks share and a head per task; and their `.grad`."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

Part = nn.Module | Iterable[Tensor]
Heads = Mapping[str, Part] | nn.ModuleDict | Iterable[Part]


@dataclass(frozen=True)
class Trainable:
    """The parameters that a step may fill, each with its name: the trunk's, and those of some tasks' heads.

    `tasks` holds these heads' indices among all heads.
    """

    tasks: list[int]
    trunk: dict[str, Tensor]
    heads: list[dict[str, Tensor]]

    @cached_property
    def shared(self) -> list[Tensor]:
        return list(self.trunk.values())

    @cached_property
    def own(self) -> list[Tensor]:
        """The heads' parameters in one list."""
        return [p for head in self.heads for p in head.values()]

    @cached_property
    def owner(self) -> list[int]:
        """The place of the head that each parameter of `own` belongs to."""
        return [n for n, head in enumerate(self.heads) for _ in head]

    def by_part(self) -> list[tuple[str, dict[str, Tensor]]]:
        """The trunk, then every head, each with a name of its own."""
        return [("trunk", self.trunk), *((f"head {i}", head) for i, head in zip(self.tasks, self.heads, strict=True))]

    def only(self, places: Sequence[int]) -> "Trainable":
        """The trunk with the heads at these places."""
        return Trainable([self.tasks[n] for n in places], self.trunk, [self.heads[n] for n in places])


def widest(params: Iterable[Tensor]) -> torch.dtype:
    """The dtype that holds all of these, of 32 bits or more; frozen ones of one byte or complex ones do not count."""
    counted = {p.dtype for p in params if p.element_size() > 1 and not p.is_complex()}
    return functools.reduce(torch.promote_types, counted, torch.float32)


class TrunkAndHeads:
    """Trunk and heads, checked once. A trunk weight that a head also holds (tied weights) is the trunk's.

    Parameters without a module are named "0", "1", ...; a pass may touch the modules of `network`, by default those
    among trunk and heads.

    Raises:
        ValueError: no trunk parameter, no head, a parameter that two heads share or that is given twice.
    """

    def __init__(self, trunk: Part, heads: Heads, network: nn.Module | None = None) -> None:
        if not isinstance(heads, Iterable):
            raise ValueError(f"heads must be one module per task, in a list or a dict, got a {type(heads).__name__}")
        by_task = dict(heads.items() if isinstance(heads, Mapping | nn.ModuleDict) else enumerate(heads))
        self.tasks: list[Any] = list(by_task)
        self.trunk = _named(trunk, "the trunk")
        if not self.trunk:
            raise ValueError("the trunk has no parameters")
        if not by_task:
            raise ValueError("there are no heads: one per task is needed, () for a task without weights of its own")
        taken = {id(p): "the trunk" for p in self.trunk.values()}
        self.heads: list[dict[str, Tensor]] = []
        for task, part in by_task.items():
            own = {n: p for n, p in _named(part, f"head {task}").items() if taken.get(id(p)) != "the trunk"}
            for name, p in own.items():
                if id(p) in taken:
                    raise ValueError(
                        f"head {task} holds {name}, a parameter of {taken[id(p)]}: what is shared is trunk"
                    )
                taken[id(p)] = f"head {task}"
            self.heads.append(own)
        self.parts: list[Any] = [trunk, *by_task.values()]
        found = [network] if network is not None else [part for part in self.parts if isinstance(part, nn.Module)]
        self.modules = list(dict.fromkeys(module for part in found for module in part.modules()))

    @property
    def all(self) -> list[Tensor]:
        return [*self.trunk.values(), *(p for head in self.heads for p in head.values())]

    @property
    def device(self) -> torch.device:
        return next(iter(self.trunk.values())).device

    def places(self, tasks: Iterable[Any]) -> list[int]:
        """The numbers of these tasks, given by name or by number.

        Raises:
            ValueError: there is no such task, or one twice.
        """
        found = []
        for task in tasks:
            if task not in self.tasks or self.tasks.index(task) in found:
                raise ValueError(f"tasks: {task!r} is unknown or there twice: some of {self.tasks}")
            found.append(self.tasks.index(task))
        return sorted(found)

    def trainable(self) -> Trainable:
        """What is not frozen at this moment.

        Raises:
            ValueError: the whole trunk is frozen, or a parameter is complex or on another device.
        """
        trunk = {name: p for name, p in self.trunk.items() if p.requires_grad}
        heads = [{name: p for name, p in head.items() if p.requires_grad} for head in self.heads]
        if not trunk:
            raise ValueError("every parameter of the trunk is frozen")
        for name, p in [*trunk.items(), *(item for head in heads for item in head.items())]:
            if p.is_complex():
                raise ValueError(f"{name} is {p.dtype}: complex parameters are not supported, keep two real ones")
            if p.device != self.device:
                raise ValueError(f"{name} is on {p.device}, the trunk on {self.device}: one device is supported")
        return Trainable(list(range(len(heads))), trunk, heads)


def _named(part: Part, whose: str) -> dict[str, Tensor]:
    if isinstance(part, nn.Module):  # a compiled module has the names of the one that it wraps
        return {name.replace("_orig_mod.", ""): p for name, p in part.named_parameters()}
    params = list(part)
    if len({id(p) for p in params}) < len(params):
        raise ValueError(f"{whose} is given one parameter twice")
    return {str(n): p for n, p in enumerate(params)}


@contextmanager
def fresh_grads(params: Sequence[Tensor]) -> Iterator[None]:
    """Inside, `.grad` is empty; at the end what was there is added, or put back after an error. Hooks see it once."""
    found: list[Tensor | None] = [p.grad for p in params]
    hooks: list[dict[int, Any]] = [p._post_accumulate_grad_hooks or {} for p in params]
    kept = [dict(own) for own in hooks]
    for p, own in zip(params, hooks, strict=True):
        p.grad = None
        own.clear()
    try:
        yield
    except BaseException:
        for p, grad in zip(params, found, strict=True):
            p.grad = grad
        raise
    finally:
        for own, before in zip(hooks, kept, strict=True):
            own.update(before)
    for p, grad, own in zip(params, found, kept, strict=True):
        if grad is not None:
            p.grad = grad if p.grad is None else grad.add_(p.grad)
        for hook in own.values() if p.grad is not None else ():
            hook(p)


def fill_grad(p: Tensor, grad: Tensor) -> None:
    """Set `p.grad`, in the dtype and the memory format of p: fused optimisers read both as they lie in memory."""
    as_it_is = grad.dtype == p.dtype and grad.stride() == p.stride()
    p.grad = grad if as_it_is else torch.empty_like(p, requires_grad=False).copy_(grad)


def spoil(params: Iterable[Tensor]) -> None:
    """Fill each `.grad` that is finite, or none, with NaN."""
    for p in params:
        if p.grad is None or bool(torch.isfinite(p.grad).all()):
            p.grad = torch.full_like(p, torch.nan, requires_grad=False)
