"""Puts pieces of furniture into a room: on the floor, against a wall, on a wall."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from samo.datasets.parts.scenes.materials import Materials
from samo.datasets.parts.scenes.solids import Floats

CLASSES = (
    *("floor", "wall", "ceiling", "rug", "picture", "window"),
    *("cabinet", "table", "chair", "bed", "bin", "ball"),
)


class Part(NamedTuple):
    """A solid of a piece of furniture, in the piece's own frame: x along its front, y up from the floor, z forward."""

    shape: str
    at: tuple[float, float, float]
    half: tuple[float, float, float]
    material: int


class Builder:
    """Puts pieces into a room so that no two stand in one place."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.size = rng.uniform((3.2, 2.3, 3.6), (5.5, 3.0, 6.5))
        self.materials = Materials()
        self.eye = np.array([rng.uniform(0.3, 0.7) * self.size[0], rng.uniform(1.2, 1.7), rng.uniform(0.2, 0.5)])
        self.taken: list[tuple[float, float, float]] = [(self.eye[0], self.eye[2], 0.6)]
        self.hung: list[tuple[int, float]] = []
        self.parts: list[tuple[str, Floats, tuple[float, float, float], float]] = []
        self.labels: list[int] = []
        self.made_of: list[int] = []

    def vivid(self) -> int:
        """A new material of any colour."""
        return self.materials.add(self.rng, (0.1, 0.9), (0.15, 0.8))

    def put(self, name: str, parts: Iterable[Part], x: float, z: float, yaw: float) -> None:
        """At a place, whatever stands there; `yaw` turns the piece's front from +z towards +x."""
        c, s = np.cos(yaw), np.sin(yaw)
        for part in parts:
            px, py, pz = part.at
            at = np.array([x + c * px + s * pz, py, z - s * px + c * pz], np.float32)
            self.parts.append((part.shape, at, part.half, yaw))
            self.labels.append(CLASSES.index(name))
            self.made_of.append(part.material)

    def stand(self, name: str, parts: list[Part]) -> tuple[float, float, float] | None:
        """Somewhere on the floor, turned anyhow: x, z and yaw; None if no free place was found."""
        radius = max(float(np.hypot(p.half[0], p.half[2])) for p in parts)
        for _ in range(12):
            x, z = self.rng.uniform(radius, self.size[[0, 2]] - radius)
            if self._free(x, z, radius):
                yaw = self.rng.uniform(0, 2 * np.pi)
                self.put(name, parts, x, z, yaw)
                return x, z, yaw
        return None

    def lean(self, name: str, parts: list[Part]) -> None:
        """With the back to a wall, if there is room. The piece lies in front of z = 0 of its frame."""
        width, depth = max(p.half[0] for p in parts), max(p.at[2] + p.half[2] for p in parts)
        for _ in range(12):
            wall = int(self.rng.integers(3))
            x, z, yaw = self._at_wall(wall, width, 0.01)
            cx, cz = x + np.sin(yaw) * depth / 2, z + np.cos(yaw) * depth / 2
            if self._free(cx, cz, max(width, depth / 2)):
                self.put(name, parts, x, z, yaw)
                return

    def hang(self, name: str, parts: list[Part]) -> None:
        """On a wall where nothing hangs yet."""
        width = max(p.half[0] for p in parts)
        for _ in range(12):
            wall = int(self.rng.integers(3))
            x, z, yaw = self._at_wall(wall, width, 0.0)
            along = x if wall == 0 else z
            if all(w != wall or abs(along - a) > 1.3 for w, a in self.hung):
                self.hung.append((wall, along))
                self.put(name, parts, x, z, yaw)
                return

    def _at_wall(self, wall: int, width: float, gap: float) -> tuple[float, float, float]:
        w, _, d = self.size
        along = self.rng.uniform(width, (w if wall == 0 else d) - width)
        return ((along, d - gap, np.pi), (gap, along, np.pi / 2), (w - gap, along, -np.pi / 2))[wall]

    def _free(self, x: float, z: float, radius: float) -> bool:
        if any(np.hypot(x - a, z - b) < 0.85 * (radius + r) for a, b, r in self.taken):
            return False
        self.taken.append((x, z, radius))
        return True
