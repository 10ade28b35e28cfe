"""Cosines of every estimate with the tasks' gradients at fixed points of a plain training, its passes and memory."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Annotated

import pandas as pd
from pydantic import Field
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from samo.analysis.cost import passes
from samo.analysis.parts import looks
from samo.analysis.parts.looks import Estimate
from samo.optim.sharpness import preset
from samo.training.problem import Batch, Problem
from samo.training.settings import Count, Settings, Updates

KEYS = ["dataset", "params", "tasks", "batch", "update", "estimate"]


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


def estimates(options: Options, network: nn.Module) -> list[Estimate]:
    """All that are compared, g_0 first; a probe with the batch's statistics only where there is BatchNorm."""
    q, r = options.directions, options.rank
    one = preset("samo-shared", rho=1.0, scope="local", normalise="none", mu=options.mu)
    low, guided = replace(one, distribution="low-rank"), replace(one, estimator="guided")
    own = replace(one, estimator="remembered")
    found = [
        Estimate("g_0", own),
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
    """Train plainly, and look at every estimate in the updates after each of `options.at`; see `looks.along`.

    There must be no fewer batches than the last place and its looks need.

    Returns:
        A row per place (update), look, estimate, task and whether it is layer-normalised (to g_0, as SAMO's is).
    """
    places = {start + n: start for start in options.at for n in range(options.looks)}
    readings = looks.along(
        problem,
        network,
        islice(batches, max(places) + 1),
        estimates(options, network),
        at=places,
        remembered={n for place in places for n in range(place - options.memory, place + 1)},
        lr=options.lr,
        decay=options.decay,
        seed=seed,
    )
    start = readings["update"].map(places)
    made = readings.assign(look=readings["update"] - start, update=start, tasks=len(problem.tasks))
    return made.rename(columns={"estimator": "estimate"})


def units(estimate: Estimate, tasks: int) -> float:
    """Forward units of a step of SAMO with it on a scalarised loss, each task with a direction of its own.

    Of g_0, which stands in for a gradient that is not remembered, those of G-SAM.
    """
    no_memory = estimate.sharpness.remembers and estimate.known == "nothing"
    own = preset("gsam") if no_memory else replace(estimate.sharpness, noise="independent", normalise="layer")
    return passes(own, tasks, scalarised=True)


def table(readings: pd.DataFrame, options: Options, network: nn.Module) -> pd.DataFrame:
    """Readings of several seeds -> a row per network, batch, place and estimate.

    A seed's cosine is the mean over its tasks and looks; `cosine` is the mean of these with its 95 % interval over the
    `n` seeds, `layered` the mean of the layer-normalised ones, `positive` the share of cosines above 0. `passes` are
    forward units of a whole step, `rows` vectors of the trunk's size that are kept from one step to the next.
    """
    known = {estimate.name: estimate for estimate in estimates(options, network)}
    layered = readings["layer_normalised"]
    found = looks.summary(readings[~layered], KEYS, "seed").rename(columns={"sign_share": "positive"})
    of = [known[name] for name in found["estimate"]]
    found["passes"] = [units(one, tasks) for one, tasks in zip(of, found["tasks"], strict=True)]
    found["rows"] = found["tasks"] * [one.known != "nothing" for one in of]
    found["layered"] = [one.mean() for _, one in readings[layered].groupby(KEYS, sort=False)["cosine"]]
    return found[[*KEYS, "passes", "rows", "cosine", "cosine_low", "cosine_high", "layered", "positive", "n"]]
