"""Synthetic scenes: furnished rooms that we draw, with the exact class, depth and surface normal of every pixel.

A cousin of NYUv2 that needs no download: cameras look into furnished rooms (boxes, cylinders and balls put together
to tables, chairs, beds ...; rugs, pictures and windows that only their looks give away; patterns that mean nothing;
two lamps with shadows, gloss, noise). A view depends on the seed, its split and its number alone, so a longer split
begins with the shorter one. Nothing is void and no depth is missing.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from samo.datasets.parts.dense import depth, normals, segmentation
from samo.datasets.parts.dense import problem as dense
from samo.datasets.parts.dense.sheet import describe
from samo.datasets.parts.scenes.builder import CLASSES
from samo.datasets.parts.scenes.camera import photograph
from samo.datasets.parts.scenes.furnish import furnish
from samo.training import settings
from samo.training.problem import Problem

RAW = ()
TASKS = (segmentation.TASK, depth.TASK, normals.TASK)


class Data(settings.Settings):
    """How many views, and how large.

    Attributes:
        train, val, test: number of views in each split, each of a room of its own.
        height, width: of a view in pixels.
        seed: of everything that is drawn.
    """

    train: Annotated[int, Field(ge=1, le=1_000_000)]
    val: Annotated[int, Field(ge=1, le=1_000_000)]
    test: Annotated[int, Field(ge=1, le=1_000_000)]
    height: Annotated[int, Field(ge=8, le=1024)] = 48
    width: Annotated[int, Field(ge=8, le=1024)] = 64
    seed: Annotated[int, Field(ge=0)] = 0


class Training(dense.Training):
    """The training of a dense problem; widths by default narrow enough for a CPU."""

    widths: dense.Widths = Field(default_factory=lambda: [16, 24, 32, 32])


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Draw all views into `<split>_{image,label,depth,normal}.npy`; return the datasheet."""
    for number, split in enumerate(("train", "val", "test")):
        n = getattr(data, split)
        shape = (n, 3, data.height, data.width)
        image, normal = np.empty(shape, np.uint8), np.empty(shape, np.float16)
        label, far = np.empty((n, *shape[2:]), np.int8), np.empty((n, 1, *shape[2:]), np.float32)
        for i in range(n):
            rng = np.random.default_rng((data.seed, number, i))
            view = photograph(furnish(rng), data.height, data.width, rng)
            image[i], normal[i] = view.image.transpose(2, 0, 1), view.normal.transpose(2, 0, 1)
            label[i], far[i, 0] = view.label, view.depth
        for kind, array in (("image", image), ("label", label), ("depth", far), ("normal", normal)):
            np.save(out / f"{split}_{kind}.npy", array)
    return {"what": "synthetic scenes drawn by this project", "seed": data.seed, **describe(out, CLASSES)}


def problem(prepared: Path, training: Training) -> Problem:
    """Scenes from their prepared arrays."""
    return dense.build(prepared, training, TASKS, depth_unit="m")
