"""Cosines of every estimate with the tasks' gradients at fixed points of a plain training, its passes and memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from samo.analysis.cost import passes
from samo.analysis.parts.looks import plain_training
from samo.optim.sharpness import Sharpness, preset
from samo.results.stats import mean_interval
from samo.training.problem import Batch, Problem
from samo.training.settings import Settings, Updates

KEYS = ["dataset", "params", "tasks", "batch", "update", "estimate"]
Count = Annotated[int, Field(ge=1)]


class Options(Settings):
    """Where it is looked, and with what.

    Attributes:
        at: after how many updates.
        looks: batches at each of these places: those of the updates that follow, one per update.
        lr: learning rate of the training, Adam on the mean loss.
        directions: probe directions instead of one, averaged.
        rank: of low-rank directions, instead of 1.
        mu: length of a probe's step.
        short: the same of one more guided probe, which moves far where losses bend.
        decay: of the running mean.
        memory: updates before a place from which on gradients are remembered: 0.9 to the 40th is 0.015.
    """

    at: Updates = Field(default_factory=lambda: [300, 1000])
    looks: Count = 10
    lr: Annotated[float, Field(gt=0)] = 0.003
    directions: Annotated[int, Field(ge=2, le=4096)] = 8
    rank: Annotated[int, Field(ge=2)] = 4
    mu: Annotated[float, Field(gt=0)] = 0.01
    short: Annotated[float, Field(gt=0)] = 0.001
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.9
    memory: Count = 40


@dataclass(frozen=True)
class Estimate:
    """What stands in for a task's gradient.

    Attributes:
        name: of its row.
        sharpness: that makes it; one direction serves all tasks, which changes no mean.
        known: what it knows of the tasks' gradients: nothing, those of the step before, or their running mean.
        counted: whose step is counted, where it is not SAMO's with this estimate.
    """

    name: str
    sharpness: Sharpness
    known: Literal["nothing", "last", "mean"] = "nothing"
    counted: Sharpness | None = None

    def passes(self, tasks: int) -> float:
        """Forward units of a step of SAMO with it on a scalarised loss, each task with a direction of its own."""
        own = self.counted or replace(self.sharpness, noise="independent", normalise="layer")
        return passes(own, tasks, scalarised=True)

    def rows(self, tasks: int) -> int:
        """Vectors of the trunk's size that it keeps from one step to the next."""
        return 0 if self.known == "nothing" else tasks


def estimates(options: Options, network: nn.Module) -> list[Estimate]:
    """All that are compared, g_0 first; a probe with the batch's statistics only where there is BatchNorm."""
    q, r = options.directions, options.rank
    one = preset("samo-shared", rho=1.0, scope="local", normalise="none", mu=options.mu)
    low, guided = replace(one, distribution="low-rank"), replace(one, estimator="guided")
    own = replace(one, estimator="remembered")
    found = [
        Estimate("g_0", own, counted=preset("gsam")),  # what stands in for a gradient that is not remembered
        Estimate("coin", replace(one, estimator="random")),
        Estimate("probe", one),
        Estimate(f"probe, {q} directions", replace(one, directions=q)),
        Estimate("low-rank probe, rank 1", low),
        Estimate(f"low-rank probe, rank {r}", replace(low, rank=r)),
        Estimate("guided probe", guided, "last"),
        Estimate(f"guided probe, {q} directions", replace(guided, directions=q), "last"),
        Estimate("last gradient", own, "last"),
        Estimate(f"running mean, {options.decay:g}", own, "mean"),
        Estimate(
            f"guided probe, {q} directions, mu {options.short:g}",
            replace(guided, directions=q, mu=options.short),
            "last",
        ),
    ]
    if any(isinstance(module, _BatchNorm) for module in network.modules()):
        batch = replace(one, directions=q, probe_statistics="batch")
        found.append(Estimate(f"probe, {q} directions, batch statistics", batch))
    return found


def along(problem: Problem, network: nn.Module, batches: Iterable[Batch], options: Options, seed: int) -> pd.DataFrame:
    """Train plainly, and look at every estimate in the updates after each of `options.at`.

    The exact gradient is each task's own on the batch of that update, before the update, in training mode. What is
    remembered is this gradient of the updates before, as training goes on: each at its own weights, on its own batch.

    Args:
        problem: what the losses are.
        network: with the attribute `trunk`.
        batches: one per update, no fewer than the last place and its looks need.
        options: where, and with what.
        seed: of dropout's masks and of the random directions.

    Returns:
        A row per place, look, estimate, task and whether it is layer-normalised (to g_0, as SAMO's is): `cosine`.
    """
    compared = estimates(options, network)
    places = {start + n: start for start in options.at for n in range(options.looks)}
    remembered = {n for place in places for n in range(place - options.memory, place + 1)}
    readings: list[Mapping[str, Any]] = []
    training = plain_training(
        problem,
        network,
        islice(batches, max(places) + 1),
        lr=options.lr,
        decay=options.decay,
        seed=seed,
        wanted=remembered.__contains__,
    )
    for place in training:
        known = {"nothing": (), "last": place.last, "mean": place.mean}
        for estimate in compared if place.update in places else ():
            rows = known[estimate.known]
            for found in place.looked.at(estimate.name, estimate.sharpness, place.generator, known=rows):
                chosen = {key: found[key] for key in ("estimator", "layer_normalised", "cosine")}
                start = places[place.update]
                readings.append({"update": start, "look": place.update - start, **chosen})
    made = pd.DataFrame(readings).rename(columns={"estimator": "estimate"})
    trunk = network.get_submodule("trunk").parameters()
    return made.assign(params=sum(p.numel() for p in trunk if p.requires_grad), tasks=len(problem.tasks))


def table(readings: pd.DataFrame, options: Options, network: nn.Module) -> pd.DataFrame:
    """Readings of several seeds -> a row per network, batch, place and estimate.

    A seed's cosine is the mean over its tasks and looks; `cosine` is the mean of these with its 95 % interval over the
    `n` seeds, `layered` the mean of the layer-normalised ones, `positive` the share of cosines above 0. `passes` are
    forward units of a whole step, `rows` vectors of the trunk's size that are kept.
    """
    known = {estimate.name: estimate for estimate in estimates(options, network)}
    found = []
    for key, group in readings.groupby(KEYS, sort=False):
        name, tasks = str(key[-1]), int(str(key[2]))
        plain, layered = (group[group["layer_normalised"] == layers] for layers in (False, True))
        interval = mean_interval(plain.groupby("seed")["cosine"].mean().to_numpy())
        found.append(
            dict(zip(KEYS, key, strict=True))
            | {
                "passes": known[name].passes(tasks),
                "rows": known[name].rows(tasks),
                "cosine": interval.mean,
                "cosine_low": interval.low,
                "cosine_high": interval.high,
                "layered": layered["cosine"].mean(),
                "positive": (plain["cosine"] > 0).mean(),
                "n": interval.n,
            }
        )
    return pd.DataFrame(found)
