"""What is aggregated: perturbed gradients, or F-MTL's loss and flat gradients apart (arXiv 2211.13723, section 4)."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torchjd.aggregation import Aggregator

from samo.aggregation.state import fresh

Combine = Callable[[Aggregator, Tensor], Tensor]


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

    def start(self, J: Tensor, combine: Combine) -> Tensor | None:
        """M(g) where it is wanted, before the rows of J are overwritten."""
        return combine(self.over_tasks, J) if self.over_flat else None

    def merge(self, i: int, row: Tensor, perturbed: Tensor, combine: Combine) -> None:
        """Turn task i's row from g_i into what the last aggregation takes."""
        if self.kind == "each":
            row.copy_(combine(self.over_pairs[i], torch.stack([row, perturbed - row])))
        else:
            torch.sub(perturbed, row, out=row)

    def finish(self, J: Tensor, loss: Tensor | None, combine: Combine) -> Tensor:
        """The direction [P] from the merged rows and what `start` gave; M(J) where nothing was decomposed."""
        if loss is None:
            return combine(self.over_tasks, J)
        flat = combine(self.over_flat[0], J)
        return combine(self.over_pairs[0], torch.stack([loss, flat])) if self.kind == "second" else loss + flat
