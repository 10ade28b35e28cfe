"""The forward passes of one step: the first is an ordinary one, the others leave no trace."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from samo.optim import streams
from samo.optim.batchnorm import evaluation_mode, frozen_statistics, running_statistics
from samo.optim.process_group import ALONE, Ranks

Closure = Callable[[Sequence[int]], Sequence[Tensor] | Tensor]


class LossError(FloatingPointError):
    """Losses that are NaN or infinite; `losses` has them by task, the message names the tasks by number."""

    def __init__(self, losses: Mapping[int, float]) -> None:
        super().__init__("; ".join(f"the loss of task {task} is {loss}" for task, loss in losses.items()))
        self.losses = dict(losses)


def evaluate(closure: Closure, tasks: Sequence[int]) -> list[Tensor]:
    """The losses of these tasks, in this order, each of one element.

    Raises:
        ValueError: another number of losses than tasks, or a loss that is not one number.
    """
    losses = closure(tasks)
    if isinstance(losses, Tensor) and losses.ndim == 0:
        raise ValueError(f"the closure was asked for tasks {list(tasks)} and gave one number: a loss a task is needed")
    if len(losses) != len(tasks):
        raise ValueError(f"the closure was asked for tasks {list(tasks)} and gave {len(losses)} losses")
    for task, loss in zip(tasks, losses, strict=True):
        if loss.numel() != 1:
            raise ValueError(f"the loss of task {task} has shape {tuple(loss.shape)}: one number is needed")
    return [loss.reshape(()) for loss in losses]


def detached(losses: Sequence[Tensor]) -> Tensor:
    """The losses as one tensor without a graph, [K]."""
    return torch.stack([loss.detach() for loss in losses])


class Passes:
    """Asks the closure for losses, and keeps the traces of all passes but the first out of the model.

    Every later pass starts from the random state that the first one started from, so all passes see one dropout mask
    (as far as they run the same modules in the same order), and the state is then put where the first one left it.

    Args:
        closure: tasks -> their losses.
        modules: every module whose mode and buffers a pass may touch.
        device: of the trunk; its random stream is kept beside the CPU's.
        ranks: those whose losses are averaged; each has its own share of the batch, and its own dropout masks.
    """

    def __init__(
        self, closure: Closure, modules: Sequence[nn.Module], device: torch.device, ranks: Ranks = ALONE
    ) -> None:
        self.closure = closure
        self.modules = modules
        self.device = device
        self.ranks = ranks
        self.before = streams.capture(device)

    def first(self, tasks: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        """An ordinary forward pass: it draws from the global stream and moves running statistics.

        Over ranks, statistics that each took of its own share are averaged, so that all networks stay the same.

        Returns:
            The losses with their graph, and their values over all ranks, [len(tasks)].
        """
        with torch.enable_grad():
            losses = evaluate(self.closure, tasks)
        values = detached(losses)
        self.ranks.average_([values, *running_statistics(self.modules)])
        self.check_finite(values, tasks)
        return losses, values

    @contextmanager
    def without_trace(self) -> Iterator[None]:
        """Inside, passes may be repeated; afterwards buffers and random streams are as they were at the entry."""
        after = streams.capture(self.device)
        try:
            with frozen_statistics(self.modules):
                yield
        finally:
            streams.restore(after, self.device)

    def again(self, tasks: Sequence[int]) -> list[Tensor]:
        """A forward pass with a graph, inside `without_trace`."""
        streams.restore(self.before, self.device)
        with torch.enable_grad():
            return evaluate(self.closure, tasks)

    @torch.no_grad()
    def probe(self, tasks: Sequence[int], *, running: bool) -> Tensor:
        """Losses alone over all ranks, [len(tasks)], inside `without_trace`; with `running` in evaluation mode."""
        streams.restore(self.before, self.device)
        with evaluation_mode(self.modules if running else ()):
            return self.ranks.mean(detached(evaluate(self.closure, tasks)))

    def check_finite(self, losses: Tensor, tasks: Sequence[int]) -> None:
        """Raise a LossError that names the tasks whose loss is NaN or infinite."""
        finite = torch.isfinite(losses)
        if not finite.all():
            raise LossError({task: float(loss) for task, loss, ok in zip(tasks, losses, finite, strict=True) if not ok})
