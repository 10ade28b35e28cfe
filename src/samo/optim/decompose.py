"""What is aggregated: perturbed gradients, or F-MTL's loss and flat gradients apart (arXiv 2211.13723, section 4)."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torchjd.aggregation import Aggregator

from samo.aggregation import combine, fresh
from samo.optim.jacobian import cosines
from samo.optim.random_state import draw_seeds, seeded


class Aggregated(NamedTuple):
    """A direction [P], with the cosines [K, K] of what was aggregated and the tasks' weights [K] where it has them."""

    direction: Tensor
    cosines: Tensor | None
    weights: Tensor | None


def aggregate(aggregator: Aggregator, J: Tensor, generator: torch.Generator) -> Aggregated:
    """The aggregator's direction for J [K, P]; what it draws comes from the generator.

    Raises:
        FloatingPointError: the aggregator's weights are not finite.
    """
    with seeded(draw_seeds(1, generator)[0], J.device):
        direction, gramian, weights = combine(aggregator, J)
    return Aggregated(direction, None if gramian is None else cosines(gramian), weights)


class Decomposition:
    """With M the aggregator, g_i the gradients at theta, s_i the perturbed ones and f_i = s_i - g_i:

    `direct` M(s); `separate` M(g) + M(f) (algorithm 1); `second` M({M(g), M(f)}); `each` M({M({g_i, f_i})}).
    Every M but the first is a copy with a memory of its own: an aggregator with a running state must not mix the
    states of loss and flat gradients.

    Args:
        aggregator: M on K rows.
        kind: one of the above.
        tasks: K.
    """

    def __init__(
        self, aggregator: Aggregator, kind: Literal["direct", "separate", "second", "each"], tasks: int
    ) -> None:
        self.kind = kind
        self.over_tasks = aggregator
        self.over_flat = [fresh(aggregator, tasks)] if kind in ("separate", "second") else []
        self.over_pairs = [fresh(aggregator, 2) for _ in range({"second": 1, "each": tasks}.get(kind, 0))]

    @property
    def aggregators(self) -> list[Aggregator]:
        """M and its copies, in a fixed order."""
        return [self.over_tasks, *self.over_flat, *self.over_pairs]

    def start(self, J: Tensor, generator: torch.Generator) -> Aggregated | None:
        """M(g) where it is wanted, before the rows of J are overwritten."""
        return aggregate(self.over_tasks, J, generator) if self.over_flat else None

    def merge_(self, row: Tensor, perturbed: Tensor, task: int, generator: torch.Generator) -> None:
        """Turn a task's row from g_i into what the last aggregation takes, given s_i."""
        if self.kind == "each":
            both = torch.stack([row, perturbed - row])
            row.copy_(aggregate(self.over_pairs[task], both, generator).direction)
        else:
            torch.sub(perturbed, row, out=row)

    def finish(self, J: Tensor, loss: Aggregated | None, generator: torch.Generator) -> Aggregated:
        """The direction from the merged rows and what `start` gave; M(J) where nothing was decomposed."""
        if loss is None:
            return aggregate(self.over_tasks, J, generator)
        flat = aggregate(self.over_flat[0], J, generator).direction
        if self.kind == "separate":
            return loss._replace(direction=loss.direction + flat)
        both = torch.stack([loss.direction, flat])
        return loss._replace(direction=aggregate(self.over_pairs[0], both, generator).direction)
