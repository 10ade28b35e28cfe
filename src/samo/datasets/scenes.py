"""Synthetic scenes: furnished rooms that we draw, with the exact class, depth and surface normal of every pixel.

A cousin of NYUv2 that needs no download: cameras look into furnished rooms (boxes, cylinders and balls put together
to tables, chairs, beds ...; rugs, pictures and windows that only their looks give away; patterns that mean nothing;
two lamps with shadows, gloss, noise). A view depends on the seed, its split and its number alone, so a longer split
begins with the shorter one. Nothing is void and no depth is missing.
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from samo.datasets.parts.dense import tasks as dense
from samo.datasets.parts.dense.folders import CHANNELS
from samo.datasets.parts.dense.published import STORED, describe
from samo.datasets.parts.scenes.camera import photograph
from samo.datasets.parts.scenes.furnish import furnish
from samo.datasets.parts.scenes.furniture import CLASSES
from samo.datasets.parts.tasks import SPLITS
from samo.training import settings

RAW = ()
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Side = Annotated[int, Field(ge=8, le=1024)]


class Data(settings.Settings):
    """How many views, and how large.

    Attributes:
        train, val, test: number of views in each split, each of a room of its own.
        height, width: of a view in pixels.
        seed: of everything that is drawn.
    """

    train: Count
    val: Count
    test: Count
    height: Side = 48
    width: Side = 64
    seed: Annotated[int, Field(ge=0)] = 0


class Training(dense.Training):
    """The training of a dense problem; widths by default narrow enough for a CPU."""

    widths: dense.Widths = Field(default_factory=lambda: [16, 24, 32, 32])


def prepare(raw: Path, out: Path, data: Data) -> dict[str, Any]:
    """Draw all views into `<split>_{image,label,depth,normal}.npy`; return the datasheet."""
    for number, split in enumerate(SPLITS):
        n, size = getattr(data, split), (data.height, data.width)
        arrays = {kind: np.empty((n, *CHANNELS[kind], *size), dtype) for kind, dtype in STORED.items()}
        for i in range(n):
            rng = np.random.default_rng((data.seed, number, i))
            view = photograph(furnish(rng), *size, rng)
            for kind, array in arrays.items():
                array[i] = getattr(view, kind)
        for kind, array in arrays.items():
            np.save(out / f"{split}_{kind}.npy", array)
    return {"what": "synthetic scenes drawn by this project", "seed": data.seed, **describe(out, CLASSES)}


problem = partial(dense.build, tasks=(dense.SEGMENTATION, dense.DEPTH, dense.NORMALS))
