"""Scalarisers that TorchJD lacks, or has in another form."""

from torch import Tensor
from torchjd.scalarization import DWA, Scalarizer


class ScaleInvariant(Scalarizer):
    """sum_i log L_i, for positive losses: task i weighs 1 / L_i, so its unit does not matter (baseline SI)."""

    def forward(self, values: Tensor, /) -> Tensor:
        return values.log().sum()


class WindowedDWA(DWA):
    """TorchJD's DWA (Liu et al. 2019), its averages taken over `window` steps instead of the caller's epochs.

    The study's anchors average over 25 steps; `window` = the steps of an epoch gives the paper's form.

    Args:
        temperature: T of the softmax over the descending rates; larger is more uniform.
        window: steps in an average.
    """

    def __init__(self, temperature: float = 2.0, window: int = 25) -> None:
        if window < 1:
            raise ValueError(f"window must be 1 or more, got {window}")
        super().__init__(temperature)
        self.window = window

    def forward(self, values: Tensor, /) -> Tensor:
        value = super().forward(values)
        if self._n_batches == self.window:
            self.step()
        return value
