"""The optimiser, and its learning rate over a training: the papers' schedules, and one for short budgets."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn
from torch.optim import SGD, Adam, NAdam, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR, ReduceLROnPlateau, StepLR

from samo.training.settings import Named, Training

WARM_UP = 0.1
"""The share of the updates in which the schedule "onecycle" goes up."""


def make_optimizer(learned: Iterable[nn.Parameter], lr: float, weight_decay: float, kind: Named) -> Optimizer:
    """The optimiser that a block of params.yaml names, over all that is learned.

    One for trunk and heads: each kind works coordinate by coordinate, so F-MTL's two Adams of the same settings, one
    for the trunk and one for the heads, equal this one.
    """
    common: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay}
    if kind.name == "sgd":
        return SGD(learned, momentum=kind.momentum, nesterov=kind.nesterov, **common)
    if kind.name == "nadam":
        return NAdam(learned, momentum_decay=kind.momentum_decay, **common)
    return Adam(learned, **common)


class Schedule:
    """Moves an optimiser's learning rate; see `samo.training.settings.Training.schedule`.

    Args:
        optimizer: its learning rate at the start is the one that was searched (for "onecycle", the peak).
        training: which schedule, and its numbers.
        updates: of this training.
    """

    def __init__(self, optimizer: Optimizer, training: Training, updates: int) -> None:
        self._inner: LRScheduler | None = None
        self.needs_score = training.schedule == "plateau"
        if training.schedule == "onecycle":
            self._inner = LambdaLR(optimizer, lambda update: onecycle(update, updates))
        elif training.schedule == "step":
            self._inner = StepLR(optimizer, training.step_updates, training.step_factor)
        elif training.schedule == "multistep":
            self._inner = MultiStepLR(optimizer, training.milestones, training.milestone_factor)
        elif training.schedule == "plateau":
            factor, patience = training.plateau_factor, training.patience
            self._inner = ReduceLROnPlateau(optimizer, "max", factor, patience, min_lr=training.min_lr)

    def after_update(self) -> None:
        if self._inner is not None and not self.needs_score:
            self._inner.step()

    def after_evaluation(self, score: float) -> None:
        """Call it with the validation score (higher is better), where `needs_score`."""
        if isinstance(self._inner, ReduceLROnPlateau):
            self._inner.step(score)

    def state_dict(self) -> dict[str, Any]:
        return {} if self._inner is None else self._inner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` gave.

        Raises:
            ValueError: it is the state of another schedule.
        """
        if set(state) != set(self.state_dict()):
            raise ValueError("the state is that of another schedule")
        if self._inner is not None:
            self._inner.load_state_dict(dict(state))


def onecycle(update: int, total: int) -> float:
    """The share of the peak at an update: a linear rise over `WARM_UP` of them, then a cosine down to zero."""
    done = min(1.0, (update + 1) / total)
    return done / WARM_UP if done < WARM_UP else (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))) / 2
