"""Boxes, upright cylinders and balls, and where rays meet them. Lengths in metres; y is up."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

ROUND = {"box": (0, 0, 0), "cylinder": (1, 0, 1), "ball": (1, 1, 1)}
"""The axes along which a solid is round; along the others it is flat."""


@dataclass(frozen=True)
class Solids:
    """M convex solids, each the unit box, cylinder or ball of a frame of its own."""

    round: NDArray[np.bool_]  # a row of `ROUND` each [M, 3]
    centre: Floats  # [M, 3]
    half: Floats  # half extents, radii where round [M, 3]
    yaw: Floats  # about the y axis, in radians [M]

    @cached_property
    def turn(self) -> Floats:
        """World -> own axes, without scale [M, 3, 3]."""
        c, s, zero, one = np.cos(self.yaw), np.sin(self.yaw), np.zeros_like(self.yaw), np.ones_like(self.yaw)
        return np.stack([c, zero, -s, zero, one, zero, s, zero, c], axis=1).reshape(-1, 3, 3)

    def spans(self, origin: Floats, direction: Floats) -> tuple[Floats, Floats]:
        """Where rays from `origin` ([3, P] or [3, 1]) along `direction` [3, P], of any length, are inside.

        Entry and exit [M, P], in lengths of `direction`; entry > exit where they miss.
        """
        local = self.turn / self.half[:, :, None]
        o = local @ (origin[None] - self.centre[:, :, None])
        d = local @ direction
        d = np.where(np.abs(d) < 1e-7, np.float32(1e-7), d)
        flat = ~self.round[:, :, None]
        middle, reach = -o / d, 1 / np.abs(d)
        entry = np.where(flat, middle - reach, -np.inf).max(axis=1)
        exit_ = np.where(flat, middle + reach, np.inf).min(axis=1)

        rounded = np.flatnonzero(self.round.any(axis=1))
        along = self.round[rounded, :, None]
        o, d = np.where(along, o[rounded], 0), np.where(along, d[rounded], 0)
        a, b, c = (d * d).sum(1), (o * d).sum(1), (o * o).sum(1) - 1
        inside = b * b - a * c
        root = np.sqrt(np.maximum(inside, 0))
        entry[rounded] = np.maximum(entry[rounded], np.where(inside > 0, (-b - root) / a, np.inf))
        exit_[rounded] = np.minimum(exit_[rounded], np.where(inside > 0, (-b + root) / a, -np.inf))
        return entry.astype(np.float32), exit_.astype(np.float32)

    def local(self, which: NDArray[np.intp], points: Floats) -> Floats:
        """Points [3, P] in the axes of solid `which` [P], from its centre, in metres [3, P]."""
        return np.asarray(np.einsum("pij,jp->ip", self.turn[which], points - self.centre[which].T))

    def normals(self, which: NDArray[np.intp], points: Floats) -> Floats:
        """Outward unit normals [3, P] of solid `which` [P] at points [3, P] of its surface."""
        half, rounded = self.half[which].T, self.round[which].T
        p = self.local(which, points) / half
        radius = np.sqrt(np.where(rounded, p * p, 0).sum(0))
        flat = np.where(rounded, 0, np.abs(p))
        face = (np.arange(3)[:, None] == flat.argmax(0)) * np.sign(p)
        own = np.where(radius >= flat.max(0), np.where(rounded, p, 0), face) / half
        own /= np.linalg.norm(own, axis=0)
        return np.asarray(np.einsum("pji,jp->ip", self.turn[which], own), np.float32)
