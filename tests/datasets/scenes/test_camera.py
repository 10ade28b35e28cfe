import numpy as np

from samo.datasets.parts.scenes.builder import CLASSES
from samo.datasets.parts.scenes.camera import FOCAL, Picture, photograph
from samo.datasets.parts.scenes.furnish import Room, furnish

HEIGHT, WIDTH = 30, 40


def view(seed: int) -> tuple[Room, Picture]:
    rng = np.random.default_rng(seed)
    room = furnish(rng)
    return room, photograph(room, HEIGHT, WIDTH, rng)


VIEWS = [view(seed) for seed in range(12)]


def points(room: Room, picture: Picture) -> np.ndarray:
    """Every pixel's place in the room [3, H, W], from the depth alone."""
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    z = picture.depth
    own = np.stack([(u - WIDTH / 2) / (FOCAL * WIDTH) * z, (v - HEIGHT / 2) / (FOCAL * WIDTH) * z, z])
    return np.asarray(np.einsum("ji,jhw->ihw", room.axes, own) + room.eye[:, None, None])


def test_depth_puts_floor_walls_and_ceiling_where_they_are():
    for room, picture in VIEWS:
        place = points(room, picture)
        for name, axis, ends in (("floor", 1, (0,)), ("ceiling", 1, (room.size[1],))):
            here = place[axis][picture.label == CLASSES.index(name)]
            assert np.allclose(here, ends[0], atol=1e-3)
        walls = place[:, picture.label == CLASSES.index("wall")]
        gaps = np.minimum(walls, room.size[:, None] - walls)[[0, 2]].min(0)
        assert np.abs(gaps).max() < 1e-3
        assert (place > -1e-3).all()
        assert (place < room.size[:, None, None] + 1e-3).all()


def test_normals_are_unit_and_face_the_camera():
    for _, picture in VIEWS:
        assert np.allclose(np.linalg.norm(picture.normal, axis=2), 1, atol=1e-5)
        v, u = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
        ray = np.stack([(u - WIDTH / 2) / (FOCAL * WIDTH), (v - HEIGHT / 2) / (FOCAL * WIDTH), np.ones_like(u)], 2)
        assert ((ray * picture.normal).sum(2) < 1e-3).all()


def test_normals_agree_with_the_depth_on_flat_ground():
    for room, picture in VIEWS:
        place = points(room, picture)
        floor = picture.label == CLASSES.index("floor")
        up = np.einsum("ij,hwj->hwi", room.axes.T, picture.normal)
        assert np.allclose(up[floor], [0, 1, 0], atol=1e-5)
        # And anywhere where three neighbours lie in one plane of one thing.
        across, down = place[:, 1:-1, 2:] - place[:, 1:-1, :-2], place[:, 2:, 1:-1] - place[:, :-2, 1:-1]
        made = np.cross(across, down, axis=0)
        made /= np.linalg.norm(made, axis=0)
        same = np.abs((made * up[1:-1, 1:-1].transpose(2, 0, 1)).sum(0))
        assert np.median(same) > 0.999


def test_all_classes_occur_and_no_picture_is_black_or_white():
    seen = {int(c) for _, picture in VIEWS for c in np.unique(picture.label)}
    assert seen == set(range(len(CLASSES)))
    for _, picture in VIEWS:
        assert 60 < picture.image.mean() < 200
        assert picture.image.std() > 15


def test_geometry_alone_cannot_tell_a_picture_from_its_wall():
    """The conflict of the tasks: what hangs or lies flat has its ground's depth and normals, to a few millimetres."""
    flat = [CLASSES.index(name) for name in ("rug", "picture", "window")]
    pixels = 0
    for room, picture in VIEWS:
        place = points(room, picture)
        gap = np.minimum(place, room.size[:, None, None] - place).min(0)
        here = np.isin(picture.label, flat)
        pixels += int(here.sum())
        assert (gap[here] < 0.035).all()
    assert pixels > 300
