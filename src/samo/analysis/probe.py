"""How much of a task's gradient its SPSA estimate holds, in how many dimensions and from how many directions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Annotated, Any, Literal, cast

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from samo.analysis.parts.method_filter import Aggregators, MethodFilter, Presets
from samo.analysis.parts.spsa_theory import mean_cosine, mean_cosine_by_layer
from samo.optim.closures import Closure, TaskLosses
from samo.optim.estimators import ESTIMATORS, AtTheta
from samo.optim.jacobian import as_rows, task_gradients
from samo.optim.perturbation import Vector, Weights, layer_norms, mixed, perturbation
from samo.optim.sharpness import Sharpness, preset
from samo.results.stats import mean_interval
from samo.training.problem import Batch, Problem

KEYS = ["estimator", "statistics", "layer_normalised", "directions", "params"]
COLUMNS = [*KEYS, "cosine", "cosine_low", "cosine_high", "theory", "perturbation", "sign_share", "n"]
LINEAR = (100, 1_000, 10_000)
"""Parameters of the made problems with linear losses."""


Count = Annotated[int, Field(ge=1)]
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
    placebo (estimator `random`) is a random direction with a coin for its slope.

    Args:
        closures: one a repeat, each on a batch of its own.
        trunk: its parameters.
        modules: whose mode and buffers a pass may touch.
        tasks: K.

    Returns:
        A row an estimator, statistics, layer_normalised, number of directions and part of the trunk (params): cosine,
        a mean over tasks and repeats with its 95 % interval over the n repeats; theory; perturbation, the same mean
        for SAMO's mix with the global gradient at alpha = 0.5 (layer-normalised rows only); sign_share, the share of
        positive cosines: with one direction as it is, the share of slopes with the right sign.
    """
    readings = []
    for repeat, closure in enumerate(closures):
        looked = Looked(closure, trunk, modules, tasks, options)
        for count in parts([p.numel() for p in trunk], options.sizes):
            for sharpness in _estimators(options, modules):
                # As many draws with few directions as the passes for the most of them would give.
                for _ in range(max(options.directions) // sharpness.directions):
                    found = looked.at(sharpness.estimator, sharpness, count, generator)
                    readings += [reading | {"repeat": repeat} for reading in found]
    return _summary(readings)


def on_network(
    problem: Problem, network: nn.Module, batches: Iterable[Batch], options: Options, seed: int
) -> pd.DataFrame:
    """`quality` on a network in training mode, a repeat for each batch.

    Args:
        problem: what the losses are.
        network: with the attribute `trunk`.
        batches: the same for all networks that are compared.
        options: what is looked at.
        seed: of dropout's masks and of the random directions.
    """
    trunk, generator = _set_out(network, seed)
    closures = [_closure(problem, network, batch) for batch in batches]
    return quality(closures, trunk, list(network.modules()), len(problem.tasks), options, generator)


def along(problem: Problem, network: nn.Module, batches: Iterable[Batch], options: Options, seed: int) -> pd.DataFrame:
    """What every estimator knows of the tasks' gradients along a short plain training, which moves the weights.

    On the whole trunk, by one direction where there are directions, so that probes cost alike: two forward passes.
    `remembered` is the task's own gradient on the batch before, at the weights before; `running mean` its mean with
    decay 0.9; `g0` the gradient of the mean loss; none of these costs a pass.

    Args:
        problem: what the losses are.
        network: with the attribute `trunk`; Adam trains it, as `options` say, on the mean loss.
        batches: one a step.
        options: what is looked at, and when.
        seed: of dropout's masks and of the random directions.

    Returns:
        Rows as those of `quality`, their means and intervals over the places where it was looked.
    """
    trunk, generator = _set_out(network, seed)
    modules, optimizer = list(network.modules()), torch.optim.Adam(network.parameters(), lr=options.lr)
    # One z for all tasks, as in `quality`.
    shared = next(iter(_estimators(options.model_copy(update={"directions": [1]}), modules)))
    own = replace(shared, estimator="remembered")
    last: list[Vector] = []
    mean: list[Vector] = []
    readings = []
    for step, batch in enumerate(islice(batches, options.steps)):
        closure = _closure(problem, network, batch)
        looked = Looked(closure, trunk, modules, len(problem.tasks), options)
        compared: dict[str, tuple[Sharpness, Sequence[Vector]]] = {
            "spsa": (shared, ()),
            "low-rank": (replace(shared, distribution="low-rank"), ()),
            "guided": (replace(shared, estimator="guided"), last),
            "random": (replace(shared, estimator="random"), ()),
            "remembered": (own, last),
            "running mean": (own, mean),
            "g0": (own, ()),  # what stands in for a gradient that is not remembered yet
        }
        for name, (sharpness, rows) in compared.items() if last and step % options.every == 0 else ():
            found = looked.at(name, sharpness, len(trunk), generator, rows)
            readings += [reading | {"repeat": step} for reading in found]
        last = looked.rows
        older = mean or [[torch.zeros_like(part) for part in row] for row in last]
        mean = [
            [0.9 * old + 0.1 * new for old, new in zip(*both, strict=True)] for both in zip(older, last, strict=True)
        ]
        optimizer.zero_grad()
        mean_loss = torch.stack(problem.losses(network, batch, range(len(problem.tasks)))).mean()
        torch.autograd.backward(mean_loss)
        optimizer.step()
    return _summary(readings)


def _set_out(network: nn.Module, seed: int) -> tuple[list[Tensor], torch.Generator]:
    """Training mode and seeds; the trunk's parameters and the directions' generator."""
    network.train()
    torch.manual_seed(seed)
    trunk = [p for p in cast("nn.Module", network.trunk).parameters() if p.requires_grad]
    return list(trunk), torch.Generator(trunk[0].device).manual_seed(seed)


def _closure(problem: Problem, network: nn.Module, batch: Batch) -> Closure:
    return lambda tasks: [loss.reshape(()) for loss in problem.losses(network, batch, tasks)]


def batches(problem: Problem, examples: int, device: torch.device, seed: int) -> Iterator[Batch]:
    """Training batches without end, as training draws them."""
    order, split = torch.Generator().manual_seed(seed), problem.splits["train"]
    while True:
        yield from split.batches(min(examples, len(split)), device, order)


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


class Looked:
    """A batch at the weights as they are: the exact gradients of some tasks, and estimates of them.

    Attributes:
        rows: the exact gradient of each task looked at, on the trunk's tensors.
        everyone: that of the mean loss.
    """

    def __init__(
        self, closure: Closure, trunk: Sequence[Tensor], modules: Sequence[nn.Module], tasks: int, options: Options
    ) -> None:
        asked = np.unique(np.linspace(0, tasks - 1, min(tasks, options.tasks)).round().astype(int)).tolist()
        whole = TaskLosses(closure, range(tasks), modules, trunk[0].device)
        self._some, self._theta = TaskLosses(closure, asked, modules, trunk[0].device), Weights(trunk)

        def exact(_: Sequence[int]) -> list[Tensor]:
            losses = whole.again(range(tasks))
            return [*(losses[i] for i in asked), torch.stack(losses).mean()]

        with self._some.without_trace():
            J = task_gradients(exact, trunk, range(len(asked) + 1))
        *self.rows, self.everyone = [as_rows(row, trunk) for row in J]

    def at(
        self, name: str, sharpness: Sharpness, count: int, generator: torch.Generator, known: Sequence[Vector] = ()
    ) -> Iterator[dict[str, Any]]:
        """Readings of one draw of an estimator on the first `count` tensors; `known` of the tasks' gradients."""
        g0, tasks = self.everyone[:count], range(len(self.rows))
        none = self._theta.home[0].new_zeros(len(tasks))
        at = AtTheta(self._some, self._theta, range(count), generator, none, known, self.everyone)
        with self._some.without_trace():
            for group, z, slope, _ in ESTIMATORS[sharpness.estimator](sharpness, tasks, at):
                estimate = perturbation(sharpness, g0, range(count), z, slope, g0)
                for i in group:
                    yield from _compared(name, sharpness, estimate, self.rows[i][:count], g0)


def _estimators(options: Options, modules: Sequence[nn.Module]) -> Iterator[Sharpness]:
    """SAMO's estimate alone, as a direction of length 1, and its placebo; one z serves all tasks in a pass."""
    shared = preset("samo-shared", rho=1.0, scope="local", normalise="none", mu=options.mu)
    two_modes = any(isinstance(m, _BatchNorm) or (isinstance(m, _DropoutNd) and m.p > 0) for m in modules)
    for statistics in options.statistics if two_modes else options.statistics[:1]:
        for directions in options.directions:
            yield replace(shared, directions=directions, probe_statistics=statistics)
    # Coins carry nothing, from however many directions, and no pass is made for them.
    yield replace(shared, estimator="random", directions=options.directions[0], probe_statistics=options.statistics[0])


def _compared(name: str, sharpness: Sharpness, estimate: Vector, g: Vector, g0: Vector) -> Iterator[dict[str, Any]]:
    sizes = [part.numel() for part in g]
    q = sharpness.directions
    one = g[0].new_ones(())
    scaled = mixed(g0, estimate, one, 0.0, "layer")
    with_global = mixed(g0, estimate, one, 0.5, "layer")
    by_layer = mean_cosine_by_layer(q, sizes, layer_norms(g).tolist(), layer_norms(g0).tolist())
    for layered, v, theory in ((False, estimate, float(mean_cosine(q, sum(sizes)))), (True, scaled, by_layer)):
        yield {
            "estimator": name,
            "statistics": sharpness.probe_statistics,
            "layer_normalised": layered,
            "directions": q,
            "params": sum(sizes),
            "cosine": cosine(v, g),
            "perturbation": cosine(with_global, g) if layered else np.nan,
            "theory": theory if name == "spsa" else 0.0,
        }


def cosine(v: Vector, g: Vector) -> float:
    """Of two vectors over the trunk; 0 where one is 0."""
    inner = sum(float((a * b).sum()) for a, b in zip(v, g, strict=True))
    size = float(layer_norms(v).norm() * layer_norms(g).norm())
    return inner / size if size > 0 else 0.0


def _summary(readings: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    rows = []
    for key, group in pd.DataFrame(readings).groupby(KEYS, sort=False) if readings else ():
        interval = mean_interval(group.groupby("repeat")["cosine"].mean().to_numpy())
        positive, means = float((group["cosine"] > 0).mean()), group[["theory", "perturbation"]].mean()
        rows.append((*key, interval.mean, interval.low, interval.high, *means, positive, interval.n))
    return pd.DataFrame(rows, columns=COLUMNS)
