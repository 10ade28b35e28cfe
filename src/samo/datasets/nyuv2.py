"""NYUv2 (Silberman et al. 2012) as MTAN's authors publish it: 13 classes, depth and surface normals of 1,449 rooms."""

from functools import partial

from samo.datasets.parts.dense import published
from samo.datasets.parts.dense.folders import CHANNELS, Layout
from samo.datasets.parts.dense.tasks import DEPTH, NORMALS, SEGMENTATION, Training, build

__all__ = ["RAW", "Data", "Training", "prepare", "problem"]

LAYOUT = Layout(
    what="NYUv2, pre-processed by MTAN's authors (288 x 384, 13 classes, depth, normals)",
    folders={kind: (kind,) for kind in CHANNELS},
    images={"train": 795, "val": 654},
    classes=(
        *("bed", "books", "ceiling", "chair", "floor", "furniture", "objects"),
        *("picture", "sofa", "table", "tv", "wall", "window"),
    ),
)
RAW = LAYOUT.given()


class Data(published.Data):
    """Which images (795 in train, 654 in val), and how large (288 x 384 as published)."""

    height: published.Height = 288
    width: published.Width = 384


prepare = partial(published.prepare, layout=LAYOUT)
problem = partial(build, tasks=(SEGMENTATION, DEPTH, NORMALS))
