"""Everything that a training's next pass depends on, as tensors and plain numbers, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from samo.optim import random_state
from samo.optim.update import MultiTaskUpdate
from samo.training.agreement import Agreement, LayerCosine
from samo.training.schedule import Schedule

State = dict[str, Any]
"""Tensors, numbers and text in dicts, lists and tuples: what `torch.load(..., weights_only=True)` takes."""


class StateError(Exception):
    """A state does not belong to this training; the message says what does not fit."""


@dataclass(frozen=True)
class Running:
    """The parts of a training that change as it goes.

    Random streams are torch's global ones, that of the order of examples and that of the update. Python's and
    NumPy's global ones are drawn from nowhere in a training.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    update: MultiTaskUpdate
    order: torch.Generator
    agreement: Agreement | None
    device: torch.device

    def state(self, done: int, history: Sequence[tuple[Any, ...]], losses: tuple[torch.Tensor, int]) -> State:
        """What `load` takes, at the end of a pass over the data; it shares memory with the training.

        Args:
            done: updates made.
            history: so far.
            losses: their sum since the last evaluation, [K], and of how many updates.
        """
        return {
            "done": done,
            "history": [tuple(row) for row in history],
            "losses": losses,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "update": self.update.state_dict(),
            "order": self.order.get_state(),
            "streams": random_state.capture(self.device),
            "layers": None if self.agreement is None else [tuple(row) for row in self.agreement.layers],
            "shares": [] if self.agreement is None else self.agreement.batches.shares,
        }

    def load(self, state: State) -> tuple[int, list[tuple[Any, ...]], tuple[torch.Tensor, int]]:
        """Go back to where `state` was taken; returns the updates, history and losses given to it.

        Raises:
            StateError: it is the state of another training. This one is then unusable.
        """
        try:
            self.network.load_state_dict(state["network"])
            if set(state["optimizer"]["param_groups"][0]) != set(self.optimizer.state_dict()["param_groups"][0]):
                raise ValueError("the state is that of another optimiser")
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
            self.update.load_state_dict(state["update"])
            self.order.set_state(state["order"].cpu())
            own = state["streams"][1]
            random_state.restore((state["streams"][0].cpu(), None if own is None else own.cpu()), self.device)
            if self.agreement is not None:
                self.agreement.layers[:] = [LayerCosine(*row) for row in state["layers"]]
                self.agreement.batches.shares[:] = state["shares"]
            total, since = state["losses"]
            return int(state["done"]), [tuple(row) for row in state["history"]], (total.to(self.device), int(since))
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise StateError(" ".join(str(error).split())[:200] or type(error).__name__) from error
