"""NYUv2 (Silberman et al. 2012) as MTAN's authors publish it: 13 classes, depth and surface normals of 1,449 rooms."""

from functools import partial
from pathlib import Path
from typing import Any

from samo.datasets.parts.dense import published
from samo.datasets.parts.dense import tasks as dense
from samo.datasets.parts.dense.folders import Layout
from samo.datasets.parts.dense.tasks import DEPTH, NORMALS, SEGMENTATION
from samo.datasets.parts.sources import Given

CLASSES = (
    *("bed", "books", "ceiling", "chair", "floor", "furniture", "objects"),
    *("picture", "sofa", "table", "tv", "wall", "window"),
)
LAYOUT = Layout(
    folders={"image": ("image",), "label": ("label",), "depth": ("depth",), "normal": ("normal",)},
    images={"train": 795, "val": 654},
    classes=len(CLASSES),
)
RAW = Given(
    what="NYUv2, pre-processed by MTAN's authors (288 x 384, 13 classes, depth, normals)",
    where="https://github.com/lorenmt/mtan",
    layout="{train,val}/{image,label,depth,normal}/<n>.npy, n from 0 to 794 (train) and 653 (val)",
    check=LAYOUT.check,
)


class Data(published.Data):
    """Which images (795 in train, 654 in val), and how large (288 x 384 as published)."""

    height: published.Height = 288
    width: published.Width = 384


Training = dense.Training


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Write `<split>_{image,label,depth,normal}.npy`; return the datasheet."""
    return published.prepare(raw, out, data, LAYOUT, CLASSES, RAW.what)


problem = partial(dense.build, tasks=(SEGMENTATION, DEPTH, NORMALS), depth_unit="m")
"""Nine metrics, depth in metres."""
