"""A furnished room, drawn at random: a shell, solids with a class each, what they are made of, lamps, a camera.

Neither shape nor colour alone gives a class: a rug, a picture and a window are flat and can be told by their looks
only, while stripes and checks run over floors, walls and furniture that geometry alone can tell apart. So what helps
one task is noise to another, as on photographs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samo.datasets.parts.scenes.furniture import FURNITURE, MATERIAL, SHARES, Builder, picture, rug, window
from samo.datasets.parts.scenes.solids import ROUND, Floats, Solids


class Room(NamedTuple):
    """Everything that a picture shows: M solids in a shell."""

    size: Floats  # of the shell, from the origin [3]
    shell: NDArray[np.int64]  # the materials of its faces -x, +x, -y (floor), +y, -z, +z
    solids: Solids
    labels: NDArray[np.int8]  # their classes [M]
    made_of: NDArray[np.int64]  # their materials [M]
    materials: NDArray[np.void]  # rows of `MATERIAL`
    lamps: Floats  # places [L, 3]
    power: Floats  # their colours times their strengths [L, 3]
    eye: Floats  # the camera's place [3]
    axes: Floats  # rows: its right, down and forward in world axes [3, 3]


def furnish(rng: np.random.Generator) -> Room:
    """A room with its camera, all drawn from `rng`."""
    b = Builder(rng)
    wall = b.material((0.0, 0.5), (0.35, 0.85))
    accent = b.vivid() if rng.random() < 0.4 else wall
    floor, ceiling = b.material((0.1, 0.7), (0.15, 0.6)), b.material((0.0, 0.15), (0.6, 0.9))
    if rng.random() < 0.6:
        rug(b)
    for _ in range(rng.integers(0, 3)):
        picture(b)
    if rng.random() < 0.7:
        window(b)
    for piece in rng.choice(len(FURNITURE), size=rng.integers(5, 10), p=SHARES):
        FURNITURE[piece](b)

    yaw, pitch, roll = rng.uniform(-0.45, 0.45), rng.uniform(-0.02, 0.38), rng.normal(0, 0.03)
    forward = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.array([np.cos(yaw), 0, -np.sin(yaw)])
    down = np.cross(right, forward)
    right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
    lamps = rng.uniform((0.15, 0.8, 0.25), (0.85, 0.93, 0.85), (2, 3)) * b.size
    warm = np.array([1.0, 0.85, 0.65]) ** rng.uniform(-0.3, 1.2, (2, 1))
    power = warm * np.array([[1.0], [rng.uniform(0.0, 0.8)]])
    shapes, places, halves, yaws, labels, made_of = zip(*b.parts, strict=True)
    return Room(
        size=_single(b.size),
        shell=np.array([wall, wall, floor, ceiling, wall, accent]),
        solids=Solids(np.array([ROUND[shape] for shape in shapes], bool), *map(_single, (places, halves, yaws))),
        labels=np.array(labels, np.int8),
        made_of=np.array(made_of),
        materials=np.array(b.materials, MATERIAL),
        lamps=_single(lamps),
        power=_single(power),
        eye=_single(b.eye),
        axes=_single([right, down, forward]),
    )


def _single(values: ArrayLike) -> Floats:
    return np.array(values, np.float32)
