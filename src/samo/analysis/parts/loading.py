"""Does loading keep up: the time to make a training batch, beside that of the step that uses it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import cast

import numpy as np
import torch
from torch import nn

from samo.analysis.cost import QUARTILES
from samo.optim.update import MultiTaskUpdate
from samo.training.loop import train_step
from samo.training.problem import Problem
from samo.training.schedule import make_optimizer
from samo.training.settings import Training

LIMIT = 0.1
"""The most that loading may take, as a share of the step's time."""
Clock = Callable[[], float]
"""Gives seconds, from any start."""


@dataclass(frozen=True)
class Loading:
    """What loading takes of one problem's training.

    Attributes:
        clock: whose figures these are: of the clocks read, the one by which loading takes the larger share.
        batch_seconds: median time of making one training batch.
        step_seconds: median time of the plain LS step on it.
        share, share_low, share_high: median and quartiles over the rounds of batch time / step time of the round.
    """

    clock: str
    batch_seconds: float
    step_seconds: float
    share: float
    share_low: float
    share_high: float

    @property
    def keeps_up(self) -> bool:
        """Whether the median share is within `LIMIT`."""
        return self.share <= LIMIT


def measure(
    problem: Problem,
    training: Training,
    generator: torch.Generator,
    device: torch.device,
    *,
    repeats: int = 15,
    warm_up: int = 2,
    clocks: Mapping[str, Clock] | None = None,
) -> Loading:
    """Make a training batch and take a step on it, in turns, so that a slow moment of the machine falls on both.

    The step is the whole of a plain LS step, the cheapest there is: all passes, clipping, the optimiser. Making a
    batch is all that the training split does for it: drawing, reading, augmenting, moving it to the device.

    Args:
        problem: its network is made afresh, and draws from torch's global generator.
        generator: of the order of examples and of augmentation, as in training.
        repeats: rounds that count.
        warm_up: rounds before them, that do not: the first ones also set up what later ones find.
        clocks: name -> clock; those of `clocks_on` by default.

    Raises:
        ValueError: the training split has fewer examples than a batch.
    """
    split = problem.splits["train"]
    if len(split) < training.batch:
        raise ValueError(f"training.batch = {training.batch}: at most {len(split)}, the training examples there are")
    network = problem.network().to(device).train()
    update = MultiTaskUpdate(cast("nn.Module", network.trunk), cast("nn.ModuleList", network.heads))
    # A rate of 0 costs what any other does, and nothing diverges however many the repeats.
    optimizer = make_optimizer(network.parameters(), 0.0, training.weight_decay, training.optimizer)
    passes = (split.batches(training.batch, device, generator) for _ in repeat(None))
    batches, clocks = chain.from_iterable(passes), clocks or clocks_on(device)
    marks = np.empty((warm_up + repeats, 3, len(clocks)))  # before loading, between loading and the step, after it
    for before, between, after in marks:
        before[:] = [clock() for clock in clocks.values()]
        batch = next(batches)
        between[:] = [clock() for clock in clocks.values()]
        train_step(problem, network, update, optimizer, batch, training.clip)
        after[:] = [clock() for clock in clocks.values()]
    load, step = np.diff(marks[warm_up:], axis=1).swapaxes(0, 1)
    low, share, high = np.quantile(load / step, QUARTILES, axis=0, method="weibull")
    facts = np.stack([np.median(load, axis=0), np.median(step, axis=0), share, low, high])
    largest = int(share.argmax())
    return Loading(list(clocks)[largest], *facts[:, largest].tolist())


def clocks_on(device: torch.device) -> dict[str, Clock]:
    """The clocks that tell time on a device.

    On a CPU two, as each hides something: by the wall's, whatever else runs there counts, and mostly to the long
    step's account; by the process's own, waiting for the disk does not count, and threads that share a step add up.
    """
    if device.type == "cpu":
        return {"wall": time.perf_counter, "process": time.process_time}

    def synchronised() -> float:
        torch.accelerator.synchronize(device)
        return time.perf_counter()

    return {"wall": synchronised}
