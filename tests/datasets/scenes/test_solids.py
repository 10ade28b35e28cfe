import numpy as np
import pytest

from samo.datasets.parts.scenes.solids import ROUND, Solids


def solid(shape: str, yaw: float = 0.0) -> Solids:
    """Of half extents 1, 2 and 3 (round axes: 1), 5 ahead of the origin and 4 up."""
    half = {"box": (1, 2, 3), "cylinder": (1, 2, 1), "ball": (1, 1, 1)}[shape]
    return Solids(
        round=np.array([ROUND[shape]], bool),
        centre=np.array([[0, 4, 5]], np.float32),
        half=np.array([half], np.float32),
        yaw=np.array([yaw], np.float32),
    )


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


@pytest.mark.parametrize(("shape", "entry", "exit_"), [("box", 2, 8), ("cylinder", 4, 6), ("ball", 4, 6)])
def test_a_ray_through_the_centre(shape, entry, exit_):
    found = solid(shape).spans(column(0, 4, 0), column(0, 0, 1))
    assert np.allclose(np.concatenate(found).ravel(), [entry, exit_], atol=1e-4)


def test_lengths_are_counted_in_the_rays_own():
    entry, _ = solid("ball").spans(column(0, 4, 0), column(0, 0, 2))
    assert entry.item() == pytest.approx(2, abs=1e-4)


@pytest.mark.parametrize("shape", ROUND)
def test_a_ray_beside_or_over_it_misses(shape):
    for at in (column(1.01, 4, 0), column(0, 6.01, 0)):
        entry, exit_ = solid(shape).spans(at, column(0, 0, 1))
        assert entry.item() > exit_.item()


def test_a_cylinder_is_round_from_above_only():
    corner = column(0.8, 9, 5.8)
    for shape, hit in (("box", True), ("cylinder", False)):
        entry, exit_ = solid(shape).spans(corner, column(0, -1, 0))
        assert (entry < exit_).item() is hit


def test_yaw_turns_a_box_about_the_vertical():
    entry, exit_ = solid("box", yaw=np.pi / 2).spans(column(0, 4, 0), column(0, 0, 1))
    assert (entry.item(), exit_.item()) == pytest.approx((4, 6), abs=1e-4)


@pytest.mark.parametrize("shape", ROUND)
@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_normals_are_those_of_the_surface(shape, yaw):
    """Rays that start along the normal just above the surface leave it; the tangents' steps stay near it."""
    rng = np.random.default_rng(0)
    body = solid(shape, yaw)
    origin = column(0.5, 4.3, 0)
    aim = rng.uniform((-0.9, 2.2, 5), (0.9, 5.8, 5), (200, 3)).T.astype(np.float32) - origin
    entry, exit_ = body.spans(origin, aim)
    hit = (entry < exit_)[0]
    assert hit.sum() > 20
    points = (origin + entry[0] * aim)[:, hit]
    which = np.zeros(points.shape[1], np.intp)
    normals = body.normals(which, points)
    assert np.allclose(np.linalg.norm(normals, axis=0), 1, atol=1e-5)
    assert ((normals * aim[:, hit]).sum(0) <= 1e-4).all()
    into, _ = body.spans(points + 0.01 * normals, -normals)
    assert np.allclose(into, 0.01, atol=1e-3)
