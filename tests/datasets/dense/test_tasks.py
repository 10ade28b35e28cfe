import math

import pytest
import torch
from torch.nn.functional import one_hot

from samo.datasets.parts.dense import depth, normals, segmentation
from samo.datasets.parts.dense.split import Views
from samo.models.segnet import unit_length
from tests.datasets.dense.views import views


def logits(label: torch.Tensor, classes: int = 3) -> torch.Tensor:
    return one_hot(label.clamp(min=0), classes).permute(0, 3, 1, 2).float()


def parts(taken: Views, *chosen: slice) -> list[Views]:
    assert taken.normal is not None
    return [Views(taken.image[c], taken.label[c], taken.depth[c], taken.normal[c]) for c in chosen]


def turned(target: torch.Tensor, degrees: torch.Tensor) -> torch.Tensor:
    """Unit vectors at these angles from the targets."""
    other = torch.linalg.cross(target, torch.roll(target, 1, dims=1), dim=1)
    angle = torch.deg2rad(degrees)
    return target * angle.cos() + unit_length(other) * angle.sin()


def test_void_pixels_count_in_neither_loss_nor_metrics():
    taken = views()
    label = taken.label.clone()
    label[0, :2] = -1
    masked = taken._replace(label=label)
    out = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(1))
    other = out.clone()
    other[0, :, :2] += 9 * torch.randn(3, 2, 6)
    by_pixel = torch.log_softmax(out, 1).gather(1, label.clamp(min=0)[:, None])[:, 0]
    assert segmentation.loss(out, masked) == pytest.approx(-float(by_pixel[label >= 0].mean()))
    assert segmentation.loss(other, masked) == segmentation.loss(out, masked)
    found = []
    for o in (out, other):
        meter = segmentation.Meter()
        meter.update(o, masked)
        found.append(meter.compute())
    assert found[0] == found[1]


def test_missing_depth_and_missing_normals_count_in_neither_loss_nor_metrics():
    taken = views()
    assert taken.normal is not None
    far, normal = taken.depth.clone(), taken.normal.clone()
    far[0, :, 1:3], normal[1, :, :, :4] = 0, 0
    masked = taken._replace(depth=far, normal=normal)
    assert float(depth.loss(far + 0.25, masked)) == pytest.approx(0.25)
    wild = torch.where(far == 0, 77.0, far + 0.25)
    assert float(depth.loss(wild, masked)) == pytest.approx(0.25)
    pointing = torch.where(normal == 0, 1.0, normal)
    assert float(normals.loss(pointing, masked)) == pytest.approx(0, abs=1e-4)
    far_off, off = depth.Meter(), normals.Meter()
    far_off.update(wild, masked)
    off.update(pointing, masked)
    assert far_off.compute()["Abs Err"] == pytest.approx(0.25)
    assert off.compute()["Within 11.25"] == 100


def test_a_normal_whose_components_add_up_to_0_is_not_missing():
    normal = torch.tensor([0.5**0.5, -(0.5**0.5), 0.0]).view(1, 3, 1, 1)
    taken = views(1, 1, 1)._replace(normal=normal)
    assert float(normals.loss(-normal, taken)) == pytest.approx(2)


@pytest.mark.parametrize(
    ("task", "empty"),
    [
        (segmentation.TASK, views()._replace(label=torch.full((2, 4, 6), -1))),
        (depth.TASK, views()._replace(depth=torch.zeros(2, 1, 4, 6))),
        (normals.TASK, views()._replace(normal=torch.zeros(2, 3, 4, 6))),
    ],
)
def test_a_batch_of_which_nothing_is_known_has_loss_0_and_finite_gradients(task, empty):
    out = torch.randn(2, 1 if task is depth.TASK else 3, 4, 6, requires_grad=True)
    loss = task.loss(out, empty)
    loss.backward()
    assert float(loss.detach()) == 0
    assert out.grad is not None
    assert bool((out.grad == 0).all())
    meter = task.meter()
    meter.update(out.detach(), empty)
    assert all(math.isnan(value) for value in meter.compute().values())


def test_miou_and_accuracy_come_from_the_confusion_matrix_of_the_whole_split():
    label = torch.tensor([[[0, 0, 0, 1]], [[1, 1, 2, -1]]])
    guess = torch.tensor([[[0, 0, 1, 1]], [[1, 0, 0, 2]]])
    meter = segmentation.Meter()
    for k in (0, 1):
        meter.update(logits(guess[k : k + 1], 5), views(1)._replace(label=label[k : k + 1]))
    # Unions: class 0: 5, class 1: 4, class 2: 1; classes 3 and 4 never occur.
    assert meter.compute() == pytest.approx({"mIoU": 100 * (2 / 5 + 2 / 4 + 0) / 3, "Pix Acc": 100 * 4 / 7})


def test_depth_errors_weigh_pixels_not_batches():
    target = torch.tensor([1.0, 2.0, 4.0, 0.0]).view(2, 1, 1, 2)
    guess = torch.tensor([2.0, 2.5, 3.0, 5.0]).view(2, 1, 1, 2)
    meter = depth.Meter()
    for k in (0, 1):
        meter.update(guess[k : k + 1], views(1)._replace(depth=target[k : k + 1]))
    assert meter.compute() == pytest.approx({"Abs Err": 2.5 / 3, "Rel Err": (1 + 0.25 + 0.25) / 3})


def test_angles_over_all_pixels():
    taken = views(3, 5, 7)
    assert taken.normal is not None
    degrees = torch.linspace(1, 100, 3 * 5 * 7).view(3, 1, 5, 7)
    out = turned(taken.normal, degrees)
    meter = normals.Meter()
    for part, o in zip(parts(taken, slice(0, 2), slice(2, 3)), (out[:2], out[2:]), strict=True):
        meter.update(o, part)
    values = meter.compute()
    assert values["Angle Mean"] == pytest.approx(float(degrees.mean()), abs=0.01)
    assert values["Angle Median"] == pytest.approx(float(degrees.median()), abs=0.02)
    for limit in normals.LIMITS:
        assert values[f"Within {limit:g}"] == pytest.approx(100 * float((degrees < limit).float().mean()), abs=1e-4)


def test_the_metrics_are_the_papers_in_their_order_and_direction():
    found = [(name, up) for task in (segmentation.TASK, depth.TASK, normals.TASK) for name, up, _ in task.metrics]
    assert found == [
        *(("mIoU", True), ("Pix Acc", True), ("Abs Err", False), ("Rel Err", False)),
        *(("Angle Mean", False), ("Angle Median", False)),
        *(("Within 11.25", True), ("Within 22.5", True), ("Within 30", True)),
    ]
