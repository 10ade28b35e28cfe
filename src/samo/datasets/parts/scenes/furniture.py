"""Pieces of furniture: each draws its own sizes and materials, and the builder finds a place for it in the room."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from samo.datasets.parts.scenes.solids import Floats

CLASSES = (
    *("floor", "wall", "ceiling", "rug", "picture", "window"),
    *("cabinet", "table", "chair", "bed", "bin", "ball"),
)


MATERIAL = np.dtype(
    [
        ("colours", np.float32, (2, 3)),  # two linear reflectances
        ("pattern", np.int64),  # how they alternate: 0 plain, 1 stripes, 2 checks, 3 marble
        ("waves", np.float32, (3, 4)),  # a direction times radians a metre, and a phase
        ("gloss", np.float32),  # strength of the shine
        ("glow", np.float64),  # light of its own, as a window has it by day
    ]
)
"""What a surface is made of."""


class Part(NamedTuple):
    """A solid of a piece of furniture, in the piece's own frame: x along its front, y up from the floor, z forward."""

    shape: str
    at: tuple[float, float, float]
    half: tuple[float, float, float]
    material: int


Place = tuple[float, float, float]
"""x, z and yaw."""


class Builder:
    """Puts pieces into a room so that no two stand in one place."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.size = rng.uniform((3.2, 2.3, 3.6), (5.5, 3.0, 6.5))
        self.materials: list[tuple[Any, ...]] = []  # of `MATERIAL`
        self.eye = np.array([rng.uniform(0.3, 0.7) * self.size[0], rng.uniform(1.2, 1.7), rng.uniform(0.2, 0.5)])
        self.taken: list[tuple[float, float, float]] = [(self.eye[0], self.eye[2], 0.6)]
        self.hung: list[tuple[int, float]] = []
        self.parts: list[tuple[str, Floats, tuple[float, float, float], float, int, int]] = []
        """Shape, centre, half extents, yaw, class and material."""

    def material(self, tint: tuple[float, float], bright: tuple[float, float], glow: float = 0.0) -> int:
        """A material of random colours and pattern, saturation and reflectance in these ranges: its row."""
        rng = self.rng
        hue = rng.uniform(0, 2 * np.pi) + np.array([0, 2, 4]) * np.pi / 3
        first = rng.uniform(*bright) * (1 - rng.uniform(*tint) * (0.5 + 0.5 * np.cos(hue)))
        second = np.clip(first * rng.uniform(0.45, 1.5) + rng.normal(0, 0.04, 3), 0.02, 0.95)
        directions = rng.normal(size=(3, 3))
        if rng.random() < 0.7:  # most patterns run along the edges
            directions = rng.permuted(np.eye(3), axis=0) + 1e-3
        directions *= rng.uniform(8, 35) / np.linalg.norm(directions, axis=1, keepdims=True)
        pattern = int(rng.choice(4, p=(0.4, 0.2, 0.15, 0.25)))
        waves = np.concatenate([directions, rng.uniform(0, 6.3, (3, 1))], 1)
        gloss = rng.uniform(0, 0.4) * (rng.random() < 0.3)
        self.materials.append((np.stack([first, second]), pattern, waves, gloss, glow))
        return len(self.materials) - 1

    def vivid(self) -> int:
        """A new material of any colour."""
        return self.material((0.1, 0.9), (0.15, 0.8))

    def put(self, name: str, parts: Iterable[Part], x: float, z: float, yaw: float) -> None:
        """At a place, whatever stands there; `yaw` turns the piece's front from +z towards +x."""
        c, s = np.cos(yaw), np.sin(yaw)
        for part in parts:
            px, py, pz = part.at
            at = np.array([x + c * px + s * pz, py, z - s * px + c * pz], np.float32)
            self.parts.append((part.shape, at, part.half, yaw, CLASSES.index(name), part.material))

    def stand(self, name: str, parts: list[Part]) -> Place | None:
        """Somewhere on the floor, turned anyhow; None if no free place was found."""
        radius = max(float(np.hypot(p.half[0], p.half[2])) for p in parts)
        for _ in range(12):
            x, z = self.rng.uniform(radius, self.size[[0, 2]] - radius)
            if self._free(x, z, radius):
                place = x, z, self.rng.uniform(0, 2 * np.pi)
                self.put(name, parts, *place)
                return place
        return None

    def lean(self, name: str, parts: list[Part]) -> None:
        """With the back to a wall, if there is room. The piece lies in front of z = 0 of its frame."""
        width, depth = max(p.half[0] for p in parts), max(p.at[2] + p.half[2] for p in parts)
        for _, (x, z, yaw) in self._walls(width, 0.01):
            if self._free(x + np.sin(yaw) * depth / 2, z + np.cos(yaw) * depth / 2, max(width, depth / 2)):
                self.put(name, parts, x, z, yaw)
                return

    def hang(self, name: str, parts: list[Part]) -> None:
        """On a wall where nothing hangs yet."""
        for wall, (x, z, yaw) in self._walls(max(p.half[0] for p in parts), 0.0):
            along = x if wall == 0 else z
            if all(w != wall or abs(along - a) > 1.3 for w, a in self.hung):
                self.hung.append((wall, along))
                self.put(name, parts, x, z, yaw)
                return

    def _walls(self, width: float, gap: float) -> Iterator[tuple[int, Place]]:
        """Twelve places at random walls, drawn as they are asked for."""
        w, _, d = self.size
        for _ in range(12):
            wall = int(self.rng.integers(3))
            along = self.rng.uniform(width, (w if wall == 0 else d) - width)
            yield wall, ((along, d - gap, np.pi), (gap, along, np.pi / 2), (w - gap, along, -np.pi / 2))[wall]

    def _free(self, x: float, z: float, radius: float) -> bool:
        if any(np.hypot(x - a, z - b) < 0.85 * (radius + r) for a, b, r in self.taken):
            return False
        self.taken.append((x, z, radius))
        return True


def rug(b: Builder) -> None:
    """Flat on the floor, round or not; furniture may stand on it."""
    shape = "cylinder" if b.rng.random() < 0.3 else "box"
    half = (b.rng.uniform(0.6, 1.3), 0.004, b.rng.uniform(0.5, 1.0))
    x, z = b.rng.uniform((0.3, 0.4), (0.7, 0.75)) * b.size[[0, 2]]
    b.put("rug", [Part(shape, (0, 0.004, 0), half, b.vivid())], x, z, b.rng.uniform(0, 6.3))


def picture(b: Builder) -> None:
    """A board on a wall."""
    half = (b.rng.uniform(0.25, 0.55), b.rng.uniform(0.2, 0.45), 0.012)
    b.hang("picture", [Part("box", (0, b.rng.uniform(1.3, 1.7), 0.012), half, b.vivid())])


def window(b: Builder) -> None:
    """Bright panes in a frame; bars divide them."""
    w, h, y = b.rng.uniform(0.45, 0.9), b.rng.uniform(0.4, 0.7), 1.5
    frame, sky = b.material((0.0, 0.2), (0.6, 0.9)), b.material((0.0, 0.3), (0.8, 0.95), glow=0.7)
    panes = Part("box", (0, y, 0.012), (w - 0.06, h - 0.06, 0.012), sky)
    bars = [Part("box", (0, y, 0.014), half, frame) for half in ((0.02, h, 0.014), (w, 0.02, 0.014))]
    b.hang("window", [Part("box", (0, y, 0.01), (w, h, 0.01), frame), panes, *bars])


def cabinet(b: Builder) -> None:
    """A body against a wall, and a plinth."""
    w, h, d = b.rng.uniform(0.3, 0.8), b.rng.uniform(0.3, 1.0), b.rng.uniform(0.17, 0.3)
    body = Part("box", (0, h + 0.06, d), (w, h, d), b.vivid())
    b.lean("cabinet", [body, Part("box", (0, 0.03, d), (w - 0.03, 0.03, d), b.vivid())])


def bed(b: Builder) -> None:
    """A mattress with its head at a wall: frame, headboard, pillow."""
    w, h, d = b.rng.uniform(0.45, 0.8), b.rng.uniform(0.14, 0.22), b.rng.uniform(0.9, 1.05)
    cloth, wood, pillow = b.vivid(), b.vivid(), b.vivid()
    mattress = Part("box", (0, 1.4 * h, d), (w, 0.6 * h, d), cloth)
    frame = Part("box", (0, 0.4 * h, d), (0.97 * w, 0.4 * h, 0.97 * d), wood)
    headboard = Part("box", (0, 2.2 * h, 0.03), (w, 2.2 * h, 0.03), wood)
    b.lean("bed", [mattress, frame, headboard, Part("box", (0, 2.2 * h, 0.32), (0.7 * w, 0.06, 0.2), pillow)])


def table(b: Builder) -> None:
    """A top, round or not, on one leg or two panels; something may stand on it."""
    w, d, y = b.rng.uniform(0.35, 0.75), b.rng.uniform(0.3, 0.5), b.rng.uniform(0.45, 0.75)
    wood = b.vivid()
    if b.rng.random() < 0.5:
        heights = ((y, 0.025, d + 0.1), (y / 2, y / 2, 0.05), (0.02, 0.02, 0.5 * d))  # top, leg, foot
        parts = [Part("cylinder", (0, at, 0), (r, half, r), wood) for at, half, r in heights]
    else:
        panels = [Part("box", (side * (w - 0.06), y / 2, 0), (0.03, y / 2, 0.8 * d), wood) for side in (-1, 1)]
        parts = [Part("box", (0, y, 0), (w, 0.025, d), wood), *panels]
    place = b.stand("table", parts)
    if place and b.rng.random() < 0.5:
        r, on = b.rng.uniform(0.09, 0.16), y + 0.025
        name, shape, half = ("ball", "ball", r) if b.rng.random() < 0.5 else ("bin", "cylinder", 0.8 * r)
        b.put(name, [Part(shape, (0, on + r, 0), (half, r, half), b.vivid())], *place)


def chair(b: Builder) -> None:
    """Seat, back and four legs."""
    w, y, back = b.rng.uniform(0.2, 0.26), b.rng.uniform(0.4, 0.48), b.rng.uniform(0.2, 0.3)
    seat, wood = b.vivid(), b.vivid()
    feet = [(x * (w - 0.03), z * (w - 0.03)) for x in (-1, 1) for z in (-1, 1)]
    legs = [Part("box", (x, y / 2, z), (0.025, y / 2, 0.025), wood) for x, z in feet]
    rest = Part("box", (0, y + back, 0.03 - w), (w, back, 0.025), seat)
    b.stand("chair", [Part("box", (0, y, 0), (w, 0.03, w), seat), rest, *legs])


def bin_(b: Builder) -> None:
    """An upright cylinder on the floor."""
    r, h = b.rng.uniform(0.13, 0.26), b.rng.uniform(0.15, 0.45)
    b.stand("bin", [Part("cylinder", (0, h, 0), (r, h, r), b.vivid())])


def ball(b: Builder) -> None:
    """On the floor."""
    r = b.rng.uniform(0.12, 0.35)
    b.stand("ball", [Part("ball", (0, r, 0), (r, r, r), b.vivid())])


FURNITURE = (cabinet, bed, table, chair, bin_, ball)
SHARES = (0.24, 0.14, 0.18, 0.18, 0.12, 0.14)
