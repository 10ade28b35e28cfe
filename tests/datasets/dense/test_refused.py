"""Folders that are whole, and from which nothing can be learnt or scored: refused by name when they are prepared."""

import numpy as np
import pytest

from samo.datasets.parts.dense import published
from samo.datasets.parts.dense.folders import Layout
from tests.datasets.made_raw import views as write

LAYOUT = Layout(
    folders={"image": ("image",), "label": ("label",), "depth": ("depth",), "normal": ("normal",)},
    images={"train": 10, "val": 3},
    classes=4,
)


@pytest.mark.parametrize(
    ("split", "kind", "change", "told"),
    [
        ("val", "depth", lambda a: 0 * a, "no pixel of the split test has a depth"),
        ("train", "depth", lambda a: 0 * a, "no pixel of the split train has a depth"),
        ("val", "label", lambda a: 0 * a - 1, "no pixel of the split test has a class"),
        ("val", "normal", lambda a: 0 * a, "no pixel of the split test has a normal"),
        ("train", "label", lambda a: np.where(a < 0, a, 2), "segmentation is the same at every pixel"),
        ("train", "depth", lambda a: 0 * a + 1.7, "depth is the same at every pixel"),
        ("train", "normal", lambda a: 0 * a + np.float32(3**-0.5), "normals is the same at every pixel"),
    ],
)
def test_a_split_without_targets_and_a_target_without_variety(tmp_path, split, kind, change, told):
    raw, out = write(tmp_path / "raw", LAYOUT), tmp_path / "out"
    out.mkdir()
    for path in (raw / split / kind).iterdir():
        np.save(path, change(np.load(path)))
    with pytest.raises(ValueError, match=told):
        published.prepare(
            raw, out, published.Data(train=5, val=5, test=3, height=16, width=32), LAYOUT, ("a", "b", "c", "d")
        )


def test_a_depth_that_single_precision_cannot_hold_is_named_with_its_file(tmp_path):
    raw = write(tmp_path / "raw", LAYOUT)
    path = raw / "train/depth/7.npy"
    deep = np.load(path).astype(np.float64)
    deep[3, 3] = 1e300
    np.save(path, deep)
    assert LAYOUT.check(raw) == [f"{path}: values from 0 to 1e+300, more than single precision holds"]
