"""What a pinhole camera sees of a room: the picture, and without error which class, how far, facing where."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from samo.datasets.parts.scenes.furnish import Room
from samo.datasets.parts.scenes.solids import Floats

FOCAL = 0.8
"""Focal length in picture widths: 64 degrees across, about that of the camera of NYUv2."""
FLOOR, WALL, CEILING = 0, 1, 2
_CLASS_OF_FACE = np.array([WALL, WALL, FLOOR, CEILING, WALL, WALL], np.int8)


class Picture(NamedTuple):
    """One view."""

    image: NDArray[np.uint8]  # [3, H, W]
    label: NDArray[np.int8]  # class [H, W]
    depth: Floats  # along the optical axis, in metres [1, H, W]
    normal: Floats  # unit, towards the camera, in its axes right, down, forward [3, H, W]


def photograph(room: Room, height: int, width: int, rng: np.random.Generator) -> Picture:
    """The room as its camera sees it; `rng` draws exposure, lens and noise. Depth and normals are exact."""
    v, u = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    x, y = (u - width / 2) / (FOCAL * width), (v - height / 2) / (FOCAL * width)
    # Forward is 1 long, so that the length of a ray in its own units is the depth along the optical axis.
    rays = room.axes.T @ np.stack([x, y, np.ones_like(x)]).reshape(3, -1)

    depth, which, face = _meet(room, rays)
    points = room.eye[:, None] + depth * rays
    on_solid = which >= 0
    inward = -np.eye(3, dtype=np.float32)[:, face // 2] * np.where(face % 2, 1, -1).astype(np.float32)
    normals = np.where(on_solid, room.solids.normals(which, points), inward)
    labels = np.where(on_solid, room.labels[which], _CLASS_OF_FACE[face])
    materials = room.materials[np.where(on_solid, room.made_of[which], room.shell[face])]
    places = np.where(on_solid, room.solids.local(which, points), points)

    light = _light(room, points, normals, materials, rays, _reflectance(materials, places))
    image = _expose(light.T.reshape(height, width, 3), rng)
    facing = (room.axes @ normals).T.reshape(height, width, 3)
    label, far = labels.reshape(height, width), depth.reshape(1, height, width)
    return Picture(image.transpose(2, 0, 1), label, far, facing.transpose(2, 0, 1).astype(np.float32))


def _meet(room: Room, rays: Floats) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """Depth, the solid met (-1: none) and the shell's face behind it, each [P]."""
    ahead = np.where(rays > 0, room.size[:, None], 0) - room.eye[:, None]
    reach = ahead / np.where(np.abs(rays) < 1e-7, 1e-7, rays)
    axis = reach.argmin(0)
    far = reach.min(0)
    face = 2 * axis + (np.take_along_axis(rays, axis[None], 0)[0] > 0)
    entry, exit_ = room.solids.spans(room.eye[:, None], rays)
    entry = np.where((entry < exit_) & (entry > 0.01), entry, np.inf)
    which = entry.argmin(0)
    near = entry.min(0)
    return np.minimum(near, far).astype(np.float32), np.where(near < far, which, -1), face


def _reflectance(materials: NDArray[np.void], places: Floats) -> Floats:
    """Colours [3, P] of places on solids, in their own axes."""
    waves, colours = materials["waves"], materials["colours"]
    phase = np.einsum("pwi,ip->wp", waves[..., :3], places) + waves[..., 3].T
    sines = np.sin(phase)
    stripes, checks = sines[0] > 0.3, np.prod(np.sign(sines), axis=0) > 0
    marble = 0.5 + 0.5 * np.sin(0.4 * phase[0] + 1.5 * sines[1] + sines[2])
    share = np.choose(materials["pattern"], [np.zeros_like(marble), stripes, checks, marble])
    return np.asarray(((1 - share)[:, None] * colours[:, 0] + share[:, None] * colours[:, 1]).T)


def _light(
    room: Room, points: Floats, normals: Floats, materials: NDArray[np.void], rays: Floats, reflectance: Floats
) -> Floats:
    """Light that reaches the camera [3, P]: from the sky of the room, from its lamps with their shadows, and glow."""
    total = reflectance * (0.22 + 0.1 * normals[1])
    back = -rays / np.linalg.norm(rays, axis=0)
    start = points + 2e-3 * normals
    for lamp, power in zip(room.lamps, room.power, strict=True):
        if not power.any():
            continue
        way = lamp[:, None] - start
        distance = np.linalg.norm(way, axis=0)
        entry, exit_ = room.solids.spans(start, way)
        lit = ~((entry < exit_) & (exit_ > 0) & (entry < 1) & (entry > 0)).any(0)
        cosine = np.maximum(0, (way * normals).sum(0) / distance) * lit
        half = way / distance + back
        shine = materials["gloss"] * lit * np.maximum(0, (half * normals).sum(0) / np.linalg.norm(half, axis=0)) ** 40
        total = total + power[:, None] * (reflectance * cosine + shine) * 3.0 / (0.8 + distance**2)
    return np.asarray(total + reflectance * materials["glow"])


def _expose(light: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lens (vignette, a soft point), exposure, white balance, shot and read noise, gamma, 8 bits."""
    height, width, _ = light.shape
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = light * (1 - rng.uniform(0, 0.3) * (u * u + v * v) / 2)[..., None]
    soft = rng.uniform(0.05, 0.2)
    for axis in (0, 1):
        light = correlate1d(light, (soft, 1 - 2 * soft, soft), axis, mode="nearest")
    light = light * rng.uniform(0.2, 0.36) / light.mean() * rng.uniform(0.88, 1.12, 3)
    noise = np.sqrt(rng.uniform(0.0002, 0.002) * light + rng.uniform(0.005, 0.015) ** 2)
    light = np.clip(light + noise * rng.standard_normal(light.shape), 0, 1)
    return np.asarray(255 * light ** (1 / 2.2) + 0.5).astype(np.uint8)
