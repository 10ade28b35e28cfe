"""The optimiser, and its learning rate over a training: the papers' schedules, and one for short budgets."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR, ReduceLROnPlateau, StepLR

from samo.training.settings import Training

WARM_UP = 0.1
"""The share of the steps in which the schedule "onecycle" goes up."""


def make_optimizer(learned: Iterable[nn.Parameter], lr: float, training: Training) -> Optimizer:
    """The optimiser that `samo.training.settings.Training.optimizer` names, over all that is learned.

    One for trunk and heads: Adam and SGD go coordinate by coordinate, so F-MTL's two Adams of the same settings, one
    for each, are this one.
    """
    if training.optimizer == "sgd":
        return SGD(learned, lr=lr, momentum=training.momentum, weight_decay=training.weight_decay)
    return Adam(learned, lr=lr, weight_decay=training.weight_decay)


class Schedule:
    """Moves an optimiser's learning rate; see `samo.training.settings.Training.schedule`.

    Args:
        optimizer: its learning rate at the start is the one that was searched (for "onecycle", the peak).
        training: which schedule, and its numbers.
        epochs: of this training.
        steps: an epoch.
    """

    def __init__(self, optimizer: Optimizer, training: Training, epochs: int, steps: int) -> None:
        self._by_step: LRScheduler | None = None
        self._by_epoch: LRScheduler | None = None
        self._by_score: ReduceLROnPlateau | None = None
        if training.schedule == "onecycle":
            self._by_step = LambdaLR(optimizer, lambda step: onecycle(step, epochs * steps))
        elif training.schedule == "step":
            self._by_epoch = StepLR(optimizer, training.step_epochs, training.step_factor)
        elif training.schedule == "multistep":
            self._by_epoch = MultiStepLR(optimizer, training.milestones, training.milestone_factor)
        elif training.schedule == "plateau":
            self._by_score = ReduceLROnPlateau(
                optimizer, "max", training.plateau_factor, training.patience, min_lr=training.min_lr
            )

    @property
    def needs_score(self) -> bool:
        """Whether each epoch's validation score is wanted."""
        return self._by_score is not None

    def after_step(self) -> None:
        """Call it after each update."""
        if self._by_step is not None:
            self._by_step.step()

    def after_epoch(self, score: float) -> None:
        """Call it after each epoch, with the validation score where it is wanted (higher is better)."""
        if self._by_epoch is not None:
            self._by_epoch.step()
        if self._by_score is not None:
            self._by_score.step(score)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs beside the optimiser's state."""
        return {} if (inner := self._inner) is None else inner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` gave.

        Raises:
            ValueError: it is the state of another schedule.
        """
        if set(state) != set(self.state_dict()):
            raise ValueError("the state is that of another schedule")
        if (inner := self._inner) is not None:
            inner.load_state_dict(dict(state))

    @property
    def _inner(self) -> LRScheduler | None:
        return self._by_step or self._by_epoch or self._by_score


def onecycle(step: int, total: int) -> float:
    """The share of the peak at a step: up along a line over `WARM_UP` of the steps, then to zero along a cosine."""
    done = min(1.0, (step + 1) / total)
    return done / WARM_UP if done < WARM_UP else (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))) / 2
