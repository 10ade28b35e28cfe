import math

import pytest
import torch
from torch.nn.functional import one_hot

from samo.datasets.parts.dense.split import Views
from samo.datasets.parts.dense.tasks import DEPTH, LIMITS, NORMALS, SEGMENTATION
from samo.models.segnet import unit_length


def views(n=2, height=4, width=6):
    g = torch.Generator().manual_seed(0)
    return Views(
        image=torch.rand(n, 3, height, width, generator=g),
        label=torch.randint(3, (n, height, width), generator=g),
        depth=1 + torch.rand(n, 1, height, width, generator=g),
        normal=unit_length(torch.randn(n, 3, height, width, generator=g)),
    )


def measure(task, output, target):
    """The metrics over the views, taken one by one."""
    ones = [Views(*(part[k : k + 1] for part in target)) for k in range(len(output))]
    return task.summary(sum(task.count(output[k : k + 1], one).double() for k, one in enumerate(ones)))


def test_what_is_not_known_counts_in_neither_loss_nor_metrics():
    taken = views()
    label, far, normal = taken.label.clone(), taken.depth.clone(), taken.normal.clone()
    label[0, :2], far[0, :, 1:3], normal[1, :, :, :4] = -1, 0, 0
    masked = taken._replace(label=label, depth=far, normal=normal)
    logits = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(1))
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
    angle = torch.linspace(1, 100, 3 * 5 * 7).view(3, 1, 5, 7)
    across = unit_length(torch.linalg.cross(taken.normal, torch.roll(taken.normal, 1, dims=1), dim=1))
    turned = taken.normal * torch.deg2rad(angle).cos() + across * torch.deg2rad(angle).sin()
    values = measure(NORMALS, turned, taken)
    assert values["Angle Mean"] == pytest.approx(float(angle.mean()), abs=0.01)
    assert values["Angle Median"] == pytest.approx(float(angle.median()), abs=0.02)
    for limit in LIMITS:
        assert values[f"Within {limit:g}"] == pytest.approx(100 * float((angle < limit).float().mean()), abs=1e-4)
