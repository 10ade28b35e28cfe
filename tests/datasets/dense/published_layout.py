"""Small data sets in the layout of MTAN's authors."""

from pathlib import Path

import numpy as np

from samo.datasets.parts.dense.folders import Layout


def write(root: Path, layout: Layout, height: int = 16, width: int = 32) -> Path:
    """Every image's first pixel tells its number; one pixel of each is void and of missing depth."""
    rng = np.random.default_rng(0)
    for split, count in layout.images.items():
        for kind, names in layout.folders.items():
            folder = root / split / names[0]
            folder.mkdir(parents=True)
            for n in range(count):
                array = {
                    "image": rng.random((height, width, 3)),
                    "label": rng.integers(layout.classes, size=(height, width)),
                    "depth": rng.uniform(0.5, 9, (height, width, 1)),
                    "normal": rng.normal(size=(height, width, 3)),
                }[kind].astype(np.float32)
                if kind == "normal":
                    array /= np.linalg.norm(array, axis=2, keepdims=True)
                if kind == "image":
                    array[0, 0] = n / 255
                array[-1, -1] = -1 if kind == "label" else 0
                np.save(folder / f"{n}.npy", array)
    return root
