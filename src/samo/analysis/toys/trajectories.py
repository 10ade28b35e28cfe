"""Trajectories on the toys: where each aggregator x sharpness goes, how flat it is there, how far from the front."""

from itertools import product
from typing import Annotated, Any

import pandas as pd
import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn

from samo.analysis.toys.losses import TOYS, Place, Toy
from samo.optim.sharpness import Sharpness, preset
from samo.optim.update import MultiTaskUpdate
from samo.training.settings import Count, Settings

AGGREGATORS = ("ls", "mgda", "cagrad", "fairgrad")
SHARPNESS = ("none", "gsam", "lsam", "samo", "fmtl")
POINT = ["x1", "x2", "loss1", "loss2"]
FRONT = 200
"""Points of a front; between two of them it is taken for straight."""

NEAR = 0.02
"""A trajectory that ends nearer to the front than this share of the window's width counts as Pareto optimal: with a
fixed learning rate and rho it never stands quite still."""


class Descent(Settings):
    """How a toy is descended, by plain gradient descent.

    Attributes:
        steps: of each trajectory.
        lr: learning rate.
        rho: radius of the perturbation, in the unit of the weights.
        every: a point is kept every so many steps; the first and the last always are.
        starts: which of the toy's starts are used, counted from 1.
    """

    steps: Count
    lr: Annotated[float, Field(gt=0)]
    rho: Annotated[float, Field(ge=0)]
    every: Count = 1
    starts: list[Count] = Field(default_factory=lambda: [1], min_length=1)

    def optimizer(self, x: nn.Parameter) -> torch.optim.Optimizer:
        """What moves the point."""
        return torch.optim.SGD([x], lr=self.lr)


class AdamDescent(Descent):
    """The same with Adam.

    Attributes:
        beta1, beta2: of its running means, which remember some 1 / (1 - beta) steps.
    """

    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999

    def optimizer(self, x: nn.Parameter) -> torch.optim.Optimizer:
        """What moves the point."""
        return torch.optim.Adam([x], lr=self.lr, betas=(self.beta1, self.beta2))


class Options(Settings):
    """The block `toys` of params.yaml: how each of `TOYS` is descended.

    The authors descend the valleys with Adam at 1e-3 and its usual betas, 35,000 (Nash-MTL) or 50,000 steps (FAMO).
    By default ours are fewer and larger, and Adam forgets sooner, so that its memory is as small a part of the way.
    """

    quadratics: Descent = Descent(steps=40, lr=0.05, rho=0.5)
    valleys: AdamDescent = AdamDescent(steps=240, lr=0.08, rho=0.2, every=3, starts=[1, 3], beta1=0.5, beta2=0.9)

    @field_validator("quadratics", "valleys")
    @classmethod
    def _has_starts(cls, descent: Descent, info: ValidationInfo) -> Descent:
        most = len(TOYS[str(info.field_name)].starts)
        if len(set(descent.starts)) != len(descent.starts) or max(descent.starts) > most:
            raise ValueError(f"starts must be among 1 to {most}, each once, got {descent.starts}")
        return descent


KEYS = ["toy", "start", "aggregator", "sharpness"]
"""What tells trajectories apart; starts count from 1."""


def trajectory(
    toy: Toy,
    start: Place,
    aggregator: str,
    sharpness: Sharpness,
    how: Descent,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The points [steps + 1, 2] of one trajectory, the start first, in float64.

    The two weights are the trunk, and there are no heads. A trajectory that runs off to where a loss is not a number
    ends there: the points after it are NaN. `generator` gives the random directions.
    """
    x = nn.Parameter(torch.tensor(start, dtype=torch.float64))
    update = MultiTaskUpdate([x], [(), ()], aggregator=aggregator, sharpness=sharpness, generator=generator)
    optimizer = how.optimizer(x)
    path = torch.full((how.steps + 1, 2), torch.nan, dtype=torch.float64)
    path[0] = x.detach()
    for step in range(1, how.steps + 1):
        optimizer.zero_grad()
        try:
            update.backward(lambda tasks: [toy.losses[i](x) for i in tasks])
        except FloatingPointError:
            break
        optimizer.step()
        path[step] = x.detach()
    return path


def trajectories(options: Options) -> pd.DataFrame:
    """Every trajectory's kept points: toy, start, aggregator, sharpness, step, x1, x2, loss1, loss2.

    Where a trajectory broke off, its last rows are gaps. All draw the same random directions, whatever ran before.
    """
    parts = []
    for name, toy in TOYS.items():
        how: Descent = getattr(options, name)
        kept = sorted({*range(0, how.steps, how.every), how.steps})
        for start, aggregator, sharpness in product(how.starts, AGGREGATORS, SHARPNESS):
            shape = preset(sharpness, **({} if sharpness == "none" else {"rho": how.rho}))
            directions = torch.Generator().manual_seed(0)
            path = trajectory(toy, toy.starts[start - 1], aggregator, shape, how, directions)
            head: dict[str, Any] = {"toy": name, "start": start, "aggregator": aggregator, "sharpness": sharpness}
            parts.append(points(toy, path[kept]).assign(**head, step=kept))
    return pd.concat(parts, ignore_index=True)[[*KEYS, "step", *POINT]]


def ends(paths: pd.DataFrame) -> pd.DataFrame:
    """Where the trajectories end.

    Columns: toy, start, aggregator, sharpness, x1, x2, loss1, loss2; lambda_max, the largest eigenvalue of the average
    loss's Hessian; distance_to_front, in the plane of the weights; pareto_optimal, "yes" or "no" (see `NEAR`).
    """
    last = paths.groupby(KEYS, sort=False).tail(1).drop(columns="step").reset_index(drop=True)
    lines = {name: toy.front(FRONT) for name, toy in TOYS.items()}
    facts = []
    for name, *at in last[["toy", "x1", "x2"]].itertuples(index=False):
        toy, x = TOYS[name], torch.tensor(at, dtype=torch.float64)
        (left, right), _ = toy.window
        far = distance(x, lines[name])
        facts.append((lambda_max(toy, x), far, "yes" if far <= NEAR * (right - left) else "no"))
    return last.join(pd.DataFrame(facts, columns=["lambda_max", "distance_to_front", "pareto_optimal"]))


def fronts() -> pd.DataFrame:
    """Both fronts as points: toy, x1, x2, loss1, loss2."""
    found = [points(toy, toy.front(FRONT)).assign(toy=name) for name, toy in TOYS.items()]
    return pd.concat(found, ignore_index=True)[["toy", *POINT]]


def points(toy: Toy, x: Tensor) -> pd.DataFrame:
    """The points [n, 2] with their losses: x1, x2, loss1, loss2."""
    return pd.DataFrame(torch.cat([x, toy.values(x)], dim=-1).numpy(), columns=POINT)


def lambda_max(toy: Toy, x: Tensor) -> float:
    """The largest eigenvalue of the average loss's Hessian at x [2]; NaN where x is no point."""
    if not x.isfinite().all():
        return float("nan")
    return float(torch.linalg.eigvalsh(torch.func.hessian(toy.mean)(x))[-1])


def distance(x: Tensor, front: Tensor) -> float:
    """How far x [2] is from the line through the points front [n, 2]; NaN where x is no point."""
    a, b = front[:-1], front[1:]
    along = ((x - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1)
    nearest = a + along.clamp(0, 1)[:, None] * (b - a)
    return float((x - nearest).norm(dim=-1).min())
