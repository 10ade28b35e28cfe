import numpy as np
import pytest
import torch

from samo import datasets
from samo.datasets import multifashion, multifashionmnist, multimnist
from samo.datasets.parts import composites
from samo.datasets.parts.composites import Pool
from samo.datasets.parts.digits import read_idx
from samo.study import store
from tests.datasets.made_idx import idx, write_split


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """The publisher's four files, with 40 + 20 made digits: every pixel of digit number n holds 100 + n."""
    monkeypatch.setattr(composites, "HELD_OUT", 15)
    write_split(tmp_path / "raw", "train", np.arange(100, 140, dtype=np.uint8))
    write_split(tmp_path / "raw", "t10k", np.arange(140, 160, dtype=np.uint8))
    return tmp_path / "raw"


@pytest.fixture
def prepared(raw, tmp_path):
    out = tmp_path / "prepared"
    out.mkdir()
    sheet = multimnist.prepare(raw, out, multimnist.Data(train=64, val=30, test=31, jitter=2, seed=3))
    store.write_json(out / "datasheet.json", sheet)
    return out


def test_no_digit_is_in_two_splits(prepared):
    used = {}
    for split in ("train", "val", "test"):
        images = np.load(prepared / f"{split}_images.npy")
        used[split] = set(np.unique(images)) - {0}
    assert used["train"] <= set(range(100, 125))
    assert used["val"] <= set(range(125, 140))
    assert used["test"] <= set(range(140, 160))


def test_the_two_digits_have_different_classes_and_lie_at_their_corners(prepared):
    images, labels = np.load(prepared / "train_images.npy"), np.load(prepared / "train_labels.npy")
    assert (labels[:, 0] != labels[:, 1]).all()
    # With a jitter of 2, [2, 2] is always covered by the upper left digit alone and [33, 33] by the other.
    assert ((images[:, 2, 2] - 100) % 10 == labels[:, 0]).all()
    assert ((images[:, 33, 33] - 100) % 10 == labels[:, 1]).all()
    assert (images[:, 18, 18] == np.maximum(images[:, 2, 2], images[:, 33, 33])).all()


def test_every_place_within_the_jitter_occurs_and_none_beyond():
    digits = np.full((10, 28, 28), 9, np.uint8)
    images, _ = composites.compose([Pool(digits, np.arange(10, dtype=np.uint8))], 2000, 2, np.random.default_rng(0))
    inked = np.asarray((images > 0).any(2))
    first_rows, last_rows = inked.argmax(1), 35 - inked[:, ::-1].argmax(1)
    assert set(first_rows) == {0, 1, 2}
    assert set(last_rows) == {33, 34, 35}


def test_the_same_seed_composes_the_same_images(raw, prepared, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    multimnist.prepare(raw, again, multimnist.Data(train=64, val=30, test=31, jitter=2, seed=3))
    for name in ("train_images.npy", "val_labels.npy", "test_images.npy"):
        assert (again / name).read_bytes() == (prepared / name).read_bytes()


def test_one_digit_and_one_garment_lie_each_at_its_own_corner(tmp_path, monkeypatch):
    monkeypatch.setattr(composites, "HELD_OUT", 15)
    for folder, first in (("mnist", 10), ("fashion", 150)):
        write_split(tmp_path / folder, "train", np.arange(first, first + 40, dtype=np.uint8))
        write_split(tmp_path / folder, "t10k", np.arange(first + 40, first + 60, dtype=np.uint8))
    sheet = multifashionmnist.prepare(tmp_path, tmp_path, multifashionmnist.Data(train=200, val=5, test=60, jitter=2))
    images, labels = np.load(tmp_path / "test_images.npy"), np.load(tmp_path / "test_labels.npy")
    assert set(np.unique(images[:, 2, 2])) <= set(range(50, 70))
    assert set(np.unique(images[:, 33, 33])) <= set(range(190, 210))
    assert ((images[:, 2, 2] - 50) % 10 == labels[:, 0]).all()
    assert ((images[:, 33, 33] - 190) % 10 == labels[:, 1]).all()
    assert (labels[:, 0] == labels[:, 1]).any()  # a 3 beside a garment of class 3 is no repetition
    assert list(sheet["splits"]["test"]["class_counts"]) == ["digit", "garment"]


def test_files_of_the_same_name_from_two_publishers_are_kept_apart():
    names = [file.name for file in multifashionmnist.RAW]
    assert len(set(names)) == 8
    assert {file.sha256 for file in multifashionmnist.RAW} == {f.sha256 for f in (*multimnist.RAW, *multifashion.RAW)}


@pytest.mark.parametrize("module", [multimnist, multifashion, multifashionmnist])
def test_every_set_is_found_by_its_name_and_has_two_tasks(module, prepared):
    assert datasets.get(module.__name__.split(".")[-1]) is module
    problem = module.problem(prepared, composites.Training(batch=30, epochs=1, search_epochs=1))
    inputs, labels = next(problem.splits["val"].batches(10, torch.device("cpu")))
    outputs = problem.forward(problem.network(), (inputs, labels), [0, 1])
    assert [output.shape for output in outputs] == [(10, 10), (10, 10)]
    assert [metric.task for metric in problem.metrics] == list(problem.tasks)
    assert problem.score({task: {"accuracy": 40.0 + 20 * k} for k, task in enumerate(problem.tasks)}) == 50.0


def test_training_batches_are_shuffled_and_whole_evaluation_batches_are_complete(prepared):
    problem = multimnist.problem(prepared, multimnist.Training(batch=30, epochs=1, search_epochs=1))
    cpu = torch.device("cpu")
    train = list(problem.splits["train"].batches(30, cpu, torch.Generator().manual_seed(0)))
    assert [len(labels) for _, labels in train] == [30, 30]
    test = list(problem.splits["test"].batches(30, cpu))
    assert [len(labels) for _, labels in test] == [30, 1]
    assert (torch.cat([labels for _, labels in test]).numpy() == np.load(prepared / "test_labels.npy")).all()
    inputs = torch.cat([images for images, _ in problem.splits["train"].batches(64, cpu)])
    assert inputs.mean().abs() < 1e-4
    assert (inputs.std(unbiased=False) - 1).abs() < 1e-4


def test_the_meter_counts_over_all_examples(prepared):
    problem = multimnist.problem(prepared, multimnist.Training(batch=30, epochs=1, search_epochs=1))
    meter = problem.meter()
    right, wrong = torch.eye(10)[[3, 4]], torch.eye(10)[[5, 5]]
    labels = torch.tensor([[3, 3], [4, 4]])
    meter.update({0: right, 1: wrong}, (torch.empty(2, 1), labels))
    meter.update({0: right[:1], 1: right[:1]}, (torch.empty(1, 1), labels[:1]))
    assert meter.compute() == {"left": {"accuracy": 100.0}, "right": {"accuracy": 100 / 3}}


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x00\x08", b"\x00\x00\x09\x01" + bytes(4), b"\x00\x00\x08\x01" + b"\x00\x00\x00\x05" + b"abc"],
)
def test_what_is_no_idx_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "broken-idx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="broken-idx"):
        read_idx(path)


def test_a_label_that_is_no_digit_is_refused(raw, tmp_path):
    (raw / "t10k-labels-idx1-ubyte").write_bytes(idx(np.full(20, 11, np.uint8)))
    with pytest.raises(ValueError, match="label 11"):
        multimnist.prepare(raw, tmp_path, multimnist.Data(train=1, val=1, test=1))
