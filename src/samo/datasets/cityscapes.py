"""Cityscapes (Cordts et al. 2016) as MTAN's authors publish it: 7 classes and inverse depth of 3,475 street views."""

from functools import partial
from pathlib import Path
from typing import Any

from samo.datasets.parts.dense import published
from samo.datasets.parts.dense import tasks as dense
from samo.datasets.parts.dense.folders import Layout
from samo.datasets.parts.dense.tasks import DEPTH, SEGMENTATION
from samo.datasets.parts.sources import Given

CLASSES = ("flat", "construction", "object", "nature", "sky", "human", "vehicle")
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
    return published.prepare(raw, out, data, LAYOUT, CLASSES, RAW.what)


problem = partial(dense.build, tasks=(SEGMENTATION, DEPTH), depth_unit="")
"""Four metrics. "depth" is inverse and without a unit; relative errors are far above 1 in the papers (27.77 for
single-task training), since distant pixels have targets near 0."""
