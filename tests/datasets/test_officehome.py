from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from samo.datasets import officehome
from samo.models import resnet18
from samo.models.multitask import MultiTaskNetwork
from samo.study import store
from tests.datasets.made_raw import PICTURES, THINGS, edit, grey, problem, things

CPU = torch.device("cpu")
KEYS = {"Art": "Art", "Real World": "Real_World"}


@pytest.fixture
def raw(tmp_path):
    return things(tmp_path / "raw")


def write_lists(raw):
    """The lists as LibMTL writes them: of each class the first picture is in val, the second in test."""
    (raw / "split").mkdir()
    for domain, count in PICTURES.items():
        key = KEYS[domain]
        for split, chosen in (("val", [0]), ("test", [1]), ("train", range(2, count))):
            lines = [f"{key}/{name}/{n:05}.jpg {9 - label}" for label, name in enumerate(THINGS) for n in chosen]
            (raw / "split" / f"{key}_{split}.txt").write_text("\n".join(lines) + "\n")


def prepare(raw, out, **data):
    out.mkdir()
    return officehome.prepare(raw, out, officehome.Data(side=32, **data))


def levels(out, name):
    """The grey levels of an array's pictures."""
    return np.load(out / f"{name}_images.npy")[:, 16, 16, 0].astype(int)


def test_the_lists_decide_the_split_and_the_folders_the_classes(raw, tmp_path):
    write_lists(raw)
    sheet = prepare(raw, tmp_path / "out")
    assert sheet["split"] == "by the lists given"
    assert (sheet["domains"], sheet["classes"]) == (["Art", "Real_World"], THINGS)
    for domain, key in KEYS.items():
        for split, chosen in (("val", [0]), ("test", [1]), ("train", range(2, PICTURES[domain]))):
            expected = {grey(domain, label, n): label for label in (0, 1) for n in chosen}
            labels = np.load(tmp_path / "out" / f"{split}_{key}_labels.npy").tolist()
            assert dict(zip(levels(tmp_path / "out", f"{split}_{key}"), labels, strict=True)) == expected


def test_without_lists_every_class_is_split_60_20_20_mixed_and_by_the_seed(raw, tmp_path):
    sheet = prepare(raw, tmp_path / "out", seed=1)
    assert "ours, 60 : 20 : 20" in sheet["split"]
    assert "seed 1" in sheet["split"]
    for split, tenths in (("train", 6), ("val", 2), ("test", 2)):
        for domain, count in PICTURES.items():
            entry = sheet["splits"][split][KEYS[domain]]
            assert entry["class_counts"] == dict.fromkeys(THINGS, tenths * count // 10)
    seen = np.concatenate([levels(tmp_path / "out", f"{s}_Real_World") for s in ("train", "val", "test")])
    assert len(set(seen)) == 20
    assert set(np.load(tmp_path / "out/train_Real_World_labels.npy")[:6]) == {0, 1}
    prepare(raw, tmp_path / "again", seed=1)
    other = prepare(raw, tmp_path / "other", seed=2, train=8)
    name = "train_Real_World"
    assert (levels(tmp_path / "again", name) == levels(tmp_path / "out", name)).all()
    assert not set(levels(tmp_path / "other", name)) <= set(levels(tmp_path / "out", name))
    assert [other["splits"]["train"][d]["images"] for d in KEYS.values()] == [6, 8]
    assert other["splits"]["train"]["Real_World"]["left_out"] == {"beyond the number asked for": 4}


def test_greyscale_and_png_are_converted_and_counted(raw, tmp_path):
    write_lists(raw)
    Image.new("L", (9, 9), 200).save(raw / "Art/Bed/00000.jpg")
    Image.new("RGBA", (9, 9), (200, 200, 200, 255)).save(raw / "Art/Mug/00000.jpg", format="PNG")
    assert officehome.RAW.check(raw) == []
    sheet = prepare(raw, tmp_path / "out")
    assert sheet["splits"]["val"]["Art"]["converted_to_rgb"] == {"L": 1, "RGBA": 1}
    assert np.abs(levels(tmp_path / "out", "val_Art") - 200).max() <= 1


PICTURE, TEST = "Art/Mug/00002.jpg", "split/Art_test.txt"


def unlisted(raw):
    (raw / PICTURE).rename(raw / "Art/Mug/copy.jpg")
    edit(raw / "split/Art_train.txt", f"{PICTURE} 8\n", "")


BROKEN: list[tuple[Any, ...]] = [
    (lambda raw: None,),
    (lambda raw: (raw / PICTURE).unlink(), f"{PICTURE}: missing, but listed in Art_train.txt, line 4"),
    (unlisted, "30 pictures, but the lists name 29", "Art/Mug/copy.jpg: in no list"),
    (lambda raw: (raw / "Art/Mug").rename(raw / ".Mug"), "Art/Mug: missing, another domain has this class"),
    (lambda raw: (raw / "Art").rename(raw / ".Art"), "1 folders of domains; at least two are needed"),
    (lambda raw: (raw / "split/Art_val.txt").unlink(), "split/Art_val.txt: missing"),
    (
        lambda raw: edit(raw / TEST, "Mug/00001.jpg 8\n", "Mug/00001.jpg 8\nArt/Bed/00000.jpg 9\n"),
        "Art_test.txt, line 3: Art/Bed/00000.jpg is listed for the second time",
    ),
    (
        lambda raw: edit(raw / TEST, "Mug/00001.jpg 8", "Mug/00001.jpg 7"),
        "Art_test.txt, line 2: Mug has number 7 here and 8 before",
    ),
    (
        lambda raw: edit(raw / TEST, "Art/Bed/00001.jpg", "Real_World/Bed/00001.jpg"),
        "Art_test.txt, line 1: not Art/<class>/<picture> and a number",
    ),
]


def test_faults_are_named_one_by_one(tmp_path):
    for number, (breaks, *named) in enumerate(BROKEN):
        raw = things(tmp_path / str(number))
        write_lists(raw)
        breaks(raw)
        for line, part in zip(officehome.RAW.check(raw), named, strict=True):
            assert part in line


def test_a_shorter_domain_restarts_in_training_and_is_gone_in_evaluation(arrays):
    """Six pictures of Art, twelve of Real_World; no more than a training batch of a domain comes at a time."""
    made, stored = problem("officehome", arrays, batch=3), [levels(arrays, f"train_{name}") for name in KEYS.values()]
    batches = list(made.splits["train"].batches(3, CPU, torch.Generator().manual_seed(0)))
    assert len(made.splits["train"]) == 12
    assert [sorted(batch) for batch in batches] == [[0, 1]] * 4
    inputs = [torch.cat([batch[domain][0][:, 0, 16, 16] for batch in batches]) for domain in (0, 1)]
    art, real = ((255 * (x * officehome.STD[0] + officehome.MEAN[0])).round().int().tolist() for x in inputs)
    assert sorted(real) == sorted(stored[1])
    assert sorted(art[:6]) == sorted(art[6:]) == sorted(stored[0])
    assert art[:6] != art[6:]
    labels = torch.cat([batch[1][1] for batch in batches])
    assert ((np.array(real) >= grey("Real World", 1, 0) - 1) == labels.numpy().astype(bool)).all()
    assert made.present is not None
    held = list(made.splits["test"].batches(500, CPU))
    assert [made.present(batch) for batch in held] == [[0, 1], [1]]
    assert [len(batch[1][1]) for batch in held] == [3, 1]


def test_accuracy_is_over_all_pictures_of_a_domain(arrays):
    meter, bed = problem("officehome", arrays).meter(), torch.tensor([[1.0, 0.0]])
    both = {0: (torch.empty(2), torch.tensor([0, 1])), 1: (torch.empty(3), torch.tensor([0, 0, 0]))}
    meter.update({0: bed.expand(2, 2), 1: bed.expand(3, 2)}, both)
    meter.update({1: bed}, {1: (torch.empty(1), torch.tensor([1]))})
    found = meter.compute()
    assert [found[domain]["accuracy"] for domain in KEYS.values()] == pytest.approx([50.0, 75.0])


def test_given_weights_are_what_the_trunk_starts_from_and_missing_ones_are_named(raw, tmp_path):
    weights = {name: torch.full_like(t, 0.25) for name, t in resnet18.Backbone().state_dict().items()}
    save_file(weights, raw / "resnet18.safetensors")
    sheet = prepare(raw, tmp_path / "out", weights="resnet18.safetensors")
    assert sheet["weights"]["file"] == "resnet18.safetensors"
    store.write_json(tmp_path / "out/datasheet.json", sheet)
    network = problem("officehome", tmp_path / "out").network()
    assert isinstance(network, MultiTaskNetwork)
    assert all((p == 0.25).all() for p in next(network.trunk.children()).parameters())
    with pytest.raises(ValueError, match=r"none\.pth: no such file"):
        prepare(raw, tmp_path / "none", weights="none.pth")
