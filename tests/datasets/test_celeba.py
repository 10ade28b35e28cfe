import numpy as np
import pytest
import torch
from PIL import Image

from samo.datasets import celeba
from samo.optim.sharpness import preset
from samo.study import store
from samo.training import loop as train

ATTRIBUTES = ["Bald", "Male", "Smiling"]
FACES = 30
CPU = torch.device("cpu")


def labels_of(n):
    return [n % 5 == 0, n % 2 == 0, n % 3 == 0]


def write_lists(folder, names, counted=None):
    rows = [f"{name} " + " ".join(" 1" if yes else "-1" for yes in labels_of(n)) for n, name in enumerate(names)]
    (folder / "list_attr_celeba.txt").write_text(
        "\n".join([str(counted or len(names)), " ".join(ATTRIBUTES) + " ", *rows]) + "\n"
    )
    # Faces 0 to 19 train, 20 to 24 val, 25 to 29 test.
    parts = [f"{name} {(n >= 20) + (n >= 25)}" for n, name in enumerate(names)]
    (folder / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")


@pytest.fixture
def raw(tmp_path):
    """The publisher's layout, with 30 made faces of 3 attributes: face number n has the grey level 8 n."""
    folder = tmp_path / "raw"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{n + 1:06}.jpg" for n in range(FACES)]
    write_lists(folder, names)
    for n, name in enumerate(names):
        Image.new("RGB", (18, 22), (8 * n,) * 3).save(folder / "img_align_celeba" / name)
    return folder


def prepare(raw, out, **data):
    out.mkdir()
    sheet = celeba.prepare(raw, out, celeba.Data(side=16, **data))
    store.write_json(out / "datasheet.json", sheet)
    return sheet


def training(**fields):
    return celeba.Training(batch=6, epochs=1, search_epochs=1, **fields)


def test_a_whole_folder_has_no_faults(raw):
    assert celeba.RAW.check(raw) == []


def test_each_split_holds_the_faces_of_the_partition_with_their_labels(raw, tmp_path):
    sheet = prepare(raw, tmp_path / "out", train=12)
    for split, faces in (("train", range(12)), ("val", range(20, 25)), ("test", range(25, 30))):
        images = np.load(tmp_path / "out" / f"{split}_images.npy")
        assert images.shape == (len(faces), 16, 16, 3)
        assert np.abs(images[:, 8, 8, 0].astype(int) - [8 * n for n in faces]).max() <= 2
        assert np.load(tmp_path / "out" / f"{split}_labels.npy").tolist() == [labels_of(n) for n in faces]
    assert sheet["splits"]["train"]["positive"] == {"Bald": 3, "Male": 6, "Smiling": 4}
    assert sheet["splits"]["train"]["left_out"] == {"beyond the number asked for": 8}


def test_more_faces_than_there_are_is_refused(raw, tmp_path):
    with pytest.raises(ValueError, match="val: 6 faces are asked for, the partition has 5"):
        prepare(raw, tmp_path / "out", val=6)


def cut(raw):
    path = raw / "img_align_celeba/000003.jpg"
    path.write_bytes(path.read_bytes()[:-4])


def grey(raw):
    Image.new("L", (18, 22)).save(raw / "img_align_celeba/000005.jpg")


def disguised(raw):
    Image.new("RGB", (18, 22)).save(raw / "img_align_celeba/000007.jpg", format="PNG")


def missing(raw):
    (raw / "img_align_celeba/000009.jpg").unlink()


def unknown(raw):
    (raw / "img_align_celeba/000008.jpg").rename(raw / "img_align_celeba/8.jpg")


def one_folder_too_deep(raw):
    (raw / "img_align_celeba").rename(raw / "inner")
    (raw / "img_align_celeba").mkdir()
    (raw / "inner").rename(raw / "img_align_celeba/img_align_celeba")


def mislaid_list(raw):
    (raw / "Anno").mkdir()
    (raw / "list_attr_celeba.txt").rename(raw / "Anno/list_attr_celeba.txt")


def wrong_count(raw):
    write_lists(raw, [f"{n + 1:06}.jpg" for n in range(FACES)], counted=202599)


def wrong_value(raw):
    path = raw / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace("000002.jpg -1", "000002.jpg  0"))


def out_of_the_folder(raw):
    write_lists(raw, ["../secret.jpg"])


def twice(raw):
    path = raw / "list_eval_partition.txt"
    path.write_text(path.read_text() + "000004.jpg 2\n")


def half_a_list(raw):
    path = raw / "list_eval_partition.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def no_text(raw):
    (raw / "list_eval_partition.txt").write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize(
    ("breaks", "named"),
    [
        (cut, ["000003.jpg: no readable JPEG (image file is truncated"]),
        (grey, ["000005.jpg: mode L, not RGB"]),
        (disguised, ["000007.jpg: no readable JPEG (another format)"]),
        (missing, ["29 pictures, but the lists name 30", "000009.jpg: missing"]),
        (unknown, ["30 pictures, but the lists name 30", "000008.jpg: missing", "8.jpg: in neither list"]),
        (one_folder_too_deep, ["0 pictures", "move it here from", *[f"00000{n}.jpg: missing" for n in range(2, 10)]]),
        (mislaid_list, ["list_attr_celeba.txt: missing; move it here from"]),
        (wrong_count, ["its first line says 202599, but 30 files follow"]),
        (wrong_value, ["list_attr_celeba.txt, line 4: not a name and 3 times -1 or 1"]),
        (out_of_the_folder, ["list_attr_celeba.txt, line 3: ../secret.jpg is no name of a .jpg"]),
        (twice, ["list_eval_partition.txt, line 31: 000004.jpg for the second time"]),
        (half_a_list, ["list_eval_partition.txt: nothing about 000030.jpg"]),
        (no_text, ["list_eval_partition.txt: cannot be read as text"]),
    ],
)
def test_faults_are_named_one_by_one(raw, breaks, named):
    breaks(raw)
    found = celeba.RAW.check(raw)
    assert len(found) == len(named)
    for line, part in zip(found, named, strict=True):
        assert part in line


def test_at_most_ten_faults_are_named_and_none_is_prepared(raw, tmp_path):
    for path in (raw / "img_align_celeba").iterdir():
        path.write_bytes(b"")
    assert len(celeba.RAW.check(raw)) == 10
    with pytest.raises(ValueError, match=r"000001\.jpg") as caught:
        prepare(raw, tmp_path / "out")
    assert len(str(caught.value).splitlines()) == 10


@pytest.fixture
def prepared(raw, tmp_path):
    prepare(raw, tmp_path / "prepared")
    return tmp_path / "prepared"


def test_inputs_are_those_of_the_protocol(prepared):
    images = np.load(prepared / "val_images.npy").transpose(0, 3, 1, 2) / 255
    for network, shift in (("cnn9", np.zeros(3)), ("resnet18", np.array(celeba.MEAN) / 255)):
        inputs, _ = next(celeba.problem(prepared, training(network=network)).splits["val"].batches(5, CPU))
        np.testing.assert_allclose(inputs.numpy(), images - shift[:, None, None], atol=1e-6)


def test_f1_is_over_all_faces_of_the_asked_attributes(prepared):
    meter = celeba.problem(prepared, training(attributes=["Smiling", "Bald"])).meter()
    truth = torch.tensor([[0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]])
    says = torch.tensor([[2.0], [-1.0], [3.0], [-3.0]])
    meter.update({0: says[:3], 1: -torch.ones(3, 1)}, (torch.empty(3), truth[:3]))
    assert meter.compute()["Smiling"] == {"f1": 50.0}
    meter.update({0: says[3:], 1: -torch.ones(1, 1)}, (torch.empty(1), truth[3:] + torch.tensor([1, 0, 1])))
    # One hit, one false alarm, two misses; of the bald, one missed and none found.
    assert meter.compute() == {"Smiling": {"f1": pytest.approx(40.0)}, "Bald": {"f1": 0.0}}


def test_errors_are_counted_over_all_faces(prepared):
    problem = celeba.problem(prepared, training(network="resnet18", attributes=["Male"]))
    meter = problem.meter()
    yes, no = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    truth = torch.tensor([[0, 1, 0], [0, 1, 0], [0, 0, 0]])
    meter.update({0: torch.cat([yes, no])}, (torch.empty(2), truth[:2]))
    meter.update({0: no}, (torch.empty(1), truth[2:]))
    assert meter.compute() == {"Male": {"error": pytest.approx(100 / 3)}}
    assert problem.score(meter.compute()) == pytest.approx(-100 / 3)


@pytest.mark.parametrize("attributes", [["Beard"], ["Bald", "Bald"]])
def test_attributes_must_be_there_and_differ(prepared, attributes):
    with pytest.raises(ValueError, match=attributes[0]):
        celeba.problem(prepared, training(attributes=attributes))


def test_losses_are_those_of_the_protocol(prepared):
    batch = (torch.empty(2), torch.tensor([[0, 1, 0], [0, 0, 0]]))
    one = celeba.problem(prepared, training(attributes=["Male"]))
    logits = torch.tensor([[0.3], [-1.2]])
    own = -(torch.sigmoid(logits[0]).log() + torch.sigmoid(-logits[1]).log()) / 2
    torch.testing.assert_close(one.loss(0, logits, batch), own[0])
    two = celeba.problem(prepared, training(network="resnet18", attributes=["Male"]))
    both = torch.tensor([[0.1, 0.4], [0.0, -1.2]])
    torch.testing.assert_close(two.loss(0, both, batch), own[0])


@pytest.mark.parametrize("network", ["cnn9", "resnet18"])
def test_it_trains(prepared, network):
    settings = training(network=network)
    problem = celeba.problem(prepared, settings)
    recipe = train.Recipe("ls", preset("none"), lr=1e-4, epochs=1, training=settings, seed=0)
    fit = train.fit(problem, recipe, ("test",))
    metric = problem.metrics[0].name
    assert {row.task for row in fit.history if row.metric == metric} == set(ATTRIBUTES)
