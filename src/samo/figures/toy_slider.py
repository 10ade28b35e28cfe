"""The trajectories over a toy as a piece of HTML with a slider over their steps: one fragment that needs nothing else.

Without a script, and on paper, it shows where every trajectory ends.
"""

import json
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from samo.analysis.toys.losses import TOYS
from samo.figures.palette import GRID, INK, MUTED, colour, label
from samo.figures.toys import WEIGHTS, Window, contours

SIDE = 240
"""Width and height of a panel, in the units of its drawing."""

SHAPES = {
    "none": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "gsam": "M-3.6 -3.6h7.2v7.2h-7.2z",
    "lsam": "M0 -4.6L4.4 3.4H-4.4z",
    "samo": "M0 -5L4.4 0L0 5L-4.4 0z",
    "fmtl": "M0 4.6L4.4 -3.4H-4.4z",
}
"""The marks of `samo.figures.palette` as SVG paths around 0."""

FRONT = (
    '<span><svg viewBox="-6 -6 12 12">'
    f'<path d="M-6 0H6" stroke="{MUTED}" stroke-width="5" stroke-opacity="0.4"/></svg>Pareto front</span>'
)
STYLE = """
.toy-paths .toy-panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.75rem; }
.toy-paths .toy-panels svg { display: block; width: 100%; height: auto; }
.toy-paths p { font: 0.9rem/1.5 system-ui, sans-serif; margin: 0; }
.toy-paths .toy-panels p { font-weight: 600; }
.toy-paths .toy-key { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; margin-top: 0.5rem; }
.toy-paths .toy-key svg { width: 0.9rem; height: 0.9rem; vertical-align: -0.1rem; margin-right: 0.3rem; }
.toy-paths .toy-control { display: flex; gap: 0.75rem; align-items: center; margin-top: 0.5rem; }
.toy-paths .toy-control[hidden] { display: none; }
.toy-paths .toy-control input { flex: 1; min-width: 8rem; }
@media print { .toy-paths .toy-control { display: none; } }
"""

SCRIPT = """
(() => {
  const figure = document.currentScript.closest("figure");
  const control = figure.querySelector(".toy-control");
  const range = control.querySelector("input");
  const told = control.querySelector("span");
  const steps = JSON.parse(range.dataset.steps);
  const trajectories = [...figure.querySelectorAll("g[data-trajectory]")].map((one) => {
    const line = one.querySelector("polyline");
    return { line, mark: one.querySelector("path"), points: line.getAttribute("points").split(" ") };
  });
  const show = (at) => {
    for (const { line, mark, points } of trajectories) {
      const end = Math.min(at, points.length - 1);
      line.setAttribute("points", points.slice(0, end + 1).join(" "));
      mark.setAttribute("transform", `translate(${points[end]})`);
    }
    told.textContent = `${steps[at]} of ${steps.at(-1)}`;
    range.setAttribute("aria-valuetext", told.textContent);
  };
  range.addEventListener("input", () => show(range.valueAsNumber));
  addEventListener("beforeprint", () => show(steps.length - 1));
  addEventListener("afterprint", () => show(range.valueAsNumber));
  control.hidden = false;
  show(range.valueAsNumber);
})();
"""


def slider(toy: str, paths: pd.DataFrame, front: pd.DataFrame) -> str:
    """One panel an aggregator, all of them moved by one slider, which is a plain range input with a label.

    Args:
        toy: one of `samo.analysis.toys.losses.TOYS`.
        paths, front: the frames of samo.analysis.toys.trajectories; other toys' rows are left aside.
    """
    name = f"toys-{toy}-steps"
    paths = paths[paths["toy"] == toy]
    steps = sorted(set(paths["step"].tolist()))
    kinds = list(dict.fromkeys(paths["sharpness"]))
    panels = [
        _panel(name, toy, str(aggregator), part, front[front["toy"] == toy], first=number == 0)
        for number, (aggregator, part) in enumerate(paths.groupby("aggregator", sort=False))
    ]
    key = "".join(f'<span><svg viewBox="-6 -6 12 12">{_mark(kind)}</svg>{escape(label(kind))}</span>' for kind in kinds)
    last = len(steps) - 1
    caption = (
        f"{label(toy)}. Rings are starts, marks show where each method is after the chosen step, thin lines join "
        "points of equal average loss."
    )
    return (
        f'<figure class="toy-paths" id="{name}"><style>{STYLE}</style>'
        f'<div class="toy-panels">{"".join(panels)}</div><p class="toy-key">{FRONT}{key}</p>'
        f'<p class="toy-control" hidden><label for="{name}-range">Step</label>'
        f'<input type="range" id="{name}-range" min="0" max="{last}" value="{last}" data-steps="{json.dumps(steps)}">'
        f'<span aria-hidden="true">{steps[-1]} of {steps[-1]}</span></p>'
        f"<figcaption>{escape(caption)}</figcaption><script>{SCRIPT}</script></figure>\n"
    )


def _panel(name: str, toy: str, aggregator: str, paths: pd.DataFrame, front: pd.DataFrame, *, first: bool) -> str:
    window = WEIGHTS[toy]
    # The contours are drawn into the first panel, and used again by the others.
    ground = f'<use href="#{name}-ground"/>'
    if first:
        lines = "".join(f'<polyline points="{_points(line, window)}"/>' for line in contours(TOYS[toy], window))
        best = _points(front[["x1", "x2"]].to_numpy(float)[::4], window)
        ground = (
            f'<g id="{name}-ground" fill="none"><g stroke="{GRID}">{lines}</g>'
            f'<polyline points="{best}" stroke="{MUTED}" stroke-width="7" stroke-opacity="0.4"/></g>'
        )
    trajectories, starts = [], set()
    for (_, sharpness), one in paths.groupby(["start", "sharpness"], sort=False):
        points = _points(one[["x1", "x2"]].dropna().to_numpy(float), window)
        begin, end = points.split(" ")[0], points.split(" ")[-1]
        starts.add(begin)
        trajectories.append(
            f'<g data-trajectory="{escape(str(sharpness))}"><polyline points="{points}" fill="none" '
            f'stroke="{colour(str(sharpness))}" stroke-width="1.3"/>{_mark(str(sharpness), end)}</g>'
        )
    rings = "".join(
        f'<circle r="5" transform="translate({begin})" fill="none" stroke="{INK}"/>' for begin in sorted(starts)
    )
    said = f"{label(aggregator)}: trajectories over weights x1 (across) and x2 (up), over lines of equal average loss"
    return (
        f'<div><p>{escape(label(aggregator))}</p><svg viewBox="0 0 {SIDE} {SIDE}" role="img" '
        f'aria-label="{escape(said)}"><rect width="{SIDE}" height="{SIDE}" fill="none" stroke="{GRID}"/>'
        f"{ground}{''.join(trajectories)}{rings}</svg></div>"
    )


def _mark(sharpness: str, at: str = "0,0") -> str:
    shape = SHAPES.get(sharpness, SHAPES["none"])
    return f'<path d="{shape}" fill="{colour(sharpness)}" transform="translate({at})"/>'


def _points(x: NDArray[np.float64], window: Window) -> str:
    """Points [n, 2] of the plane in the units of a panel, as SVG writes them."""
    (left, right), (low, high) = window
    across = (x[:, 0] - left) / (right - left) * SIDE
    down = (high - x[:, 1]) / (high - low) * SIDE
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))
