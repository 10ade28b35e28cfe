import numpy as np

from samo.datasets.parts.scenes.camera import FOCAL, Picture, photograph
from samo.datasets.parts.scenes.furnish import Room, furnish
from samo.datasets.parts.scenes.furniture import CLASSES

HEIGHT, WIDTH = 30, 40
V, U = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
RAYS = np.stack([(U - WIDTH / 2) / (FOCAL * WIDTH), (V - HEIGHT / 2) / (FOCAL * WIDTH), np.ones_like(U)])


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
