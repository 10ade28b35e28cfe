"""A look at a batch: the exact gradients of its tasks, and how near estimates come to them; along a training, too."""

from collections.abc import Container, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from samo.analysis.parts.spsa_theory import mean_cosine, mean_cosine_by_layer
from samo.optim.closures import Closure, TaskLosses
from samo.optim.estimators import ESTIMATORS, AtTheta
from samo.optim.jacobian import as_rows, task_gradients
from samo.optim.perturbation import Vector, Weights, layer_norms, mixed, perturbation
from samo.optim.sharpness import Sharpness
from samo.results.stats import mean_interval
from samo.training.problem import Batch, Problem


class Estimate(NamedTuple):
    """What stands in for a task's gradient.

    Attributes:
        name: of its readings.
        sharpness: that makes it; one that remembers gradients takes g_0 where nothing is known.
        known: of the tasks' gradients: nothing, those of the place before, or the running mean of these.
    """

    name: str
    sharpness: Sharpness
    known: Literal["nothing", "last", "mean"] = "nothing"


class Looked:
    """A batch at the weights as they are: the exact gradients of some tasks, and estimates of them.

    Args:
        closure: tasks -> losses on the batch.
        trunk: its parameters.
        modules: whose mode and buffers a pass may touch.
        tasks: K.
        most: so many tasks at most, spread evenly, since a gradient of each is held; None for all.

    Attributes:
        rows: the exact gradient of each task looked at, on the trunk's tensors.
        everyone: that of the mean loss.
    """

    def __init__(
        self,
        closure: Closure,
        trunk: Sequence[Tensor],
        modules: Sequence[nn.Module],
        tasks: int,
        most: int | None = None,
    ) -> None:
        asked = np.unique(np.linspace(0, tasks - 1, min(tasks, most or tasks)).round().astype(int)).tolist()
        whole = TaskLosses(closure, range(tasks), modules, trunk[0].device)
        self._some, self._theta = TaskLosses(closure, asked, modules, trunk[0].device), Weights(trunk)

        def exact(_: Sequence[int]) -> list[Tensor]:
            losses = whole.again(range(tasks))
            return [*(losses[i] for i in asked), torch.stack(losses).mean()]

        with self._some.without_trace():
            J = task_gradients(exact, trunk, range(len(asked) + 1))
        *self.rows, self.everyone = [as_rows(row, trunk) for row in J]

    def at(
        self,
        name: str,
        sharpness: Sharpness,
        generator: torch.Generator,
        count: int | None = None,
        known: Sequence[Vector] = (),
    ) -> Iterator[dict[str, Any]]:
        """Readings of one draw of an estimator on the first `count` tensors (all); `known` of the tasks' gradients.

        Two a task: the estimate as it is, and with each layer scaled to the norm of g_0's.
        """
        count = len(self.everyone) if count is None else count
        g0, tasks, q = self.everyone[:count], range(len(self.rows)), sharpness.directions
        sizes, one = [part.numel() for part in g0], g0[0].new_ones(())
        at = AtTheta(self._some, self._theta, range(count), generator, one.new_zeros(len(tasks)), known, self.everyone)
        head = {"estimator": name, "statistics": sharpness.probe_statistics, "directions": q, "params": sum(sizes)}
        with self._some.without_trace():
            for group, z, slope, _ in ESTIMATORS[sharpness.estimator](sharpness, tasks, at):
                estimate = perturbation(sharpness, g0, range(count), z, slope, g0)
                scaled, with_global = (mixed(g0, estimate, one, alpha, "layer") for alpha in (0.0, 0.5))
                for g in (self.rows[i][:count] for i in group):
                    by_layer = mean_cosine_by_layer(q, sizes, layer_norms(g).tolist(), layer_norms(g0).tolist())
                    for layered, v, theory, moved in (
                        (False, estimate, float(mean_cosine(q, sum(sizes))), np.nan),
                        (True, scaled, by_layer, cosine(with_global, g)),
                    ):
                        found = {"layer_normalised": layered, "cosine": cosine(v, g), "perturbation": moved}
                        yield head | found | {"theory": theory if name == "spsa" else 0.0}


def along(
    problem: Problem,
    network: nn.Module,
    batches: Iterable[Batch],
    compared: Sequence[Estimate],
    *,
    at: Container[int],
    remembered: Container[int],
    lr: float,
    decay: float,
    seed: int,
    most: int | None = None,
) -> pd.DataFrame:
    """Train by Adam on the mean loss, in training mode, and look at estimates before some of the updates.

    The exact gradient is each task's own on the batch of that update. What is remembered is this gradient of the
    updates before, as training goes on: each at its own weights, on its own batch.

    Args:
        problem: what the losses are.
        network: with the attribute `trunk`; it is trained.
        batches: one per update.
        compared: the estimates.
        at: updates (counted from 0) before which it is looked.
        remembered: those before which gradients are taken and remembered; all of `at` are among them.
        lr: learning rate.
        decay: of the running mean, which starts with the first gradient, as `samo-remembered` keeps it.
        seed: of dropout's masks and of the random directions.
        most: tasks of which gradients are taken, see `Looked`.

    Returns:
        `Looked.at`'s readings, with the update.
    """
    trunk, generator = set_out(network, seed)
    optimizer, modules = torch.optim.Adam(network.parameters(), lr=lr), list(network.modules())
    last: list[Vector] = []
    means: list[Vector] = []
    readings = []
    for update, batch in enumerate(batches):
        losses = partial(problem.losses, network, batch)
        if update in remembered:
            looked = Looked(losses, trunk, modules, len(problem.tasks), most)
            known = {"nothing": [], "last": last, "mean": means}
            for name, sharpness, what in compared if update in at else ():
                found = looked.at(name, sharpness, generator, known=known[what])
                readings += [{"update": update, **reading} for reading in found]
            last = looked.rows
            for mean, row in zip(means, last, strict=False):
                torch._foreach_mul_(mean, decay)
                torch._foreach_add_(mean, row, alpha=1 - decay)
            means = means or [[g.clone() for g in row] for row in last]
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(losses(range(len(problem.tasks)))).mean())
        optimizer.step()
    return pd.DataFrame(readings)


def summary(readings: pd.DataFrame, keys: list[str], over: str) -> pd.DataFrame:
    """Readings -> a row for each value of the keys: cosine, cosine_low, cosine_high, n and other means.

    The cosine is the mean, with its 95 % interval, over the n values of `over` (seeds, say) of their mean cosines;
    sign_share is the share of cosines above 0.
    """
    rows = []
    for key, group in readings.groupby(keys, sort=False):
        mean, low, high, n = mean_interval(group.groupby(over)["cosine"].mean())
        others = group[["theory", "perturbation"]].mean().to_dict()
        found = {"cosine": mean, "cosine_low": low, "cosine_high": high, "n": n, **others}
        rows.append(dict(zip(keys, key, strict=True)) | found | {"sign_share": (group["cosine"] > 0).mean()})
    return pd.DataFrame(rows)


def set_out(network: nn.Module, seed: int) -> tuple[list[Tensor], torch.Generator]:
    """Training mode and seeds; the trunk's parameters and the directions' generator."""
    network.train()
    torch.manual_seed(seed)
    trunk = [p for p in network.get_submodule("trunk").parameters() if p.requires_grad]
    return list(trunk), torch.Generator(trunk[0].device).manual_seed(seed)


def batches(problem: Problem, examples: int, device: torch.device, seed: int) -> Iterator[Batch]:
    """Training batches without end, as training draws them."""
    order, split = torch.Generator().manual_seed(seed), problem.splits["train"]
    while True:
        yield from split.batches(min(examples, len(split)), device, order)


def cosine(v: Vector, g: Vector) -> float:
    """Of two vectors over the trunk; 0 where one is 0."""
    inner = sum(float((a * b).sum()) for a, b in zip(v, g, strict=True))
    size = float(layer_norms(v).norm() * layer_norms(g).norm())
    return inner / size if size > 0 else 0.0
