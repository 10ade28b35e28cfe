import numpy as np
import pytest

from samo.datasets import scenes
from samo.optim import sharpness
from samo.study import store
from samo.training.loop import Recipe, fit

KINDS = ("image", "label", "depth", "normal")


def data(**changes):
    settings = {"train": 24, "val": 4, "test": 5, "height": 16, "width": 24, "seed": 0}
    return scenes.Data.model_validate({**settings, **changes})


def made(folder, **changes):
    folder.mkdir()
    store.write_json(folder / "datasheet.json", scenes.prepare(folder, folder, data(**changes)))
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return made(tmp_path_factory.mktemp("scenes") / "prepared")


def training(**changes):
    settings = {"batch": 8, "epochs": 1, "search_epochs": 1, "widths": [4, 6, 8]}
    return scenes.Training.model_validate({**settings, **changes})


def test_the_same_seed_draws_the_same_views(prepared, tmp_path):
    again, other = made(tmp_path / "again"), made(tmp_path / "other", seed=1)
    for kind in KINDS:
        first = (prepared / f"train_{kind}.npy").read_bytes()
        assert (again / f"train_{kind}.npy").read_bytes() == first
        assert (other / f"train_{kind}.npy").read_bytes() != first


def test_a_longer_split_begins_with_the_shorter_one(prepared, tmp_path):
    shorter = made(tmp_path / "shorter", train=3, val=1, test=1)
    for kind in KINDS:
        assert (np.load(shorter / f"train_{kind}.npy") == np.load(prepared / f"train_{kind}.npy")[:3]).all()


def test_no_view_is_in_two_splits(prepared):
    views = [image.tobytes() for s in ("train", "val", "test") for image in np.load(prepared / f"{s}_image.npy")]
    assert len(set(views)) == 24 + 4 + 5


def test_every_pixel_is_known(prepared):
    sheet = store.read_json(prepared / "datasheet.json")
    for split in sheet["splits"].values():
        assert split["void_share"] == split["missing_depth_share"] == 0
    assert np.load(prepared / "train_normal.npy").any(axis=1).all()


@pytest.mark.parametrize("network", ["mtan", "segnet"])
@pytest.mark.parametrize("separate", [False, True])
def test_training_on_it_brings_every_task_forward(prepared, network, separate):
    problem = scenes.problem(prepared, training(network=network))
    recipe = Recipe("ls", sharpness.preset("none"), lr=0.01, epochs=4, training=training(), seed=0, separate=separate)
    rows = fit(problem, recipe, ("val",), every_epoch=True).history
    losses = {(r.task, r.epoch): r.value for r in rows if r.split == "train" and r.metric == "loss"}
    for task in problem.tasks:
        assert losses[task, 4] < losses[task, 1]
    reported = [(r.task, r.metric) for r in rows if r.split == "val" and r.epoch == 4 and r.metric != "loss"]
    assert reported == [(m.task, m.name) for m in problem.metrics]


def test_the_score_weighs_tasks_alike_and_is_minus_1_for_a_constant_guess(prepared):
    problem = scenes.problem(prepared, training())
    guess = store.read_json(prepared / "datasheet.json")["constant_guess"]
    values = {
        "segmentation": {"mIoU": 100 * (1 - guess["segmentation"])},
        "depth": {"Abs Err": guess["depth"]},
        "normals": {"Angle Mean": guess["normals"]},
    }
    assert problem.score(values) == pytest.approx(-1)
    values["depth"]["Abs Err"] /= 2
    assert problem.score(values) == pytest.approx(-5 / 6)
    values["depth"]["Abs Err"] *= 2
    values["normals"]["Angle Mean"] /= 2
    assert problem.score(values) == pytest.approx(-5 / 6)


def test_a_network_too_deep_for_the_images_is_refused(prepared):
    with pytest.raises(ValueError, match="16 x 24 do not divide by 16"):
        scenes.problem(prepared, training(widths=[4, 4, 4, 4]))
