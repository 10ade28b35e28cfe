from dataclasses import replace

import numpy as np
import pytest

from samo.datasets import nyuv2
from samo.datasets.parts.dense import published
from tests.datasets.made_raw import views

LAYOUT = replace(nyuv2.LAYOUT, images={"train": 23, "val": 7}, classes=tuple("abcd"))


def data(**changes):
    settings = {"train": 17, "val": 6, "test": 7, "height": 16, "width": 32}
    return published.Data.model_validate({**settings, **changes})


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return views(tmp_path_factory.mktemp("raw"), LAYOUT)


def test_what_is_stored_is_what_was_published(raw, tmp_path):
    sheet = published.prepare(raw, tmp_path, data(), LAYOUT)
    numbers = published.choose(data(), 23, 7)["train"]
    for k, n in enumerate(numbers):
        image, label, depth, normal = (np.load(raw / f"train/{kind}/{n}.npy") for kind in LAYOUT.folders)
        stored = [np.load(tmp_path / f"train_{kind}.npy")[k] for kind in LAYOUT.folders]
        assert np.abs(stored[0].transpose(1, 2, 0) / 255 - image).max() < 0.51 / 255
        assert (stored[1] == label).all()
        assert (stored[2].transpose(1, 2, 0) == depth).all()
        assert np.abs(stored[3].transpose(1, 2, 0) - normal).max() < 1e-3
    assert sheet["left_out"] == "none"
    train = sheet["splits"]["train"]
    assert train["images"] == 17
    assert train["void_share"] == pytest.approx(1 / 512, abs=1e-5)
    assert train["missing_depth_share"] == pytest.approx(1 / 512, abs=1e-5)
    assert sum(train["class_shares"]) == pytest.approx(1, abs=1e-4)
    label = np.load(tmp_path / "train_label.npy")
    assert train["class_shares"][2] == pytest.approx((label == 2).sum() / (label >= 0).sum(), abs=1e-5)


def test_the_constant_guess_is_what_such_a_guess_gets(raw, tmp_path):
    guess = published.prepare(raw, tmp_path, data(), LAYOUT)["constant_guess"]
    label, depth = np.load(tmp_path / "train_label.npy"), np.load(tmp_path / "train_depth.npy")
    share = max((label == c).sum() for c in range(4)) / (label >= 0).sum()
    assert guess["segmentation"] == pytest.approx(1 - share / 4)
    known = depth[depth != 0]
    assert guess["depth"] == pytest.approx(np.abs(known - np.median(known)).mean(), rel=1e-5)
    # Normals all over the sphere are 90 degrees from anything, on average.
    assert guess["normals"] == pytest.approx(90, abs=2)


def test_no_image_is_in_two_splits_and_validation_comes_in_runs():
    chosen = published.choose(data(train=500, val=100, test=50), 795, 654)
    assert [len(chosen[s]) for s in ("train", "val", "test")] == [500, 100, 50]
    assert not set(chosen["train"]) & set(chosen["val"])
    val = np.array(chosen["val"])
    assert ((val[1:] - val[:-1]) == 1).mean() > 0.75
    assert val[0] < 40
    assert val[-1] > 700
    assert chosen["test"] == sorted(set(chosen["test"]))
    assert chosen["test"][-1] > 630


def test_all_that_is_not_held_out_can_be_trained_on_and_no_more():
    for val in (1, 2, 5, 6, 22):
        chosen = published.choose(data(train=23 - val, val=val), 23, 7)
        assert sorted(chosen["train"] + chosen["val"]) == list(range(23))
        with pytest.raises(ValueError, match=f"train is at most {23 - val}"):
            published.choose(data(train=24 - val, val=val), 23, 7)
    chosen = published.choose(data(train=23, val=6, train_on_val=True), 23, 7)
    assert (chosen["train"], len(chosen["val"])) == (list(range(23)), 6)
    with pytest.raises(ValueError, match="test: 8 are asked of the 7"):
        published.choose(data(test=8), 23, 7)


def test_another_size_keeps_labels_whole_and_depths_measured(raw, tmp_path):
    published.prepare(raw, tmp_path, data(height=8, width=8), LAYOUT)
    label, depth = np.load(tmp_path / "test_label.npy"), np.load(tmp_path / "test_depth.npy")
    assert label.shape == (7, 8, 8)
    assert np.load(tmp_path / "test_image.npy").shape == (7, 3, 8, 8)
    assert set(np.unique(label)) <= {-1, 0, 1, 2, 3}
    whole = np.load(raw / "val/depth/0.npy")
    assert np.isin(depth[0], whole).all()
    # The same pixel for each kind.
    rows, columns = np.nonzero(np.isin(whole[:, :, 0], depth[0, 0]))
    assert len(rows) >= 64
    assert (np.load(raw / "val/label/0.npy")[rows, columns] == label[0].ravel()).mean() > 0.95


@pytest.mark.parametrize(
    ("split", "kind", "change", "told"),
    [
        ("val", "depth", lambda a: 0 * a, "no pixel of the split test has a depth"),
        ("train", "label", lambda a: 0 * a - 1, "no pixel of the split train has a class"),
        ("train", "depth", lambda a: 0 * a + 1.7, "depth is the same at every pixel"),
        ("val", "depth", lambda a: a[:, :, 0], r"val/depth/0\.npy: shape"),
    ],
)
def test_a_split_without_targets_and_a_target_without_variety(tmp_path, split, kind, change, told):
    layout = replace(LAYOUT, images={"train": 10, "val": 3})
    raw = views(tmp_path / "raw", layout, 8, 8)
    for path in (raw / split / kind).iterdir():
        np.save(path, change(np.load(path)))
    with pytest.raises(ValueError, match=told):
        published.prepare(raw, tmp_path, data(train=5, val=5, test=3, height=8, width=8), layout)
