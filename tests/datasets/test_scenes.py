import numpy as np
import pytest

from samo.datasets import scenes
from samo.study import store
from tests.datasets.made_raw import problem

KINDS = ("image", "label", "depth", "normal")


def made(folder, **changes):
    folder.mkdir()
    settings = {"train": 6, "val": 4, "test": 5, "height": 16, "width": 24, "seed": 0, **changes}
    store.write_json(folder / "datasheet.json", scenes.prepare(folder, folder, scenes.Data(**settings)))
    return folder


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    return made(tmp_path_factory.mktemp("scenes") / "prepared")


def test_the_seed_alone_decides_and_a_longer_split_begins_with_the_shorter_one(arrays, tmp_path):
    again, other = made(tmp_path / "again", train=3, val=1, test=1), made(tmp_path / "other", train=3, seed=1)
    for kind in KINDS:
        first, same, unlike = (np.load(folder / f"train_{kind}.npy")[:3] for folder in (arrays, again, other))
        assert (first == same).all()
        assert (first != unlike).any()


def test_no_view_is_in_two_splits_and_every_pixel_is_known(arrays):
    views = [image.tobytes() for s in ("train", "val", "test") for image in np.load(arrays / f"{s}_image.npy")]
    assert len(set(views)) == 6 + 4 + 5
    for split in store.read_json(arrays / "datasheet.json")["splits"].values():
        assert split["void_share"] == split["missing_depth_share"] == 0
    assert np.load(arrays / "train_normal.npy").any(axis=1).all()


def test_the_score_weighs_tasks_alike_and_is_minus_1_for_a_constant_guess(arrays):
    guess = store.read_json(arrays / "datasheet.json")["constant_guess"]
    for task, expected in ((None, -1), ("depth", -5 / 6), ("normals", -5 / 6)):
        error = {name: value / (2 if name == task else 1) for name, value in guess.items()}
        values = {
            "segmentation": {"mIoU": 100 * (1 - error["segmentation"])},
            "depth": {"Abs Err": error["depth"]},
            "normals": {"Angle Mean": error["normals"]},
        }
        assert problem("scenes", arrays).score(values) == pytest.approx(expected)


def test_a_network_too_deep_for_the_images_is_refused(arrays):
    with pytest.raises(ValueError, match="16 x 24 do not divide by 16"):
        problem("scenes", arrays, widths=[4, 4, 4, 4])
