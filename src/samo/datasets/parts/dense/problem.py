"""A dense problem from its prepared arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from samo.datasets.parts.dense.split import DenseSplit, Views
from samo.datasets.parts.dense.task import Task
from samo.datasets.parts.prepared import sheet as read_sheet
from samo.models import mtan, segnet
from samo.training import settings
from samo.training.problem import Metric, Problem, Values

Widths = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2)]


class Training(settings.Training):
    """The training of `samo.training.settings.Training`, the network, and the augmentation.

    Attributes:
        network: "mtan" (SegNet with attention for each task, the papers') or "segnet" (one trunk, a head a task).
        widths: channels of the levels, each of which halves height and width; the papers' by default.
        augment: zoom and flip training images at random, as in the papers.
    """

    network: Literal["mtan", "segnet"] = "mtan"
    widths: Widths = Field(default_factory=lambda: list(segnet.WIDTHS))
    augment: bool = True


def build(prepared: Path, training: Training, tasks: Sequence[Task], depth_unit: str) -> Problem:
    """The problem of these tasks.

    `score` is minus the mean over the tasks of their error (1 - mIoU, absolute depth error, mean angle) relative to
    that of the best constant guess, which the datasheet holds: near -1 where nothing was learnt, 0 at best, and no
    task counts more because of its unit.

    Raises:
        ValueError: the images cannot be halved as often as the network has levels.
    """
    sheet = read_sheet(prepared, "classes", "height", "width", "constant_guess")
    sizes = {"segmentation": len(sheet["classes"]), "depth": 1, "normals": 3}
    height, width = sheet["height"], sheet["width"]
    step = 2 ** len(training.widths)
    if height % step or width % step:
        raise ValueError(
            f"images of {height} x {width} do not divide by {step}, as a network of {len(training.widths)} levels "
            f"needs: choose fewer training.widths or another data.height and data.width"
        )
    names = tuple(task.name for task in tasks)

    def network() -> nn.Module:
        outputs = [sizes[name] for name in names]
        unit = {i for i, name in enumerate(names) if name == "normals"}
        build = mtan.build if training.network == "mtan" else segnet.build
        built = build(outputs, training.widths, unit)
        # A quarter to a third faster on a CPU.
        built.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return built

    def forward(network: nn.Module, views: Views, asked: Sequence[int]) -> Sequence[Tensor]:
        outputs: Sequence[Tensor] = network(views.image.contiguous(memory_format=torch.channels_last), asked)
        return outputs

    def loss(task: int, output: Tensor, views: Views) -> Tensor:
        return tasks[task].loss(output, views)

    def score(values: Values) -> float:
        guess: dict[str, float] = sheet["constant_guess"]
        return -sum(task.error(values[task.name]) / guess[task.name] for task in tasks) / len(tasks)

    return Problem(
        tasks=names,
        metrics=tuple(
            Metric(task.name, name, higher_is_better, depth_unit if name == "Abs Err" else unit)
            for task in tasks
            for name, higher_is_better, unit in task.metrics
        ),
        network=network,
        forward=forward,
        loss=loss,
        meter=lambda: _Meter(tasks),
        splits={s: DenseSplit(prepared, s, training.augment) for s in ("train", "val", "test")},
        score=score,
    )


class _Meter:
    """The meters of all tasks."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.meters = {task.name: task.meter() for task in tasks}

    def update(self, outputs: Mapping[int, Tensor], views: Views) -> None:
        meters = list(self.meters.values())
        for k, output in outputs.items():
            meters[k].update(output, views)

    def compute(self) -> Values:
        return {name: meter.compute() for name, meter in self.meters.items()}
