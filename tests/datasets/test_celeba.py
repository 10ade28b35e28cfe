from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from samo.datasets import celeba
from tests.datasets.made_raw import FACES, attributes_of, edit, faces, problem, write_attributes

CPU = torch.device("cpu")
PICTURES, LABELS, PARTITION = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"


@pytest.fixture
def raw(tmp_path):
    return faces(tmp_path / "raw")


def test_each_split_holds_the_faces_of_the_partition_with_their_labels(raw, tmp_path):
    sheet = celeba.prepare(raw, tmp_path, celeba.Data(side=16, train=12))
    for split, chosen in (("train", range(12)), ("val", range(20, 25)), ("test", range(25, 30))):
        images = np.load(tmp_path / f"{split}_images.npy")
        assert images.shape == (len(chosen), 16, 16, 3)
        assert np.abs(images[:, 8, 8, 0].astype(int) - [8 * n for n in chosen]).max() <= 2
        assert np.load(tmp_path / f"{split}_labels.npy").tolist() == [attributes_of(n) for n in chosen]
    assert sheet["splits"]["train"]["positive"] == {"Bald": 3, "Male": 6, "Smiling": 4}
    assert sheet["splits"]["train"]["left_out"] == {"beyond the number asked for": 8}
    with pytest.raises(ValueError, match="val: 6 faces are asked for, the partition has 5"):
        celeba.prepare(raw, tmp_path, celeba.Data(side=16, val=6))


BROKEN: list[tuple[Any, ...]] = [
    (lambda raw: None,),
    (lambda raw: Image.new("L", (18, 22)).save(raw / PICTURES / "000005.jpg"), "000005.jpg: mode L, not RGB"),
    (
        lambda raw: (raw / PICTURES / "000008.jpg").rename(raw / PICTURES / "8.jpg"),
        *("30 pictures, but the lists name 30", "000008.jpg: missing", "8.jpg: in neither list"),
    ),
    (lambda raw: (raw / LABELS).rename(raw / PICTURES / LABELS), f"{LABELS}: missing; move it here from"),
    (lambda raw: write_attributes(raw, FACES, 202599), "its first line says '202599', but 30 files follow"),
    (lambda raw: edit(raw / LABELS, "000002.jpg -1", "000002.jpg  0"), "line 4: not a name and 3 times -1 or 1"),
    (lambda raw: write_attributes(raw, ["../secret.jpg"]), "line 3: ../secret.jpg is no name of a .jpg"),
    (lambda raw: edit(raw / PARTITION, "30.jpg 2", "30.jpg 2\n000004.jpg 2"), "000004.jpg for the second"),
    (lambda raw: edit(raw / PARTITION, "000030.jpg 2\n", ""), f"{PARTITION}: nothing about 000030.jpg"),
    (lambda raw: (raw / PARTITION).write_bytes(b"\xff\xfe\x00"), f"{PARTITION}: cannot be read as text"),
]


def test_faults_are_named_one_by_one(tmp_path):
    for number, (breaks, *named) in enumerate(BROKEN):
        raw = faces(tmp_path / str(number))
        breaks(raw)
        for line, part in zip(celeba.RAW.check(raw), named, strict=True):
            assert part in line


def test_what_has_faults_is_not_prepared(raw, tmp_path):
    (raw / PICTURES / "000001.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"000001\.jpg") as caught:
        celeba.prepare(raw, tmp_path, celeba.Data(side=16))
    assert str(caught.value).splitlines() == celeba.RAW.check(raw)


def test_metrics_are_over_all_faces_of_the_asked_attributes(arrays):
    meter = problem("celeba", arrays, attributes=["Smiling", "Bald"]).meter()
    truth = torch.tensor([[0, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 0]])
    says = torch.tensor([[2.0], [-1.0], [-3.0], [3.0]])
    for part in (slice(3), slice(3, 4)):
        meter.update({0: says[part], 1: -torch.ones(4, 1)[part]}, (torch.empty(4), truth[part]))
    # One hit, one false alarm, two misses; of the bald, one missed and none found.
    assert meter.compute() == {"Smiling": {"f1": pytest.approx(40.0)}, "Bald": {"f1": 0.0}}
    meter = problem("celeba", arrays, network="resnet18", attributes=["Male"]).meter()
    meter.update({0: torch.tensor([[0.0, 1.0], [1.0, 0.0]])}, (torch.empty(2), torch.tensor([[0, 1, 0], [0, 1, 0]])))
    meter.update({0: torch.tensor([[1.0, 0.0]])}, (torch.empty(1), torch.tensor([[0, 0, 0]])))
    assert meter.compute() == {"Male": {"error": pytest.approx(100 / 3)}}


def test_attributes_must_be_there_and_differ(arrays):
    for attributes in (["Beard"], ["Bald", "Bald"]):
        with pytest.raises(ValueError, match=attributes[0]):
            problem("celeba", arrays, attributes=attributes)


@pytest.mark.parametrize(
    ("network", "mean", "logits"),
    [("cnn9", (0, 0, 0), [[0.3], [-1.2]]), ("resnet18", celeba.MEAN, [[0.1, 0.4], [0, -1.2]])],
)
def test_inputs_and_losses_are_those_of_the_protocol(arrays, network, mean, logits):
    made = problem("celeba", arrays, network=network, attributes=["Male"])
    inputs, _ = next(made.splits["val"].batches(5, CPU))
    images = np.load(arrays / "val_images.npy").transpose(0, 3, 1, 2) / 255
    np.testing.assert_allclose(inputs.numpy(), images - np.array(mean)[:, None, None] / 255, atol=1e-6)
    loss = made.loss(0, torch.tensor(logits), (torch.empty(2), torch.tensor([[0, 1, 0], [0, 0, 0]])))
    own = torch.sigmoid(torch.tensor([0.3, 1.2])).log().mean()
    torch.testing.assert_close(loss, -own)
