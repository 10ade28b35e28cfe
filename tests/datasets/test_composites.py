import numpy as np
import pytest
import torch

from samo.datasets import multifashion, multifashionmnist, multimnist
from samo.datasets.parts import composites
from samo.datasets.parts.composites import Pool
from samo.study import store
from tests.datasets.made_raw import both, digits, problem

DATA = multimnist.Data(train=64, val=30, test=31, jitter=2, seed=3)


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch):
    monkeypatch.setattr(composites, "HELD_OUT", 15)


@pytest.fixture
def raw(tmp_path):
    return digits(tmp_path / "raw")


def test_digits_are_in_one_split_differ_in_class_and_lie_at_their_corners(raw, tmp_path):
    made, again = tmp_path / "made", tmp_path / "again"
    for folder in (made, again):
        folder.mkdir()
        multimnist.prepare(raw, folder, DATA)
    for split, whole in (("train", range(100, 125)), ("val", range(125, 140)), ("test", range(140, 160))):
        assert set(np.unique(np.load(made / f"{split}_images.npy"))) - {0} <= set(whole)
    images, labels = np.load(made / "train_images.npy"), np.load(made / "train_labels.npy")
    assert (labels[:, 0] != labels[:, 1]).all()
    # With a jitter of 2, [2, 2] is always covered by the upper left digit alone and [33, 33] by the other.
    assert ((images[:, [2, 33], [2, 33]] - 100) % 10 == labels).all()
    assert (images[:, 18, 18] == np.maximum(images[:, 2, 2], images[:, 33, 33])).all()
    for name in ("train_images.npy", "val_labels.npy", "test_images.npy"):
        assert (again / name).read_bytes() == (made / name).read_bytes()


def test_every_place_within_the_jitter_occurs_and_none_beyond():
    whole = np.full((10, 28, 28), 9, np.uint8)
    images, _ = composites.compose([Pool(whole, np.arange(10, dtype=np.uint8))], 2000, 2, np.random.default_rng(0))
    inked = np.asarray((images > 0).any(2))
    assert set(inked.argmax(1)) == {0, 1, 2}
    assert set(35 - inked[:, ::-1].argmax(1)) == {33, 34, 35}


def test_one_digit_and_one_garment_lie_each_at_its_own_corner(tmp_path):
    data = multifashionmnist.Data(train=200, val=5, test=60, jitter=2)
    sheet = multifashionmnist.prepare(both(tmp_path), tmp_path, data)
    images, labels = np.load(tmp_path / "test_images.npy"), np.load(tmp_path / "test_labels.npy")
    assert set(np.unique(images[:, 2, 2])) <= set(range(50, 70))
    assert set(np.unique(images[:, 33, 33])) <= set(range(190, 210))
    assert ((images[:, [2, 33], [2, 33]] - 50) % 10 == labels).all()
    assert (labels[:, 0] == labels[:, 1]).any()  # a 3 beside a garment of class 3 is no repetition
    assert list(sheet["splits"]["test"]["class_counts"]) == ["digit", "garment"]
    names, digests = ({getattr(f, key) for f in multifashionmnist.RAW} for key in ("name", "sha256"))
    assert len(names) == 8
    assert digests == {f.sha256 for f in (*multimnist.RAW, *multifashion.RAW)}


def test_inputs_are_standardised_and_accuracy_counts_all_examples(raw, tmp_path):
    store.write_json(tmp_path / "datasheet.json", multimnist.prepare(raw, tmp_path, DATA))
    found = problem("multimnist", tmp_path)
    inputs, _ = next(found.splits["train"].batches(64, torch.device("cpu")))
    assert inputs.mean().abs() < 1e-4
    assert (inputs.std(unbiased=False) - 1).abs() < 1e-4
    meter, right, wrong = found.meter(), torch.eye(10)[[3, 4]], torch.eye(10)[[5, 5]]
    labels = torch.tensor([[3, 3], [4, 4]])
    meter.update({0: right, 1: wrong}, (torch.empty(2, 1), labels))
    meter.update({0: right[:1], 1: right[:1]}, (torch.empty(1, 1), labels[:1]))
    found_ = {task: values["accuracy"] for task, values in meter.compute().items()}
    assert found_ == pytest.approx({"left": 100.0, "right": 100 / 3})
    assert found.score({"left": {"accuracy": 40.0}, "right": {"accuracy": 60.0}}) == 50.0
