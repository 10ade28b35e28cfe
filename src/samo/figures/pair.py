"""What conflict is: the gradients of two tasks as they are in a training, drawn in the plane that they span."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from samo.figures.palette import INK, MUTED, colour
from samo.figures.style import arrow, aside, grid
from samo.results.tables import text

SHOWN = 4  # looks that are drawn: the last one, and others before it that are evenly apart
LONGER, SHORTER = colour("gsam"), colour("samo")
Vector = NDArray[np.float64]


def draw(pairs: pd.DataFrame) -> Figure:
    """Some looks at two gradients: the longer one to the right, drawn with length 1, the shorter at its angle to it.

    The first seed's with names and with the mean of both, against which LS steps; thin: the shorter one of other seeds.
    `pairs` has seed, update, cosine, ratio (the shorter's length over the longer's).
    """
    looks = sorted(set(pairs["update"]))[::-2][:SHOWN][::-1]
    figure, [panels] = grid(1, len(looks), 2.6, sharex=True, sharey=True)
    for axes, update in zip(panels, looks, strict=True):
        first, *others = pairs[pairs["update"] == update].sort_values("seed").to_dict("records")
        for row in others:
            arrow(axes, (0, 0), tuple(_shorter(row)), SHORTER, linewidth=0.8, alpha=0.6)
        longer, shorter = np.array([1.0, 0.0]), _shorter(first)
        for vector, shade, name in (
            (longer, LONGER, "longer"),
            (shorter, SHORTER, "shorter"),
            ((longer + shorter) / 2, INK, "mean"),
        ):
            arrow(axes, (0, 0), tuple(vector), shade, linewidth=1.8)
            up = vector[1] > 0.1 * np.linalg.norm(vector)
            aside(axes, name, tuple(vector), (0, 6) if up else (0, -9), color=shade, ha="center")
        turn = np.linspace(0, np.arccos(first["cosine"]), 40)
        axes.plot(0.17 * np.cos(turn), 0.17 * np.sin(turn), color=MUTED, linewidth=0.9)
        axes.set_title(f"after {update:,.0f} updates", fontsize=9.5)
        axes.set_xlabel(said(first), loc="left")
        axes.set(xlim=(-0.6, 1.3), ylim=(-0.2, 1.15), xticks=[], yticks=[], aspect="equal")
        axes.spines[:].set_visible(False)
    return figure


def said(look: dict[Any, Any]) -> str:
    """A look in two lines: the angle, and what a step against the mean does to both losses, to first order."""
    angle, both = np.degrees(np.arccos(look["cosine"])), look["ratio"] + look["cosine"] > 0
    kind = "conflict" if look["cosine"] < 0 else "no conflict"
    step = "a short step lowers both losses" if both else "a step raises the shorter's loss"
    return f"{angle:.0f}°, cosine {text(look['cosine'], 2)}: {kind};\n{step}"


def _shorter(look: dict[Any, Any]) -> Vector:
    angle = float(np.arccos(look["cosine"]))
    return np.array([np.cos(angle), np.sin(angle)]) * float(look["ratio"])


def describe(pairs: pd.DataFrame) -> str:
    looks = pairs.sort_values(["seed", "update"]).to_dict("records")
    words = "; ".join(
        f"seed {row['seed']}, after {row['update']:,.0f} updates: " + said(row).replace("\n", " ") for row in looks
    )
    return f"Gradients of two tasks under plain training: {words}"
