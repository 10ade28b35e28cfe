from dataclasses import replace

import numpy as np
import pytest

from samo.datasets import nyuv2
from tests.datasets.made_raw import views

LAYOUT = replace(
    nyuv2.LAYOUT,
    folders={**nyuv2.LAYOUT.folders, "label": ("label", "label_7")},
    images={"train": 6, "val": 5},
    classes=tuple("abcd"),
)


@pytest.fixture
def root(tmp_path):
    return views(tmp_path / "set", LAYOUT)


def test_a_whole_set_has_no_fault_and_either_folder_name_will_do(root):
    assert LAYOUT.check(root) == []
    for split in ("train", "val"):
        (root / split / "label").rename(root / split / "label_7")
    assert LAYOUT.check(root) == []
    assert [f"it lies in {root}" in fault for fault in LAYOUT.check(root.parent)] == [True, True]


def many_missing(root):
    for n in range(1, 6):
        (root / f"train/normal/{n}.npy").unlink()


def cut_off(root):
    path = root / "val/image/2.npy"
    path.write_bytes(path.read_bytes()[:-100])


def saved(kind, change):
    def breaks(root):
        path = root / f"val/{kind}/2.npy"
        np.save(path, change(np.load(path).astype(float)))

    return breaks


@pytest.mark.parametrize(
    ("breaks", "named"),
    [
        (lambda root: (root / "train/depth/3.npy").unlink(), "train/depth/3.npy: missing"),
        (many_missing, "train/normal: 1 of 6 files; 1.npy, 2.npy, … are missing"),
        (lambda root: (root / "val/label").rename(root / "val/19"), "val: the folder label or label_7 is missing"),
        (lambda root: (root / "train/image/6.npy").touch(), "train/image/6.npy: does not belong here"),
        (saved("image", lambda a: a[:, :, 0]), "val/image/2.npy: shape (16, 32), not (H, W, 3)"),
        (saved("label", lambda a: a + 2), "val/label/2.npy: values from 1 to 5, not whole numbers from -1 to 3"),
        (saved("depth", lambda a: a * np.nan), "val/depth/2.npy: holds NaN"),
        (
            saved("depth", lambda a: np.where(a > 1, 1e300, a)),
            "val/depth/2.npy: values from 0 to 1e+300, more than single precision holds",
        ),
        (saved("normal", lambda a: 0 * a + 2), "val/normal/2.npy: values from 2 to 2, not -1 to 1"),
        (saved("depth", lambda a: a[:8]), "val/depth/2.npy: (8, 32) pixels, others have (16, 32)"),
        (saved("depth", lambda a: a.astype(str)), "val/depth/2.npy: not an array of numbers"),
        (cut_off, "val/image/2.npy: not a whole .npy file"),
    ],
)
def test_a_fault_is_named(root, breaks, named):
    breaks(root)
    (fault,) = LAYOUT.check(root)
    assert named in fault


def test_no_more_than_ten_faults_are_named(root):
    for path in root.rglob("*.npy"):
        path.write_bytes(b"")
    assert len(LAYOUT.check(root)) == 10
