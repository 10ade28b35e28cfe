"""What a dataset gives: tasks, a network, losses, metrics and batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from samo.optim.process_group import Group

Batch = Any
"""Whatever a dataset's own `forward` and `loss` understand, already on the device."""

Values = dict[str, dict[str, float]]
"""Task -> metric -> value."""


@dataclass(frozen=True)
class Metric:
    """One number that is reported for a task; one that does not count is left out of Delta-m, ranks and bold type."""

    task: str
    name: str
    higher_is_better: bool
    unit: str
    counts: bool = True


class Split(Protocol):
    """The examples of one split, served in batches."""

    def __len__(self) -> int:
        """The number of examples."""

    def batches(
        self,
        size: int,
        device: torch.device,
        shuffle: torch.Generator | None = None,
        group: Group | None = None,
    ) -> Iterator[Batch]:
        """Batches of `size` examples on `device`.

        With a generator the order is random and a last, smaller batch is left out (training); without one the
        order is fixed and every example comes once (evaluation).

        With a group, too, each of its ranks gets an equal share of the same random batch (`samo.share_of`); their
        generators must be in the same state, and are so afterwards. Evaluation is not shared.
        """


class Meter(Protocol):
    """Gathers a split's outputs and gives its metrics: over all examples, never a mean of batch means."""

    def update(self, outputs: Mapping[int, Tensor], batch: Batch) -> None:
        """Take the outputs for one batch, by task: of all tasks, or of those that the batch holds."""

    def compute(self) -> Values:
        """The metrics over everything taken so far."""


@dataclass(frozen=True)
class Problem:
    """A dataset with its network, losses, metrics and batches.

    Attributes:
        tasks: the K task names.
        metrics: what is reported, in the order of the tables.
        network: makes a fresh network with attributes `trunk` and `heads`; draws from torch's global generator.
        forward: (network, batch, tasks) -> the outputs of the asked tasks, in the order asked.
        loss: (task, output, batch) -> scalar loss of that task, a mean over the batch.
        meter: makes a fresh meter.
        splits: "train", "val" and "test".
        present: batch -> the tasks that it holds examples of; None where every batch holds all.
        probe: how many training examples the agreement of task gradients is measured on.
        score: metrics on the validation split -> one number, higher is better; what every choice goes by.
    """

    tasks: tuple[str, ...]
    metrics: tuple[Metric, ...]
    network: Callable[[], nn.Module]
    forward: Callable[[nn.Module, Batch, Sequence[int]], Sequence[Tensor]]
    loss: Callable[[int, Tensor, Batch], Tensor]
    meter: Callable[[], Meter]
    splits: Mapping[str, Split]
    score: Callable[[Values], float]
    present: Callable[[Batch], Sequence[int]] | None = None
    probe: int = 500

    @property
    def measures(self) -> tuple[Metric, ...]:
        """The metrics, and each task's loss, which does not count."""
        losses = (Metric(task, "loss", higher_is_better=False, unit="", counts=False) for task in self.tasks)
        return (*self.metrics, *losses)

    def losses(self, network: nn.Module, batch: Batch, tasks: Sequence[int]) -> list[Tensor]:
        """The losses of the asked tasks, in the order asked, as a closure of `MultiTaskUpdate` wants them."""
        outputs = self.forward(network, batch, tasks)
        return [self.loss(i, output, batch) for i, output in zip(tasks, outputs, strict=True)]
