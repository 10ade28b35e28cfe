"""How much of a task's gradient its SPSA estimate holds, in how many dimensions and from how many directions."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from samo.analysis.parts import looks
from samo.analysis.parts.looks import Estimate, Looked
from samo.analysis.parts.method_filter import Aggregators, MethodFilter, Presets
from samo.optim.closures import Closure
from samo.optim.sharpness import Sharpness, preset
from samo.training.problem import Batch, Problem
from samo.training.settings import Count

KEYS = ["estimator", "statistics", "layer_normalised", "directions", "params"]
COLUMNS = [*KEYS, "cosine", "cosine_low", "cosine_high", "theory", "perturbation", "sign_share", "n"]
DECAY = 0.9
"""Of the running mean along a training."""
LINEAR = (100, 1_000, 10_000)
"""Parameters of the made problems with linear losses."""


Statistics = Literal["running", "batch"]


class Options(MethodFilter):
    """What is looked at, and how often.

    Attributes:
        sharpness, aggregators: whose trained networks.
        seeds: how many of the dataset's seeds, from the first on.
        directions: numbers of probe directions that an estimate averages.
        repeats: batches, each with directions of its own; the intervals are over them.
        sizes: how many parts of the trunk: its first tensors alone, up to all of it.
        tasks: at most so many, spread evenly, since a gradient of each is held.
        examples: of a batch at most, where training takes more.
        mu: length of a probe's step.
        statistics: of BatchNorm and dropout in a probe, see `Sharpness.probe_statistics`; a network without either is
            probed with the first alone.
        steps: of a short training along which all estimators are compared; 0 leaves it out.
        lr: its learning rate.
        every: after how many steps they are compared.
    """

    sharpness: Presets = Field(default_factory=lambda: ["samo"])
    aggregators: Aggregators = Field(default_factory=lambda: ["ls"])
    seeds: Count = 1
    directions: list[Annotated[int, Field(ge=1, le=4096)]] = Field(default=[1, 8], min_length=1)
    repeats: Annotated[int, Field(ge=2)] = 4
    sizes: Count = 3
    tasks: Count = 3
    examples: Count = 16
    mu: Annotated[float, Field(gt=0)] = 0.01
    statistics: list[Statistics] = Field(default=["running", "batch"], min_length=1)
    steps: Annotated[int, Field(ge=0)] = 60
    lr: Annotated[float, Field(gt=0)] = 0.003
    every: Count = 6


def quality(
    closures: Iterable[Closure],
    trunk: Sequence[Tensor],
    modules: Sequence[nn.Module],
    tasks: int,
    options: Options,
    generator: torch.Generator,
) -> pd.DataFrame:
    """Cosines between exact task gradients and their estimates, over parts of the trunk, with what theory gives.

    Exact gradients are taken as a step takes them, in the mode the modules are in (training mode, with the batch's
    statistics); a probe moves by a finite mu and, under statistics `running`, looks at the network in evaluation mode,
    as the official code does. None of it leaves a trace. The estimates are those that a step would perturb by; the
    placebo (estimator `random`) is a random direction with a coin flip for its slope.

    Args:
        closures: one per repeat, each on a batch of its own.
        trunk: its parameters.
        modules: whose mode and buffers a pass may touch.
        tasks: K.

    Returns:
        A row an estimator, statistics, layer_normalised, number of directions and part of the trunk (params): cosine,
        a mean over tasks and repeats with its 95 % interval over the n repeats; theory; perturbation, the same mean
        for SAMO's mix with the global gradient at alpha = 0.5 (layer-normalised rows only); sign_share, the share of
        positive cosines: with one direction as it is, the share of slopes with the right sign.
    """
    readings: list[dict[str, Any]] = []
    for repeat, losses in enumerate(closures):
        looked = Looked(losses, trunk, modules, tasks, options.tasks)
        for count in parts([p.numel() for p in trunk], options.sizes):
            for sharpness in _estimators(options, modules):
                # As many draws with few directions as the passes for the most of them would give.
                for _ in range(max(options.directions) // sharpness.directions):
                    found = looked.at(sharpness.estimator, sharpness, generator, count)
                    readings += [reading | {"repeat": repeat} for reading in found]
    return looks.summary(pd.DataFrame(readings), KEYS, "repeat")[COLUMNS]


def on_network(
    problem: Problem, network: nn.Module, batches: Iterable[Batch], options: Options, seed: int
) -> pd.DataFrame:
    """`quality` on a network with the attribute `trunk`, in training mode, a repeat for each batch.

    Networks that are compared must get the same batches. The seed is that of dropout's masks and of the random
    directions.
    """
    trunk, generator = looks.set_out(network, seed)
    closures = [partial(problem.losses, network, batch) for batch in batches]
    return quality(closures, trunk, list(network.modules()), len(problem.tasks), options, generator)


def along(problem: Problem, network: nn.Module, batches: Iterable[Batch], options: Options, seed: int) -> pd.DataFrame:
    """What every estimator knows of the tasks' gradients along a short plain training, which moves the weights.

    On the whole trunk, by one direction where there are directions, so that probes cost alike: two forward passes.
    `remembered` is the task's own gradient on the batch before, at the weights before; `running mean` its mean with
    decay `DECAY`; `g0` the gradient of the mean loss; none of these costs a pass. See `looks.along`.

    Returns:
        Rows as those of `quality`, their means and intervals over the places where it was looked.
    """
    # One z for all tasks, as in `quality`.
    shared = next(_estimators(options.model_copy(update={"directions": [1]}), list(network.modules())))
    own = replace(shared, estimator="remembered")
    compared = [
        Estimate("spsa", shared),
        Estimate("low-rank", replace(shared, distribution="low-rank")),
        Estimate("guided", replace(shared, estimator="guided"), "last"),
        Estimate("random", replace(shared, estimator="random")),
        Estimate("remembered", own, "last"),
        Estimate("running mean", own, "mean"),
        Estimate("g0", own),
    ]
    updates = range(options.steps)
    readings = looks.along(
        problem,
        network,
        islice(batches, options.steps),
        compared,
        at=updates[options.every :: options.every],
        remembered=updates,
        lr=options.lr,
        decay=DECAY,
        seed=seed,
        most=options.tasks,
    )
    return looks.summary(readings, KEYS, "update")[COLUMNS] if len(readings) else pd.DataFrame(columns=COLUMNS)


def parts(sizes: Sequence[int], count: int) -> list[int]:
    """How many leading tensors make up each of `count` parts, whose sizes are spread evenly on a log scale."""
    ends = np.log(np.cumsum(sizes))
    wanted = np.linspace(ends[0], ends[-1], count) if count > 1 else ends[-1:]
    return sorted({int(np.abs(ends - end).argmin()) + 1 for end in wanted})


def linear(params: int, repeats: int, generator: torch.Generator) -> tuple[list[Tensor], list[Closure]]:
    """A trunk of four layers and, a repeat each, two tasks whose losses are linear in it: l_i = g_i . theta.

    Only here does theory hold to the letter. The layers' gradients differ in size, so that normalising them matters.
    """
    trunk = [nn.Parameter(torch.zeros(params // 4, dtype=torch.float64)) for _ in range(4)]

    def closure() -> Closure:
        gradients = [
            [(d + 1) * torch.randn(p.shape, generator=generator, dtype=p.dtype) for d, p in enumerate(trunk)]
            for _ in range(2)
        ]
        return lambda tasks: [
            torch.stack([(g * p).sum() for g, p in zip(gradients[i], trunk, strict=True)]).sum() for i in tasks
        ]

    return list(trunk), [closure() for _ in range(repeats)]


def _estimators(options: Options, modules: Sequence[nn.Module]) -> Iterator[Sharpness]:
    """SAMO's estimate alone, as a direction of length 1, and its placebo; one z serves all tasks in a pass."""
    shared = preset("samo-shared", rho=1.0, scope="local", normalise="none", mu=options.mu)
    two_modes = any(isinstance(m, _BatchNorm) or (isinstance(m, _DropoutNd) and m.p > 0) for m in modules)
    for statistics in options.statistics if two_modes else options.statistics[:1]:
        for directions in options.directions:
            yield replace(shared, directions=directions, probe_statistics=statistics)
    # Coins carry nothing, from however many directions, and no pass is made for them.
    yield replace(shared, estimator="random", directions=options.directions[0], probe_statistics=options.statistics[0])
