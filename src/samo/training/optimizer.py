"""What turns the gradients of a step into new weights."""

from collections.abc import Iterable

from torch import nn
from torch.optim import SGD, Adam, Optimizer

from samo.training.settings import Training


def make_optimizer(learned: Iterable[nn.Parameter], lr: float, training: Training) -> Optimizer:
    """The optimiser that `samo.training.settings.Training.optimizer` names, over all that is learned.

    One for trunk and heads: Adam and SGD go coordinate by coordinate, so F-MTL's two Adams of the same settings, one
    for each, are this one.
    """
    if training.optimizer == "sgd":
        return SGD(learned, lr=lr, momentum=training.momentum, weight_decay=training.weight_decay)
    return Adam(learned, lr=lr, weight_decay=training.weight_decay)
