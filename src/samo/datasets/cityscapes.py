"""Cityscapes (Cordts et al. 2016) as MTAN's authors publish it: 7 classes and inverse depth of 3,475 street views."""

from pathlib import Path
from typing import Any

from samo.datasets.parts.dense import depth, published, segmentation
from samo.datasets.parts.dense import problem as dense
from samo.datasets.parts.dense.folders import Layout
from samo.datasets.parts.sources import Given
from samo.training.problem import Problem

CLASSES = ("flat", "construction", "object", "nature", "sky", "human", "vehicle")
TASKS = (segmentation.TASK, depth.TASK)
LAYOUT = Layout(
    folders={"image": ("image",), "label": ("label_7", "label"), "depth": ("depth",)},
    images={"train": 2975, "val": 500},
    classes=len(CLASSES),
)
RAW = Given(
    what="Cityscapes, pre-processed by MTAN's authors (128 x 256, 7 classes, inverse depth)",
    where="https://github.com/lorenmt/mtan",
    layout="{train,val}/{image,label_7,depth}/<n>.npy, n from 0 to 2974 (train) and 499 (val)",
    check=LAYOUT.check,
)


class Data(published.Data):
    """Which images (2,975 in train, 500 in val), and how large (128 x 256 as published)."""

    height: published.Height = 128
    width: published.Width = 256


Training = dense.Training


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write `<split>_{image,label,depth}.npy`; return the datasheet. See `samo.datasets.parts.dense.published`."""
    return {"what": RAW.what, **published.prepare(raw, out, data, LAYOUT, CLASSES)}


def problem(prepared: Path, training: dense.Training) -> Problem:
    """Cityscapes from its prepared arrays: four metrics. Its "depth" is inverse and without a unit.

    Relative errors are far above 1 in the papers (27.77 for single-task training): distant pixels have targets near 0.
    """
    return dense.build(prepared, training, TASKS, depth_unit="")
