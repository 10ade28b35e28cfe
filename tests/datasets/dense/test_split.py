import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate, one_hot

from samo.datasets.parts.dense import split
from samo.datasets.parts.dense.split import DenseSplit, Views, augment
from samo.datasets.parts.dense.tasks import DEPTH, LIMITS, NORMALS, SEGMENTATION
from samo.datasets.parts.tasks import Task
from samo.models.segnet import unit_length

CPU = torch.device("cpu")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def views(n: int = 2, height: int = 4, width: int = 6) -> Views:
    g = generator()
    return Views(
        image=torch.rand(n, 3, height, width, generator=g),
        label=torch.randint(3, (n, height, width), generator=g),
        depth=1 + torch.rand(n, 1, height, width, generator=g),
        normal=unit_length(torch.randn(n, 3, height, width, generator=g)),
    )


def flat(n: int, height: int = 24, width: int = 36) -> Views:
    """A view whose image, depth and label all tell the column and row that a pixel came from."""
    rows = torch.arange(height).view(1, 1, height, 1).expand(n, 1, height, width)
    columns = torch.arange(width).view(1, 1, 1, width).expand(n, 1, height, width)
    normal = torch.tensor([0.6, 0.0, -0.8]).view(1, 3, 1, 1).expand(n, 3, height, width)
    image = torch.cat([rows, columns, rows], 1) / 40
    return Views(image, (rows * width + columns)[:, 0], (1 + columns).float(), normal)


def test_evaluation_batches_are_small_and_never_augmented(tmp_path, monkeypatch):
    images = np.arange(10 * 3 * 4 * 6, dtype=np.uint8).reshape(10, 3, 4, 6)
    np.save(tmp_path / "train_image.npy", images)
    np.save(tmp_path / "train_label.npy", np.zeros((10, 4, 6), np.int8))
    np.save(tmp_path / "train_depth.npy", np.ones((10, 1, 4, 6), np.float32))
    np.save(tmp_path / "train_normal.npy", np.full((10, 3, 4, 6), 0.5773, np.float16))
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
    assert taken.normal is not None
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


def measure(task: Task, output: Tensor, target: Views) -> dict[str, float]:
    """The metrics over the views, taken one by one."""
    sums = torch.zeros(1)
    for k in range(len(output)):
        one = Views(*(part[k : k + 1] for part in target))  # type: ignore[index]
        sums = sums + task.count(output[k : k + 1], one).double()
    return task.summary(sums)


def test_what_is_not_known_counts_in_neither_loss_nor_metrics():
    taken = views()
    assert taken.normal is not None
    label, far, normal = taken.label.clone(), taken.depth.clone(), taken.normal.clone()
    label[0, :2], far[0, :, 1:3], normal[1, :, :, :4] = -1, 0, 0
    masked = taken._replace(label=label, depth=far, normal=normal)
    logits = torch.randn(2, 3, 4, 6, generator=generator(1))
    by_pixel = torch.log_softmax(logits, 1).gather(1, label.clamp(min=0)[:, None])[:, 0]
    assert SEGMENTATION.loss(logits, masked) == pytest.approx(-float(by_pixel[label >= 0].mean()))
    other = torch.where((label < 0).unsqueeze(1), 9 * torch.randn(2, 3, 4, 6), logits)
    assert SEGMENTATION.loss(other, masked) == SEGMENTATION.loss(logits, masked)
    assert measure(SEGMENTATION, other, masked) == measure(SEGMENTATION, logits, masked)
    wild = torch.where(far == 0, 77.0, far + 0.25)
    assert [float(DEPTH.loss(wild, masked)), measure(DEPTH, wild, masked)["Abs Err"]] == pytest.approx([0.25] * 2)
    pointing = torch.where(normal == 0, 1.0, normal)
    assert float(NORMALS.loss(pointing, masked)) == pytest.approx(0, abs=1e-4)
    assert measure(NORMALS, pointing, masked)["Within 11.25"] == 100


def test_a_normal_whose_components_add_up_to_0_is_not_missing():
    normal = torch.tensor([0.5**0.5, -(0.5**0.5), 0.0]).view(1, 3, 1, 1)
    assert float(NORMALS.loss(-normal, views(1, 1, 1)._replace(normal=normal))) == pytest.approx(2)


@pytest.mark.parametrize("task", [SEGMENTATION, DEPTH, NORMALS], ids=lambda task: task.name)
def test_a_batch_of_which_nothing_is_known_has_loss_0_and_finite_gradients(task):
    nothing = views()._replace(label=torch.full((2, 4, 6), -1), depth=torch.zeros(2, 1, 4, 6))
    nothing = nothing._replace(normal=torch.zeros(2, 3, 4, 6))
    out = torch.randn(2, 1 if task is DEPTH else 3, 4, 6, requires_grad=True)
    task.loss(out, nothing).backward()
    assert out.grad is not None
    assert bool((out.grad == 0).all())
    assert all(math.isnan(value) for value in measure(task, out.detach(), nothing).values())


def test_metrics_weigh_pixels_and_not_batches():
    label = torch.tensor([[[0, 0, 0, 1]], [[1, 1, 2, -1]]])
    guess = torch.tensor([[[0, 0, 1, 1]], [[1, 0, 0, 2]]])
    found = measure(SEGMENTATION, one_hot(guess, 5).permute(0, 3, 1, 2).float(), views()._replace(label=label))
    # Unions: class 0: 5, class 1: 4, class 2: 1; classes 3 and 4 never occur.
    assert found == pytest.approx({"mIoU": 100 * (2 / 5 + 2 / 4 + 0) / 3, "Pix Acc": 100 * 4 / 7})
    target, predicted = (torch.tensor(v).view(2, 1, 1, 2) for v in ([1.0, 2.0, 4.0, 0.0], [2.0, 2.5, 3.0, 5.0]))
    errors = measure(DEPTH, predicted, views()._replace(depth=target))
    assert errors == pytest.approx({"Abs Err": 2.5 / 3, "Rel Err": (1 + 0.25 + 0.25) / 3})


def test_angles_over_all_pixels():
    taken = views(3, 5, 7)
    assert taken.normal is not None
    angle = torch.linspace(1, 100, 3 * 5 * 7).view(3, 1, 5, 7)
    across = unit_length(torch.linalg.cross(taken.normal, torch.roll(taken.normal, 1, dims=1), dim=1))
    turned = taken.normal * torch.deg2rad(angle).cos() + across * torch.deg2rad(angle).sin()
    values = measure(NORMALS, turned, taken)
    assert values["Angle Mean"] == pytest.approx(float(angle.mean()), abs=0.01)
    assert values["Angle Median"] == pytest.approx(float(angle.median()), abs=0.02)
    for limit in LIMITS:
        assert values[f"Within {limit:g}"] == pytest.approx(100 * float((angle < limit).float().mean()), abs=1e-4)
