"""The task losses of one step: its first pass is an ordinary one, the others leave no trace."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from samo.optim.buffers import Buffers, evaluation_mode, running_statistics
from samo.optim.process_group import ALONE, Ranks
from samo.optim.random_state import MaskReplay, capture, restore

Task = int | str
Closure = Callable[[Any], Sequence[Tensor | None] | Mapping[Any, Tensor | None] | Tensor]


class LossError(FloatingPointError):
    """Losses that are NaN or infinite; `losses` has them by task, the message names the tasks and the pass."""

    def __init__(self, losses: Mapping[Task, float], where: str = "") -> None:
        super().__init__("; ".join(f"the loss of task {task} is {loss}{where}" for task, loss in losses.items()))
        self.losses = dict(losses)


def evaluate(closure: Closure, tasks: Sequence[Task]) -> list[Tensor | None]:
    """The losses of these tasks, in this order, each of one element; None for a task that has none this time.

    Raises:
        ValueError: other tasks than those asked for, or a loss that is not one real number.
        TypeError: a loss that is not a tensor.
    """
    found, asked = closure(tasks), f"the closure was asked for the losses of tasks {list(tasks)} and gave"
    if isinstance(found, Mapping):
        if set(found) != set(tasks):
            raise ValueError(f"{asked} those of {list(found)}")
        found = [found[task] for task in tasks]
    if not isinstance(found, Tensor | Sequence):
        raise TypeError(f"{asked} {type(found).__name__}: a list, a dict by task, or a tensor [tasks] is needed")
    if isinstance(found, Tensor) and found.ndim == 0:
        raise ValueError(f"{asked} one number: a loss per task is needed")
    if len(found) != len(tasks):
        raise ValueError(f"{asked} {len(found)} losses")
    for task, loss in zip(tasks, found, strict=True):
        if not isinstance(loss, Tensor | None):
            raise TypeError(f"the loss of task {task} is a {type(loss).__name__}: a tensor of one number is needed")
        if loss is not None and (loss.numel() != 1 or loss.is_complex()):
            kind = "complex" if loss.is_complex() else f"of shape {tuple(loss.shape)}"
            raise ValueError(f"the loss of task {task} is {kind}: one real number is needed")
    return [None if loss is None else loss.reshape(()) for loss in found]


class First(NamedTuple):
    """What the first pass gave, for the tasks with a loss: `places` are their indices among those asked for.

    `losses` are scaled and keep their graph, `values` [K] are over all ranks, in the closure's unit.
    """

    losses: list[Tensor]
    values: Tensor
    places: list[int]


@dataclass
class TaskLosses:
    """The losses l_i as functions of the weights, for the passes of one step.

    A later pass starts from the random state and the buffers that the first one started from, so that a pass at the
    same weights gives the same losses, dropout included. A probe with running statistics sees the buffers that the
    first pass left. An autocast around the step holds inside the closure alone, without its cache of weights.

    Attributes:
        tasks: what the closure is asked for. In this class a task is its index among them; those without a loss in
            the first pass are dropped.
        modules: every module whose mode and buffers a pass may touch.
        device: of the trunk; its random state is kept beside the CPU's.
        scale: what losses are multiplied by before their gradient is taken (that of a gradient scaler).
        owned: the parameters of trunk and heads; where given, the losses may depend on no others.
        strict: whether a gradient that is not finite is an error.
    """

    closure: Closure
    tasks: Sequence[Task]
    modules: Sequence[nn.Module]
    device: torch.device
    ranks: Ranks = ALONE
    replay: MaskReplay = field(default_factory=MaskReplay)
    scale: float = 1.0
    owned: Collection[Tensor] | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        self.before = self._after = capture(self.device)
        self._draws = True
        self._buffers = Buffers(self.modules)
        self._buffers_before = self._buffers_after = self._buffers.copy()
        kinds = [kind for kind in dict.fromkeys(("cpu", self.device.type)) if torch.is_autocast_enabled(kind)]
        self._autocast = {kind: torch.get_autocast_dtype(kind) for kind in kinds}

    def first(self, *, replayed: bool = False) -> First:
        """An ordinary forward pass: it draws from the global generators and moves running statistics, means over ranks.

        With `replayed`, later passes may ask for some of the tasks.
        """
        self.replay.forget()  # a pass that is not recorded must not replay what an earlier step recorded
        with torch.enable_grad(), self.replay.recording(self.device) if replayed else nullcontext():
            found = self._call(self.tasks)
        self._after = capture(self.device)
        self._draws = not all(a is None or torch.equal(a, b) for a, b in zip(self.before, self._after, strict=True))  # type: ignore[arg-type]
        places = self._present(found)
        losses = [loss for loss in found if loss is not None]
        if self.owned is not None:
            check_owned(losses, self.owned)
        values = detached(losses)
        self.ranks.average_([values, *running_statistics(self.modules)])
        self._buffers_after = self._buffers.copy()
        if replayed and self._draws and self.replay.unknown(len(places)):
            with self.without_trace():
                self.values([len(places) - 1])
        return First(self._scaled(losses), values, places)

    @contextmanager
    def without_trace(self) -> Iterator[None]:
        """Inside, passes may be repeated; afterwards buffers and random state are as the first pass left them."""
        try:
            yield
        finally:
            self._buffers.put(self._buffers_after)
            restore(self._after, self.device)

    def backward(self) -> AbstractContextManager[None]:
        """Around the backward pass of what `again` gave: what a checkpoint computes once more has the same masks."""
        return self.replay.recomputing(self.device) if self._draws else nullcontext()

    @contextmanager
    def autocast(self, enabled: bool) -> Iterator[None]:
        """Turn the autocast around the step on or off, without the weights of earlier passes in its cache."""
        torch.clear_autocast_cache()
        with ExitStack() as stack:
            for kind, dtype in self._autocast.items():
                stack.enter_context(torch.autocast(kind, dtype, enabled=enabled))
            try:
                yield
            finally:
                torch.clear_autocast_cache()

    @torch.enable_grad()
    def again(self, group: Sequence[int]) -> list[Tensor]:
        """A forward pass with a graph for the tasks of these places, inside `without_trace`; the losses are scaled."""
        return self._scaled(self._repeated(group, self._buffers_before))

    @torch.no_grad()
    def values(self, group: Sequence[int], *, running: bool = False) -> Tensor:
        """Losses alone over all ranks, [len(group)], inside `without_trace`; with `running` in evaluation mode."""
        with evaluation_mode(self.modules if running else ()):
            found = self._repeated(group, self._buffers_after if running else self._buffers_before)
        return self.ranks.mean(detached(found))

    def check(self, values: Tensor, group: Sequence[int], *, gradient: bool = True, where: str = "") -> None:
        """Raise a LossError that names the tasks whose loss is NaN or infinite.

        Args:
            gradient: whether these tasks' gradient is finite. If not, nothing is raised unless `strict`, and then a
                FloatingPointError even if all losses are finite.
        """
        if not gradient and not self.strict:
            return
        if not torch.isfinite(values).all():
            found = zip(group, values.tolist(), strict=True)
            raise LossError({self.tasks[n]: value for n, value in found if not math.isfinite(value)}, where)
        if not gradient:
            names = ", ".join(str(self.tasks[n]) for n in group)
            raise FloatingPointError(f"a gradient of task {names} is not finite{where}")

    def _repeated(self, group: Sequence[int], buffers: Sequence[Tensor]) -> list[Tensor]:
        self._buffers.put(buffers)
        if self._draws:
            restore(self.before, self.device)
        with self.replay.replaying(group, len(self.tasks), self.device) if self._draws else nullcontext():
            found = self._call([self.tasks[n] for n in group])
        missing = [self.tasks[n] for n, loss in zip(group, found, strict=True) if loss is None]
        if missing:
            raise ValueError(f"the closure gave no loss for {missing}, which had one in the step's first pass")
        return [loss for loss in found if loss is not None]

    def _call(self, tasks: Sequence[Task]) -> list[Tensor | None]:
        with self.autocast(True):
            return evaluate(self.closure, list(tasks))

    @torch.enable_grad()
    def _scaled(self, losses: list[Tensor]) -> list[Tensor]:
        return losses if self.scale == 1 else [loss.float() * self.scale for loss in losses]

    def _present(self, found: Sequence[Tensor | None]) -> list[int]:
        """The places of the tasks with a loss, on all ranks the same; the others are forgotten."""
        absent = [loss is None for loss in found]
        trains = any(loss is not None and loss.requires_grad for loss in found)
        *anywhere, trains = self.ranks.anywhere([*absent, trains], self.device)
        if anywhere != absent:
            raise ValueError("the ranks of the group have no loss for different tasks: leave out the same on all")
        places = [n for n, out in enumerate(absent) if not out]
        if not places:
            raise ValueError(f"the closure gave no loss for any of the tasks {list(self.tasks)}")
        if not trains:
            raise ValueError("no loss depends on the weights")
        self.tasks = [self.tasks[n] for n in places]
        return places


def detached(losses: Sequence[Tensor]) -> Tensor:
    """The losses as one tensor without a graph, [K]."""
    return torch.stack([loss.detach() for loss in losses])


def check_owned(losses: Sequence[Tensor], owned: Collection[Tensor]) -> None:
    """Raise a ValueError for what would never train: a parameter not among these, or one in a reentrant checkpoint.

    Such a checkpoint hides the weights inside it from a gradient that is asked for by weight.
    """
    known = {id(p) for p in owned}
    nodes = [loss.grad_fn for loss in losses if loss.grad_fn is not None]
    seen, reached, reentrant = set(nodes), set[int](), False
    while nodes:
        node = nodes.pop()
        reentrant |= type(node).__name__ == "CheckpointFunctionBackward"
        leaf = getattr(node, "variable", None)
        reached.add(id(leaf))
        if isinstance(leaf, nn.Parameter) and id(leaf) not in known:
            raise ValueError(
                f"a parameter of shape {tuple(leaf.shape)} is in neither trunk nor heads: add or freeze it"
            )
        new = {following for following, _ in node.next_functions if following is not None} - seen
        seen |= new
        nodes += new
    if reentrant and any(p.requires_grad and id(p) not in reached for p in owned):
        raise ValueError("torch.utils.checkpoint with use_reentrant=True hides weights: pass use_reentrant=False")
