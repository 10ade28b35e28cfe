import pytest
import torch
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_calibration_error

from samo.datasets.parts.tasks import BINS, classification


def test_accuracy_and_calibration_over_a_split_are_torchmetrics_over_all_examples() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs, target = 3 * torch.randn(200, 5, generator=generator), torch.randint(5, (200,), generator=generator)
    task = classification("digit")
    batches = zip(outputs.split(70), target.split(70), strict=True)
    found = task.summary(torch.stack([task.count(*batch).double() for batch in batches]).sum(0))
    right = multiclass_accuracy(outputs, target, 5, average="micro")
    error = multiclass_calibration_error(outputs.softmax(1), target, 5, n_bins=BINS, norm="l1")
    assert found == pytest.approx({"accuracy": 100 * float(right), "calibration": 100 * float(error)}, rel=1e-4)
