import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from samo.datasets import officehome
from samo.models import resnet18
from samo.models.multitask import MultiTaskNetwork, SeparateNetworks
from samo.optim.sharpness import preset
from samo.study import store
from samo.training import loop as train

CLASSES = ["Bed", "Mug"]
PICTURES = {"Art": 5, "Real World": 10}
"""Pictures of each class in each domain."""
CPU = torch.device("cpu")


def grey(domain, label, n):
    """The grey level of a made picture: unlike that of every other."""
    return 5 + 120 * (domain != "Art") + 50 * label + 4 * n


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    for domain, count in PICTURES.items():
        for label, name in enumerate(CLASSES):
            (folder / domain / name).mkdir(parents=True)
            for n in range(count):
                level = grey(domain, label, n)
                Image.new("RGB", (40, 30), (level,) * 3).save(folder / domain / name / f"{n:05}.jpg")
    return folder


def write_lists(raw):
    """The lists as LibMTL writes them: of each class the first picture is in val, the second in test."""
    (raw / "split").mkdir()
    for domain, count in PICTURES.items():
        key = domain.replace(" ", "_")
        for split, chosen in (("val", [0]), ("test", [1]), ("train", range(2, count))):
            lines = [f"{key}/{name}/{n:05}.jpg {9 - label}" for label, name in enumerate(CLASSES) for n in chosen]
            (raw / "split" / f"{key}_{split}.txt").write_text("\n".join(lines) + "\n")


def prepare(raw, out, **data):
    out.mkdir()
    sheet = officehome.prepare(raw, out, officehome.Data(side=32, **data))
    store.write_json(out / "datasheet.json", sheet)
    return sheet


def levels(out, name):
    """The grey levels of an array's pictures."""
    return np.load(out / f"{name}_images.npy")[:, 16, 16, 0].astype(int)


TRAINING = officehome.Training(batch=3, epochs=1, search_epochs=1)


def problem(out):
    return officehome.problem(out, TRAINING)


def test_whole_folders_have_no_faults_with_or_without_lists(raw):
    assert officehome.RAW.check(raw) == []
    write_lists(raw)
    assert officehome.RAW.check(raw) == []


def test_the_lists_decide_the_split_and_the_folders_the_classes(raw, tmp_path):
    write_lists(raw)
    sheet = prepare(raw, tmp_path / "out")
    assert sheet["split"] == "by the lists given"
    assert (sheet["domains"], sheet["classes"]) == (["Art", "Real_World"], CLASSES)
    for domain, key in (("Art", "Art"), ("Real World", "Real_World")):
        for split, chosen in (("val", [0]), ("test", [1]), ("train", range(2, PICTURES[domain]))):
            expected = {grey(domain, label, n): label for label in (0, 1) for n in chosen}
            labels = np.load(tmp_path / "out" / f"{split}_{key}_labels.npy").tolist()
            assert dict(zip(levels(tmp_path / "out", f"{split}_{key}"), labels, strict=True)) == expected


def test_classes_are_mixed_so_that_the_first_pictures_are_not_all_of_one(raw, tmp_path):
    prepare(raw, tmp_path / "out")
    assert set(np.load(tmp_path / "out/train_Real_World_labels.npy")[:6]) == {0, 1}


def test_without_lists_every_class_is_split_60_20_20_and_the_sheet_says_so(raw, tmp_path):
    sheet = prepare(raw, tmp_path / "out", seed=1)
    assert "ours, 60 : 20 : 20" in sheet["split"]
    assert "seed 1" in sheet["split"]
    for split, tenths in (("train", 6), ("val", 2), ("test", 2)):
        for domain, count in PICTURES.items():
            entry = sheet["splits"][split][domain.replace(" ", "_")]
            assert entry["class_counts"] == dict.fromkeys(CLASSES, tenths * count // 10)
    seen = np.concatenate([levels(tmp_path / "out", f"{s}_Real_World") for s in ("train", "val", "test")])
    assert len(set(seen)) == 20
    prepare(raw, tmp_path / "again", seed=1)
    prepare(raw, tmp_path / "other", seed=2)
    name = "train_Real_World"
    assert (levels(tmp_path / "again", name) == levels(tmp_path / "out", name)).all()
    assert set(levels(tmp_path / "other", name)) != set(levels(tmp_path / "out", name))


def test_a_part_is_drawn_from_all_of_a_domain(raw, tmp_path):
    sheet = prepare(raw, tmp_path / "out", train=8)
    assert [sheet["splits"]["train"][d]["images"] for d in ("Art", "Real_World")] == [6, 8]
    assert sheet["splits"]["train"]["Real_World"]["left_out"] == {"beyond the number asked for": 4}
    assert set(np.load(tmp_path / "out/train_Real_World_labels.npy")) == {0, 1}


def test_greyscale_and_png_are_converted_and_counted(raw, tmp_path):
    write_lists(raw)
    Image.new("L", (9, 9), 200).save(raw / "Art/Bed/00000.jpg")
    Image.new("RGBA", (9, 9), (200, 200, 200, 255)).save(raw / "Art/Mug/00000.jpg", format="PNG")
    assert officehome.RAW.check(raw) == []
    sheet = prepare(raw, tmp_path / "out")
    assert sheet["splits"]["val"]["Art"]["converted_to_rgb"] == {"L": 1, "RGBA": 1}
    assert np.abs(levels(tmp_path / "out", "val_Art") - 200).max() <= 1


def cut(raw):
    path = raw / "Art/Mug/00002.jpg"
    path.write_bytes(path.read_bytes()[:-4])


def no_picture(raw):
    (raw / "Art/Mug/00002.jpg").write_bytes(b"<html>")


def missing(raw):
    (raw / "Art/Mug/00002.jpg").unlink()


def unlisted(raw):
    (raw / "Art/Mug/00002.jpg").rename(raw / "Art/Mug/copy.jpg")
    write_list(raw, "Art_train", lambda text: text.replace("Art/Mug/00002.jpg 8\n", ""))


def class_missing(raw):
    (raw / "Art/Mug").rename(raw.parent / "Mug")


def class_empty(raw):
    for path in (raw / "Art/Mug").iterdir():
        path.unlink()


def one_folder_too_deep(raw):
    (raw / "Home").mkdir()
    (raw / "Art").rename(raw / "Home/Art")
    (raw / "Real World").rename(raw / "Home/Real World")
    (raw / "Other/Art/Bed").mkdir(parents=True)


def no_domains(raw):
    (raw / "Art").rename(raw.parent / "Art")


def list_missing(raw):
    (raw / "split/Art_val.txt").unlink()


def write_list(raw, name, change):
    path = raw / f"split/{name}.txt"
    path.write_text(change(path.read_text()))


def in_two_splits(raw):
    write_list(raw, "Art_test", lambda text: text + "Art/Bed/00000.jpg 9\n")


def wrong_number(raw):
    write_list(raw, "Art_test", lambda text: text.replace("Mug/00001.jpg 8", "Mug/00001.jpg 7"))


def wrong_line(raw):
    write_list(raw, "Art_test", lambda text: text.replace("Art/Bed/00001.jpg", "Real_World/Bed/00001.jpg"))


def out_of_the_folder(raw):
    write_list(raw, "Art_test", lambda text: text.replace("Bed/00001.jpg", "../00001.jpg"))


@pytest.mark.parametrize(
    ("breaks", "named"),
    [
        (cut, ["Art/Mug/00002.jpg: no readable JPEG or PNG (image file is truncated"]),
        (no_picture, ["Art/Mug/00002.jpg: no readable JPEG or PNG (another format)"]),
        (missing, ["Art/Mug/00002.jpg: missing, but listed in Art_train.txt, line 4"]),
        (unlisted, ["30 pictures, but the lists name 29", "Art/Mug/copy.jpg: in no list"]),
        (class_missing, ["Art/Mug: missing, another domain has this class"]),
        (class_empty, ["Art/Mug: no pictures"]),
        (
            one_folder_too_deep,
            [
                "Home/Art: no pictures, but folders",
                "Home/Real World: no pictures, but folders",
                "Other/Art: no pictures, but folders",
                "Other/Real World: missing",
            ],
        ),
        (no_domains, ["1 folders of domains; at least two are needed"]),
        (list_missing, ["split/Art_val.txt: missing"]),
        (in_two_splits, ["Art_test.txt, line 3: Art/Bed/00000.jpg is listed for the second time"]),
        (wrong_number, ["Art_test.txt, line 2: Mug has number 7 here and 8 before"]),
        (wrong_line, ["Art_test.txt, line 1: not Art/<class>/<picture> and a number"]),
        (out_of_the_folder, ["Art/../00001.jpg: missing, but listed in Art_test.txt, line 1"]),
    ],
)
def test_faults_are_named_one_by_one(raw, breaks, named):
    write_lists(raw)
    breaks(raw)
    found = officehome.RAW.check(raw)
    assert len(found) == len(named)
    for line, part in zip(found, named, strict=True):
        assert part in line


def test_at_most_ten_pictures_are_named_and_none_is_prepared(raw, tmp_path):
    for path in (raw / "Real World/Bed").iterdir():
        path.write_bytes(b"")
    (raw / "Real World/Mug/00000.jpg").write_bytes(b"")
    assert len(officehome.RAW.check(raw)) == 10
    with pytest.raises(ValueError, match=r"no readable JPEG"):
        prepare(raw, tmp_path / "out")


@pytest.fixture
def prepared(raw, tmp_path):
    """Six pictures of Art and twelve of Real_World in train, two and four in val and test."""
    prepare(raw, tmp_path / "prepared")
    return tmp_path / "prepared"


def seen(batches, domain, out, split):
    """The grey levels of a domain's pictures in these batches, back from normalised inputs."""
    inputs = torch.cat([batch[domain][0][:, 0, 16, 16] for batch in batches if domain in batch])
    values = (255 * (inputs * officehome.STD[0] + officehome.MEAN[0])).round().int().tolist()
    names = ("Art", "Real_World")
    assert set(values) <= set(levels(out, f"{split}_{names[domain]}"))
    return values


def test_a_shorter_domain_restarts_in_training(prepared):
    split = problem(prepared).splits["train"]
    assert len(split) == 12
    batches = list(split.batches(3, CPU, torch.Generator().manual_seed(0)))
    assert [sorted(batch) for batch in batches] == [[0, 1]] * 4
    art, real = (seen(batches, domain, prepared, "train") for domain in (0, 1))
    assert len(set(real)) == len(real) == 12
    assert set(art[:6]) == set(art[6:]) == set(levels(prepared, "train_Art"))
    assert art[:6] != art[6:]
    assert real != sorted(real)


def test_labels_stay_with_their_pictures(prepared):
    batch = next(problem(prepared).splits["train"].batches(12, CPU, torch.Generator().manual_seed(0)))
    values = np.array(seen([batch], 1, prepared, "train"))
    assert ((values >= grey("Real World", 1, 0) - 1) == batch[1][1].numpy().astype(bool)).all()


def test_in_evaluation_every_picture_comes_once(prepared):
    held = problem(prepared)
    assert held.present is not None
    batches = list(held.splits["test"].batches(500, CPU))
    assert [held.present(batch) for batch in batches] == [[0, 1], [1]]
    # No more than a training batch of a domain at a time.
    assert [len(batch[1][1]) for batch in batches] == [3, 1]
    for domain, name in enumerate(("Art", "Real_World")):
        assert seen(batches, domain, prepared, "test") == list(levels(prepared, f"test_{name}"))


def test_accuracy_is_over_all_pictures_of_a_domain(prepared):
    meter = problem(prepared).meter()
    bed = torch.tensor([[1.0, 0.0]])
    meter.update(
        {0: bed.expand(2, 2), 1: bed.expand(3, 2)},
        {0: (torch.empty(2), torch.tensor([0, 1])), 1: (torch.empty(3), torch.tensor([0, 0, 0]))},
    )
    meter.update({1: bed}, {1: (torch.empty(1), torch.tensor([1]))})
    assert meter.compute() == {"Art": {"accuracy": 50.0}, "Real_World": {"accuracy": 75.0}}


def test_each_domain_goes_through_its_own_head_alone(prepared, monkeypatch):
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)
    held = problem(prepared)
    network = held.network()
    assert isinstance(network, MultiTaskNetwork)
    batch = next(held.splits["train"].batches(3, CPU))
    real, art = held.forward(network, batch, [1, 0])
    torch.testing.assert_close(art, network(batch[0][0], [0])[0])
    torch.testing.assert_close(real, network(batch[1][0], [1])[0])
    only_art = held.forward(SeparateNetworks(network), {0: batch[0]}, [0])
    torch.testing.assert_close(only_art[0], art)


def test_given_weights_are_what_the_trunk_starts_from(raw, tmp_path):
    weights = {name: torch.full_like(t, 0.25) for name, t in resnet18.Backbone().state_dict().items()}
    save_file(weights, raw / "resnet18.safetensors")
    sheet = prepare(raw, tmp_path / "out", weights="resnet18.safetensors")
    assert sheet["weights"]["file"] == "resnet18.safetensors"
    network = problem(tmp_path / "out").network()
    assert isinstance(network, MultiTaskNetwork)
    backbone = next(network.trunk.children())
    assert all((p == 0.25).all() for p in backbone.parameters())


def test_weights_that_are_not_there_are_named(raw, tmp_path):
    with pytest.raises(ValueError, match=r"none\.pth: no such file"):
        prepare(raw, tmp_path / "out", weights="none.pth")


def test_it_trains(prepared):
    held = problem(prepared)
    recipe = train.Recipe("ls", preset("none"), lr=1e-4, epochs=1, training=TRAINING, seed=0)
    fit = train.fit(held, recipe, ("val",))
    assert {row.task for row in fit.history if row.metric == "accuracy"} == {"Art", "Real_World"}
    assert any(row.metric == "cosine_mean" for row in fit.history)
