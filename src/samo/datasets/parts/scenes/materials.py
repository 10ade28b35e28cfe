"""What surfaces are made of."""

from dataclasses import dataclass, field

import numpy as np

from samo.datasets.parts.scenes.solids import Floats

PATTERNS = ("plain", "stripes", "checks", "marble")


@dataclass
class Materials:
    """What surfaces are made of: a row each."""

    colours: list[Floats] = field(default_factory=list)  # [2, 3] each, linear reflectance
    patterns: list[int] = field(default_factory=list)
    waves: list[Floats] = field(default_factory=list)  # [3, 4]: a direction times radians a metre, and a phase
    gloss: list[float] = field(default_factory=list)
    glow: list[float] = field(default_factory=list)

    def add(self, rng: np.random.Generator, tint: tuple[float, float], bright: tuple[float, float]) -> int:
        """A material of random colours and pattern; returns its row.

        Args:
            rng: what the draw uses.
            tint: range of the saturation, 0 to 1.
            bright: range of the reflectance, 0 to 1.
        """
        hue = rng.uniform(0, 2 * np.pi) + np.array([0, 2, 4]) * np.pi / 3
        first = rng.uniform(*bright) * (1 - rng.uniform(*tint) * (0.5 + 0.5 * np.cos(hue)))
        second = np.clip(first * rng.uniform(0.45, 1.5) + rng.normal(0, 0.04, 3), 0.02, 0.95)
        directions = rng.normal(size=(3, 3))
        if rng.random() < 0.7:  # most patterns run along the edges
            directions = rng.permuted(np.eye(3), axis=0) + 1e-3
        directions *= rng.uniform(8, 35) / np.linalg.norm(directions, axis=1, keepdims=True)
        self.colours.append(np.stack([first, second]).astype(np.float32))
        self.patterns.append(int(rng.choice(len(PATTERNS), p=(0.4, 0.2, 0.15, 0.25))))
        self.waves.append(np.concatenate([directions, rng.uniform(0, 6.3, (3, 1))], 1).astype(np.float32))
        self.gloss.append(float(rng.uniform(0, 0.4) * (rng.random() < 0.3)))
        self.glow.append(0.0)
        return len(self.gloss) - 1

    def glowing(self, material: int) -> int:
        """Let a material shine by itself, as a window does by day; returns its row."""
        self.glow[material] = 0.7
        return material
