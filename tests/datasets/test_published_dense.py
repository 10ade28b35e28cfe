"""NYUv2 and Cityscapes: what is common to both."""

import pytest
import torch

from samo.datasets import cityscapes, nyuv2
from samo.datasets.parts.sources import Given
from samo.models.segnet import WIDTHS
from tests.datasets.made_raw import prepared, problem, views

both = pytest.mark.parametrize(
    ("module", "counts", "channels"), [(nyuv2, (795, 654), [13, 1, 3]), (cityscapes, (2975, 500), [7, 1])]
)


@both
def test_the_network_is_the_papers_by_default(module, counts, channels, tmp_path):
    name = module.__name__.split(".")[-1]
    assert tuple(module.Training(batch=2).widths) == WIDTHS
    built = problem(name, prepared(name, tmp_path), widths=list(WIDTHS[:4])).network()
    assert [head(torch.zeros(1, 64, 2, 2)).shape[1] for head in built.heads] == channels  # type: ignore[union-attr]


@both
def test_a_set_that_is_not_whole_is_refused_with_what_is_missing(module, counts, channels, tmp_path):
    assert isinstance(module.RAW, Given)
    faults = module.RAW.check(
        views(tmp_path / "raw", module.LAYOUT.__class__(module.LAYOUT.folders, {"train": 8, "val": 4}, 7))
    )
    assert any(f"8 of {counts[0]} files" in fault for fault in faults)
    assert any(f"4 of {counts[1]} files" in fault for fault in faults)
