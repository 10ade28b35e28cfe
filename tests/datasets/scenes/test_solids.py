import numpy as np
import pytest

from samo.datasets.parts.scenes.solids import ROUND, Solids


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
