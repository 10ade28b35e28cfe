"""The sum of the logarithms of the losses."""

from torch import Tensor
from torchjd.scalarization import Scalarizer


class ScaleInvariant(Scalarizer):
    """sum_i log L_i, for positive losses: task i weighs 1 / L_i, so its unit does not matter (baseline SI)."""

    def forward(self, values: Tensor, /) -> Tensor:
        return values.log().sum()
