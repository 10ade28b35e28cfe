import numpy as np
import pytest

from samo.datasets import scenes
from samo.datasets.parts.scenes.camera import FOCAL, Picture, photograph
from samo.datasets.parts.scenes.furnish import Room, furnish
from samo.datasets.parts.scenes.furniture import CLASSES
from samo.datasets.parts.scenes.solids import ROUND, Solids
from samo.study import store
from tests.datasets.made_raw import problem

KINDS = ("image", "label", "depth", "normal")
HEIGHT, WIDTH = 30, 40
V, U = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
RAYS = np.stack([(U - WIDTH / 2) / (FOCAL * WIDTH), (V - HEIGHT / 2) / (FOCAL * WIDTH), np.ones_like(U)])


def made(folder, **changes):
    folder.mkdir()
    scenes.prepare(folder, folder, scenes.Data(train=3, val=1, test=1, height=16, width=24, **changes))
    return folder


def test_the_seed_alone_decides_and_a_longer_split_begins_with_the_shorter_one(arrays, tmp_path):
    again, other = made(tmp_path / "again"), made(tmp_path / "other", seed=1)
    for kind in KINDS:
        first, same, unlike = (np.load(folder / f"train_{kind}.npy")[:3] for folder in (arrays, again, other))
        assert (first == same).all()
        assert (first != unlike).any()


def test_no_view_is_in_two_splits_and_every_pixel_is_known(arrays):
    views = [image.tobytes() for s in ("train", "val", "test") for image in np.load(arrays / f"{s}_image.npy")]
    assert len(set(views)) == 8 + 2 + 3
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


def view(seed: int) -> tuple[Room, Picture, np.ndarray]:
    """A room, its picture, and every pixel's place in the room [3, H, W], from the depth alone."""
    rng = np.random.default_rng(seed)
    room = furnish(rng)
    picture = photograph(room, HEIGHT, WIDTH, rng)
    place = np.einsum("ji,jhw->ihw", room.axes, RAYS * picture.depth) + room.eye[:, None, None]
    return room, picture, place


VIEWS = [view(seed) for seed in range(12)]


def test_depth_puts_floor_walls_and_ceiling_where_they_are():
    for room, picture, place in VIEWS:
        for name, height in (("floor", 0), ("ceiling", room.size[1])):
            assert np.allclose(place[1][picture.label == CLASSES.index(name)], height, atol=1e-3)
        walls = place[:, picture.label == CLASSES.index("wall")]
        gaps = np.minimum(walls, room.size[:, None] - walls)[[0, 2]].min(0)
        assert np.abs(gaps).max() < 1e-3
        assert ((place > -1e-3) & (place < room.size[:, None, None] + 1e-3)).all()


def test_normals_are_unit_face_the_camera_and_agree_with_the_depth():
    for room, picture, place in VIEWS:
        assert np.allclose(np.linalg.norm(picture.normal, axis=0), 1, atol=1e-5)
        assert ((RAYS * picture.normal).sum(0) < 1e-3).all()
        up = np.einsum("ji,jhw->ihw", room.axes, picture.normal)
        assert np.allclose(up[:, picture.label == CLASSES.index("floor")].T, [0, 1, 0], atol=1e-5)
        # And anywhere where three neighbours lie in one plane of one thing.
        across, down = place[:, 1:-1, 2:] - place[:, 1:-1, :-2], place[:, 2:, 1:-1] - place[:, :-2, 1:-1]
        made = np.cross(across, down, axis=0)
        same = np.abs((made / np.linalg.norm(made, axis=0) * up[:, 1:-1, 1:-1]).sum(0))
        assert np.median(same) > 0.999


def test_all_classes_occur_and_no_picture_is_black_or_white():
    assert {int(c) for _, picture, _ in VIEWS for c in np.unique(picture.label)} == set(range(len(CLASSES)))
    for _, picture, _ in VIEWS:
        assert 60 < picture.image.mean() < 200
        assert picture.image.std() > 15


def solid(shape: str, yaw: float = 0.0) -> Solids:
    """Of half extents 1, 2 and 3 (round axes: 1), 5 ahead of the origin and 4 up."""
    half = {"box": (1, 2, 3), "cylinder": (1, 2, 1), "ball": (1, 1, 1)}[shape]
    single = (np.array([v], np.float32) for v in ((0, 4, 5), half, yaw))
    return Solids(np.array([ROUND[shape]], bool), *single)


def span(body: Solids, origin, direction) -> tuple[float, float]:
    entry, exit_ = body.spans(np.array([origin], np.float32).T, np.array([direction], np.float32).T)
    return entry.item(), exit_.item()


def test_where_rays_enter_and_leave():
    for shape, ends in (("box", (2, 8)), ("cylinder", (4, 6)), ("ball", (4, 6))):
        assert span(solid(shape), (0, 4, 0), (0, 0, 1)) == pytest.approx(ends, abs=1e-4)
        assert span(solid(shape), (0, 4, 0), (0, 0, 2))[0] == pytest.approx(ends[0] / 2, abs=1e-4)
        for beside in ((1.01, 4, 0), (0, 6.01, 0)):
            entry, exit_ = span(solid(shape), beside, (0, 0, 1))
            assert entry > exit_
    # A cylinder is round from above only, and yaw turns a box about the vertical.
    for shape, hit in (("box", True), ("cylinder", False)):
        entry, exit_ = span(solid(shape), (0.8, 9, 5.8), (0, -1, 0))
        assert (entry < exit_) is hit
    assert span(solid("box", np.pi / 2), (0, 4, 0), (0, 0, 1)) == pytest.approx((4, 6), abs=1e-4)


@pytest.mark.parametrize("shape", ROUND)
def test_normals_are_those_of_the_surface(shape):
    """Rays that start along the normal just above the surface leave it; the tangents' steps stay near it."""
    rng = np.random.default_rng(0)
    body, origin = solid(shape, 0.7), np.array([[0.5], [4.3], [0]], np.float32)
    aim = rng.uniform((-0.9, 2.2, 5), (0.9, 5.8, 5), (200, 3)).T.astype(np.float32) - origin
    entry, exit_ = body.spans(origin, aim)
    hit = (entry < exit_)[0]
    assert hit.sum() > 20
    points = (origin + entry[0] * aim)[:, hit]
    normals = body.normals(np.zeros(points.shape[1], np.intp), points)
    assert np.allclose(np.linalg.norm(normals, axis=0), 1, atol=1e-5)
    assert ((normals * aim[:, hit]).sum(0) <= 1e-4).all()
    into, _ = body.spans(points + 0.01 * normals, -normals)
    assert np.allclose(into, 0.01, atol=1e-3)
