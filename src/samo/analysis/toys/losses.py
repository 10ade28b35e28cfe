"""Two pairs of losses on the plane that can be drawn whole, with their Pareto fronts.

The weights are a point x = (x1, x2); every loss takes x [..., 2] and gives [...], without a unit.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

Loss = Callable[[Tensor], Tensor]
Place = tuple[float, float]


@dataclass(frozen=True)
class Toy:
    """Two losses over the same two weights.

    Attributes:
        losses: of the two tasks.
        starts: where the authors start.
        window: the part of the plane that is drawn, (lowest, highest) of x1 and of x2.
        front: n -> n Pareto optimal points [n, 2], from the minimiser of the first loss to that of the second.
    """

    losses: tuple[Loss, Loss]
    starts: tuple[Place, ...]
    window: tuple[Place, Place]
    front: Callable[[int], Tensor]

    def values(self, x: Tensor) -> Tensor:
        """Both losses at the points x [..., 2], as [..., 2]."""
        return torch.stack([loss(x) for loss in self.losses], dim=-1)

    def mean(self, x: Tensor) -> Tensor:
        """The average of both losses at the points x [..., 2], as [...]."""
        return self.values(x).mean(-1)


def _first_quadratic(x: Tensor) -> Tensor:
    return (x[..., 0] - 2) ** 2 + 0.5 * (x[..., 1] + 1) ** 2


def _second_quadratic(x: Tensor) -> Tensor:
    return 0.5 * (x[..., 0] + 2) ** 2 + (x[..., 1] - 1) ** 2


def _quadratics_front(n: int) -> Tensor:
    """The minimisers of w f1 + (1 - w) f2: both losses are convex, so these are all of the front."""
    w = torch.linspace(1, 0, n, dtype=torch.float64)
    return torch.stack([(6 * w - 2) / (1 + w), (2 - 3 * w) / (2 - w)], dim=-1)


def _first_valley(x: Tensor) -> Tensor:
    x1, x2 = x[..., 0], x[..., 1]
    return 0.1 * _valley_over_bowl(x, (-x1 - 7) / 2 + torch.tanh(x2), x1 - 7)


def _second_valley(x: Tensor) -> Tensor:
    x1, x2 = x[..., 0], x[..., 1]
    return _valley_over_bowl(x, (3 - x1) / 2 - torch.tanh(x2) + 2, x1 + 7)


def _valley_over_bowl(x: Tensor, across: Tensor, along: Tensor) -> Tensor:
    """Above x2 = 0 a valley with steep walls where `across` is 0, below it a bowl around along = 0, x2 = -8."""
    x2 = x[..., 1]
    valley = across.abs().clamp(min=5e-6).log() + 6
    bowl = (along**2 + 0.1 * (x2 + 8) ** 2) / 10 - 20
    # `clamp` lets the gradient through at 0, where one trajectory starts; `relu` would hold it there for ever.
    above, below = torch.tanh(x2 / 2).clamp(min=0), torch.tanh(-x2 / 2).clamp(min=0)
    return above * valley + below * bowl


def _valleys_front(n: int) -> Tensor:
    """The minimisers of w L1 / 0.1 + (1 - w) L2, that all lie in the bowls.

    There the sum is tanh(-x2 / 2) (q + 19.6 w (1 - w) + (x2 + 8)^2 / 100 - 20) with q = 0 at x1 = 7 (2 w - 1): x1 in
    closed form, x2 along a line. The minimisers move from one bowl's to the other's without a leap, and no point is
    below all of the lines that touch them, so these are all of the front.
    """
    w = torch.linspace(1, 0, n, dtype=torch.float64)
    lowest = [_lowest(19.6 * share * (1 - share)) for share in w.tolist()]
    return torch.stack([7 * (2 * w - 1), torch.tensor(lowest, dtype=torch.float64)], dim=-1)


def _lowest(raised: float) -> float:
    """The x2 at which a bowl whose floor is raised so much is lowest."""

    def height(x2: Tensor | float) -> float:
        at = torch.as_tensor(x2, dtype=torch.float64)
        return float(torch.tanh(-at / 2) * (raised + (at + 8) ** 2 / 100 - 20))

    return float(minimize_scalar(height, bounds=(-10, -7), method="bounded", options={"xatol": 1e-9}).x)


TOYS = {
    # Subramani's report, with its window and its start. The average loss has the Hessian 1.5 I: gradient descent goes
    # straight to its minimiser (2/3, 1/3), and the gradient at theta + eps_0 points along the same line. The report
    # names no optimiser; Adam's path would not be straight.
    "quadratics": Toy(
        losses=(_first_quadratic, _second_quadratic),
        starts=((0.0, 0.0),),
        window=((-5.0, 5.0), (-3.0, 3.0)),
        front=_quadratics_front,
    ),
    # CAGrad (Liu et al. 2021), with the first loss times 0.1 and the starts as in Nash-MTL's code (Navon et al. 2022).
    "valleys": Toy(
        losses=(_first_valley, _second_valley),
        starts=((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0)),
        window=((-10.5, 10.5), (-10.5, 10.5)),
        front=_valleys_front,
    ),
}
"""Each toy by its name in params.yaml and in the tables."""
