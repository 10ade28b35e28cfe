"""What a dataset's examples look like: pictures, with a target for every pixel or not, molecules, texts, or vectors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from samo.datasets.parts.dense.split import Views
from samo.figures.palette import INK, MUTED, PAPER
from samo.figures.style import WIDTH

ATOMS = ("#d8d8d8", "#404040", "#0072b2", "#d55e00", "#009e73")
"""The colours of H, C, N, O and F, in the order of `samo.datasets.parts.molecules.ELEMENTS` (RDKit takes seconds)."""


def draw(batch: Any, tasks: Sequence[str], count: int = 8) -> Figure:
    """The first examples of a batch with their targets, a panel each, `count` at most; of vectors the numbers alone.

    `batch` is as a split serves it: (pictures, labels), `Views`, (molecules, targets), (words, parts of speech and
    genre), (vectors, targets), or task -> (pictures, labels) where each task has pictures of its own.
    """
    if isinstance(batch, Views):
        return _views(batch, count)
    if isinstance(batch, dict):
        share = max(1, count // len(batch))
        found = [
            (picture, f"{tasks[k]}\nclass {int(label)}")
            for k, (pictures, labels) in batch.items()
            for picture, label in zip(pictures[:share], labels[:share], strict=True)
        ]
        return _pictures(found[:count])
    inputs, targets = batch
    if isinstance(inputs, Tensor) and inputs.ndim == 2:
        return _vectors(inputs, count) if inputs.is_floating_point() else _texts(inputs, targets[:, :-1], count)
    if isinstance(inputs, Tensor):
        words = [_words(row, tasks) for row in targets[:count].tolist()]
        return _pictures(list(zip(inputs[:count], words, strict=True)))
    figure, panels = _panels(1, min(count, len(targets)))
    for n, axes in enumerate(panels[0]):
        _molecule(axes, inputs.atoms[n], inputs.pairs[n], inputs.real[n])
        _titled(axes, "\n".join(f"{t} {v:+.1f}" for t, v in zip(tasks[:3], targets[n].tolist(), strict=False)))
    return figure


def _vectors(numbers: Tensor, count: int) -> Figure:
    figure, [[axes]] = _panels(1, 1, 0.5)
    axes.imshow(numbers[:count].cpu().numpy(), aspect="auto", cmap="viridis", interpolation="nearest")
    _titled(axes, "a row per example: its numbers")
    return figure


def _texts(words: Tensor, parts: Tensor, count: int) -> Figure:
    """A row per text: its words by their frequency (bright is frequent), and their parts of speech."""
    figure, panels = _panels(2, 1, 0.5)
    rows = (("words", words.float().log1p(), "viridis_r"), ("parts of speech", parts % 20, "tab20"))
    for (axes,), (said, of, colours) in zip(panels, rows, strict=True):
        shown = np.ma.masked_where((words[:count] == 0).cpu().numpy(), of[:count].cpu().numpy())
        axes.imshow(shown, aspect="auto", cmap=colours, interpolation="nearest")
        _titled(axes, said)
    return figure


def _panels(rows: int, columns: int, ratio: float = 1.0) -> tuple[Figure, list[list[Axes]]]:
    side = WIDTH / max(columns, 4)
    size = (side * columns, rows * side * ratio + 0.55)
    figure = Figure(figsize=size, layout="constrained", facecolor=PAPER)  # a notebook may be read on a dark page
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    return figure, [list(row) for row in panels]


def _titled(axes: Axes, words: str) -> None:
    axes.set_title(words, fontsize=8.5, fontweight="normal", color=INK)


def _words(labels: Sequence[int], tasks: Sequence[str]) -> str:
    """A picture's labels; of many yes-or-no tasks, how many are yes."""
    if len(labels) <= 3:
        return "\n".join(f"{task}: {label}" for task, label in zip(tasks, labels, strict=False))
    return f"{sum(labels)} of {len(labels)} attributes"


def _pictures(found: Sequence[tuple[Tensor, str]]) -> Figure:
    figure, panels = _panels(1, len(found))
    for axes, (picture, words) in zip(panels[0], found, strict=True):
        shown = picture.float().cpu()
        shown = (shown - shown.min()) / (shown.max() - shown.min()).clamp(min=1e-6)  # undoes any normalisation
        array = shown.permute(1, 2, 0).numpy()
        axes.imshow(array[..., 0] if array.shape[2] == 1 else array, cmap="gray_r")
        _titled(axes, words)
    return figure


def _views(views: Views, count: int) -> Figure:
    """Rows: the picture, and its targets pixel by pixel."""
    n = min(count, len(views.image))
    classes = int(views.label.max()) + 1
    colours = np.array([(0.0, 0.0, 0.0), *sns.color_palette("husl", max(classes, 1))])  # black where nothing is known
    rows = [("picture", views.image[:n].permute(0, 2, 3, 1)), ("class", torch.from_numpy(colours)[views.label[:n] + 1])]
    rows.append(("depth", views.depth[:n, 0]))
    if views.normal is not None:
        rows.append(("normal", views.normal[:n].permute(0, 2, 3, 1) / 2 + 0.5))
    height, width = views.image.shape[2:]
    figure, panels = _panels(len(rows), n, height / width)
    for row, (name, shown) in zip(panels, rows, strict=True):
        for axes, one in zip(row, shown.float().cpu().clamp(min=0), strict=True):
            axes.imshow(one.numpy(), cmap="viridis")
        _titled(row[0], name)
    return figure


def _molecule(axes: Axes, atoms: Tensor, pairs: Tensor, real: Tensor) -> None:
    """Atoms and bonds on a plane: distances as they are in space, as far as a plane can hold them."""
    kinds = atoms[real][:, : len(ATOMS)].argmax(1).tolist()
    inside = pairs[real][:, real]
    bonds = inside[..., :-1].sum(-1) > 0
    squared = inside[..., -1].double() ** 2
    centred = squared - squared.mean(0) - squared.mean(1, keepdim=True) + squared.mean()  # classical scaling
    values, vectors = torch.linalg.eigh(-centred.cpu() / 2)
    at = (vectors[:, -2:] * values[-2:].clamp(min=0).sqrt()).numpy()
    for i, j in bonds.triu(1).nonzero().tolist():
        axes.plot(*at[[i, j]].T, color=MUTED, linewidth=1.2, zorder=1)
    sizes, colours = [22 if kind == 0 else 60 for kind in kinds], [ATOMS[kind] for kind in kinds]
    axes.scatter(at[:, 0], at[:, 1], s=sizes, c=colours, edgecolors=INK, linewidths=0.5)
    axes.set_aspect("equal")
    axes.margins(0.15)
