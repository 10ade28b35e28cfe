import numpy as np
import pytest

from samo.datasets.parts.dense.folders import Layout
from tests.datasets.made_raw import views

LAYOUT = Layout(
    folders={"image": ("image",), "label": ("label", "label_7"), "depth": ("depth",), "normal": ("normal",)},
    images={"train": 6, "val": 5},
    classes=4,
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


@pytest.mark.parametrize(
    ("breaks", "named"),
    [
        (lambda root: (root / "train/depth/3.npy").unlink(), "train/depth/3.npy: missing"),
        (many_missing, "train/normal: 1 of 6 files; 1.npy, 2.npy, … are missing"),
        (lambda root: (root / "val/label").rename(root / "val/19"), "val: the folder label or label_7 is missing"),
        (lambda root: (root / "train/image/6.npy").touch(), "train/image/6.npy: does not belong here"),
    ],
)
def test_what_is_missing_or_mislaid_is_named(root, breaks, named):
    breaks(root)
    (fault,) = LAYOUT.check(root)
    assert named in fault


def test_an_array_that_cannot_be_right_is_named(root):
    for kind, broken, words in (
        ("image", lambda a: a[:, :, 0], "shape (16, 32), not (H, W, 3)"),
        ("label", lambda a: a + 2, "not whole numbers from -1 to 3"),
        ("depth", lambda a: a * np.nan, "NaN"),
        ("depth", lambda a: np.where(a > 1, 1e300, a), "to 1e+300, more than single precision holds"),
        ("normal", lambda a: 2 * a, "not -1 to 1"),
        ("depth", lambda a: a[:8], "(8, 32) pixels, others have (16, 32)"),
        ("depth", lambda a: a.astype(str), "not an array of numbers"),
        ("image", None, "not a whole .npy file"),
    ):
        path = root / "val" / kind / "2.npy"
        whole = path.read_bytes()
        if broken is None:
            path.write_bytes(whole[:-100])
        else:
            np.save(path, broken(np.load(path).astype(float)))
        (fault,) = LAYOUT.check(root)
        assert str(path) in fault
        assert words in fault
        path.write_bytes(whole)


def test_no_more_than_ten_faults_are_named(root):
    for path in root.rglob("*.npy"):
        path.write_bytes(b"")
    assert len(LAYOUT.check(root)) == 10
