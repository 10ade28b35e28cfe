import pickle
from pathlib import Path

import numpy as np
import pytest

from samo.datasets.parts.dense.folders import Layout
from tests.datasets.dense.published_layout import write

LAYOUT = Layout(
    folders={"image": ("image",), "label": ("label_7", "label"), "depth": ("depth",), "normal": ("normal",)},
    images={"train": 6, "val": 5},
    classes=4,
)


@pytest.fixture
def root(tmp_path) -> Path:
    return write(tmp_path / "set", LAYOUT)


def only(faults: list[str]) -> str:
    assert len(faults) == 1, faults
    return faults[0]


def test_a_whole_set_has_no_fault_and_either_folder_name_will_do(root):
    assert LAYOUT.check(root) == []
    for split in ("train", "val"):
        (root / split / "label_7").rename(root / split / "label")
    assert LAYOUT.check(root) == []


def test_files_that_are_not_there_are_named(root):
    (root / "train/depth/3.npy").unlink()
    assert only(LAYOUT.check(root)).endswith("train/depth/3.npy: missing")


def test_many_missing_files_take_one_line(root):
    for n in range(1, 6):
        (root / f"train/normal/{n}.npy").unlink()
    assert "train/normal: 1 of 6 files; 1.npy, 2.npy, … are missing" in only(LAYOUT.check(root))


def test_a_folder_that_is_not_there_is_named(root):
    (root / "val/label_7").rename(root / "val/label_19")
    assert only(LAYOUT.check(root)).endswith("val: the folder label_7 or label is missing")


def test_a_set_one_folder_too_deep_is_found(root):
    faults = LAYOUT.check(root.parent)
    assert [f"it lies in {root}" in fault for fault in faults] == [True, True]


def test_a_mislaid_file_is_named(root):
    (root / "train/image/6.npy").write_bytes((root / "train/image/5.npy").read_bytes())
    (root / "train/image/2 (1).npy").write_bytes(b"")
    first, second = LAYOUT.check(root)
    assert first.endswith("train/image/2 (1).npy: does not belong here")
    assert second.endswith("train/image/6.npy: does not belong here")


@pytest.mark.parametrize(
    ("kind", "broken", "words"),
    [
        ("image", lambda a: a[:, :, 0], "shape (16, 32), not (H, W, 3)"),
        ("image", lambda a: 255 * a, "not 0 to 1"),
        ("label_7", lambda a: a + 2, "not whole numbers from -1 to 3"),
        ("label_7", lambda a: a + 0.5, "not whole numbers"),
        ("depth", lambda a: a[:, :, 0], "not (H, W, 1)"),
        ("depth", lambda a: a * np.nan, "NaN"),
        ("normal", lambda a: 2 * a, "not -1 to 1"),
        ("depth", lambda a: a[:8], "(8, 32) pixels, others have (16, 32)"),
        ("depth", lambda a: a.astype(str), "not an array of numbers"),
    ],
)
def test_an_array_that_cannot_be_right_is_named(root, kind, broken, words):
    path = root / "val" / kind / "2.npy"
    np.save(path, broken(np.load(path)))
    fault = only(LAYOUT.check(root))
    assert str(path) in fault
    assert words in fault


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"<html>not found</html>"])
def test_a_file_that_is_no_array_is_named(root, content):
    path = root / "train/image/1.npy"
    path.write_bytes(content)
    assert str(path) in only(LAYOUT.check(root))


def test_a_truncated_file_is_named(root):
    path = root / "train/image/1.npy"
    path.write_bytes(path.read_bytes()[:-100])
    assert f"{path}: not a whole .npy file" in only(LAYOUT.check(root))


class _Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_nothing_in_a_file_is_run(root, tmp_path):
    trap = tmp_path / "ran"
    np.save(root / "train/depth/0.npy", np.array([_Touch(trap)], dtype=object), allow_pickle=True)
    (root / "train/depth/1.npy").write_bytes(pickle.dumps(_Touch(trap)))
    assert len(LAYOUT.check(root)) == 2
    assert not trap.exists()


def test_no_more_than_ten_faults_are_named(root):
    for path in root.rglob("*.npy"):
        path.write_bytes(b"")
    assert len(LAYOUT.check(root)) == 10
