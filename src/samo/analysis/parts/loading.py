"""Does loading keep up: the time to make a training batch, beside that of the step that uses it."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import cast

import torch
from torch import nn

from samo.analysis.cost import quartiles
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
        training: batch size, optimiser, clipping.
        generator: of the order of examples and of augmentation, as in training.
        device: where to train.
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
    loads: dict[str, list[float]] = {name: [] for name in clocks}
    steps: dict[str, list[float]] = {name: [] for name in clocks}
    for _ in range(warm_up + repeats):
        begun = {name: clock() for name, clock in clocks.items()}
        batch = next(batches)
        made = {name: clock() for name, clock in clocks.items()}
        train_step(problem, network, update, optimizer, batch, training.clip)
        for name, clock in clocks.items():
            steps[name].append(clock() - made[name])
            loads[name].append(made[name] - begun[name])
    found = []
    for name in clocks:
        load, step = loads[name][warm_up:], steps[name][warm_up:]
        low, middle, high = quartiles([a / b for a, b in zip(load, step, strict=True)])
        found.append(Loading(name, statistics.median(load), statistics.median(step), middle, low, high))
    return max(found, key=lambda loading: loading.share)


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
