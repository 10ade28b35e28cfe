"""Cityscapes (Cordts et al. 2016) as MTAN's authors publish it: 7 classes and inverse depth of 3,475 street views.

"depth" is inverse and without a unit; relative errors are far above 1 in the papers (27.77 for single-task training),
since distant pixels have targets near 0.
"""

from dataclasses import replace
from functools import partial

from samo.datasets.parts.dense import published
from samo.datasets.parts.dense.folders import Layout
from samo.datasets.parts.dense.tasks import DEPTH, SEGMENTATION, Training, build

__all__ = ["RAW", "Data", "Training", "prepare", "problem"]

LAYOUT = Layout(
    what="Cityscapes, pre-processed by MTAN's authors (128 x 256, 7 classes, inverse depth)",
    folders={"image": ("image",), "label": ("label_7", "label"), "depth": ("depth",)},
    images={"train": 2975, "val": 500},
    classes=("flat", "construction", "object", "nature", "sky", "human", "vehicle"),
)
RAW = LAYOUT.given()


class Data(published.Data):
    """Which images (2,975 in train, 500 in val), and how large (128 x 256 as published)."""

    height: published.Height = 128
    width: published.Width = 256


prepare = partial(published.prepare, layout=LAYOUT)
problem = partial(build, tasks=(SEGMENTATION, replace(DEPTH, metrics=(("Abs Err", False, ""), ("Rel Err", False, "")))))
