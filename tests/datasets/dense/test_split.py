import numpy as np
import torch
from torch.nn.functional import interpolate

from samo.datasets.parts.dense import split
from samo.datasets.parts.dense.split import DenseSplit, Views, augment
from samo.models.segnet import unit_length
from tests.datasets.dense.test_tasks import views
from tests.datasets.made_raw import save

CPU = torch.device("cpu")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def flat(n, height=24, width=36):
    """A view whose image, depth and label all tell the column and row that a pixel came from."""
    rows = torch.arange(height).view(1, 1, height, 1).expand(n, 1, height, width)
    columns = torch.arange(width).view(1, 1, 1, width).expand(n, 1, height, width)
    normal = torch.tensor([0.6, 0.0, -0.8]).view(1, 3, 1, 1).expand(n, 3, height, width)
    image = torch.cat([rows, columns, rows], 1) / 40
    return Views(image, (rows * width + columns)[:, 0], (1 + columns).float(), normal)


def test_evaluation_batches_are_small_and_never_augmented(tmp_path, monkeypatch):
    images = np.arange(10 * 3 * 4 * 6, dtype=np.uint8).reshape(10, 3, 4, 6)
    save(
        tmp_path,
        image=images,
        label=np.zeros((10, 4, 6), np.int8),
        depth=np.ones((10, 1, 4, 6), np.float32),
        normal=np.full((10, 3, 4, 6), 0.5773, np.float16),
    )
    monkeypatch.setattr(split, "PIXELS", 3 * 4 * 6)
    served = DenseSplit(tmp_path, "train", augmented=True)
    assert [len(batch.label) for batch in served.batches(5, CPU, generator())] == [5, 5]
    batches = list(served.batches(500, CPU))
    assert [len(batch.label) for batch in batches] == [3, 3, 3, 1]
    whole = torch.cat([batch.image for batch in batches])
    assert torch.equal(whole, torch.from_numpy(images).float() / 255)
    assert batches[0].normal is not None
    assert torch.allclose(batches[0].normal.norm(dim=1), torch.ones(3, 4, 6))
    (tmp_path / "train_normal.npy").unlink()
    assert next(DenseSplit(tmp_path, "train", augmented=True).batches(2, CPU, generator())).normal is None


def test_scales_and_flips_occur_as_often_as_they_should_and_windows_reach_every_corner():
    made = augment(flat(1500), generator())
    assert made.normal is not None
    first, last = made.label[:, 0, 0], made.label[:, -1, -1]
    flipped = made.normal[:, 0, 0, 0] < 0
    assert 0.45 < float(flipped.float().mean()) < 0.55
    height = last // 36 - first // 36
    # Windows of 24, 20 and 16 rows; the nearest rows to the last of 24 are those.
    assert set(height.tolist()) == {23, 19, 15}
    for rows, side in ((23, 24), (19, 20), (15, 16)):
        here = height == rows
        assert 0.28 < float(here.float().mean()) < 0.39
        assert set((first[here] // 36).tolist()) == set(range(24 - side + 1))


def test_interpolation_and_nearest_pixels_are_those_of_torch_in_one_window_for_all():
    taken = views(1, 24, 36)
    for seed in range(20):
        made = augment(taken, generator(seed))
        assert made.normal is not None
        # Where the window lies follows from the same draws.
        g = generator(seed)
        scale = split.SCALES[int(torch.randint(3, (1,), generator=g))]
        corner = torch.rand(1, 2, generator=g)[0]
        flip = bool(torch.rand(1, generator=g) < 0.5)
        h, w = int(24 / scale), int(36 / scale)
        top, left = int(corner[0] * (24 - h + 1)), int(corner[1] * (36 - w + 1))
        label = taken.label[:, None].float()
        window = [part[..., top : top + h, left : left + w] for part in (taken.image, taken.normal, label, taken.depth)]
        smooth = [interpolate(part, (24, 36), mode="bilinear", align_corners=True) for part in window[:2]]
        near = [interpolate(part, (24, 36)) for part in window[2:]]
        wanted = [part.flip(-1) if flip else part for part in (*smooth, *near)]
        assert torch.allclose(made.image, wanted[0], atol=1e-5)
        normal = wanted[1] * torch.tensor([-1.0 if flip else 1.0, 1.0, 1.0]).view(1, 3, 1, 1)
        assert torch.allclose(made.normal, unit_length(normal), atol=1e-4)
        assert torch.equal(made.label[:, None].float(), wanted[2])
        assert torch.allclose(made.depth, wanted[3] / scale)
