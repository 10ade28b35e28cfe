"""The second half of the stage `tables`: the report's figures as files, all of them or one."""

from collections.abc import Iterable
from pathlib import Path

from samo.figures.style import svg
from samo.figures.toy_slider import slider
from samo.study import store
from samo.study.notebooks.tables_stage import csv
from samo.study.report.drawings import Drawing, drawings, reference_drawings, shared_drawings, toy_drawings, toy_frames

FIGURES = Path("reports/figures")


def write_figures(root: Path, datasets: Iterable[str]) -> None:
    """Write reports/figures whole: each figure as <dataset>-<figure>.svg, with its numbers (.csv) and words (.txt).

    Those of all datasets together are all-<figure>, those of the toys toys-<figure>, those of the shipped reference run
    reference-<figure>, and toys-<toy>.html is a piece of a page that moves along the walks. A figure without numbers
    (its cells or analysis have not been run) is left out.
    """
    with store.whole_folder(root / FIGURES) as out:
        for drawing in _all(root, datasets):
            if len(drawing.data):
                _write(out, drawing)
        walked, _, front = toy_frames(root)
        for toy in dict.fromkeys(walked["toy"]):
            store.write_text(out / f"toys-{toy}.html", slider(str(toy), walked, front))


def write_figure(root: Path, datasets: Iterable[str], name: str) -> Path:
    """Draw just this figure anew, into reports/figures; returns the drawing's path.

    Raises:
        ValueError: there is no figure of that name, or nothing to draw in it yet.
    """
    found = {drawing.name: drawing for drawing in _all(root, datasets)}
    if name not in found:
        raise ValueError(f"no figure {name!r}: there are {', '.join(found)}")
    if not len(found[name].data):
        raise ValueError(f"figure {name}: nothing to draw yet, `dvc repro tables` runs what it needs")
    _write(root / FIGURES, found[name])
    return root / FIGURES / f"{name}.svg"


def _all(root: Path, datasets: Iterable[str]) -> list[Drawing]:
    names = list(datasets)
    each = [drawing for dataset in names for drawing in drawings(root, dataset)]
    return [*each, *shared_drawings(root, names), *toy_drawings(root), *reference_drawings(root)]


def _write(out: Path, drawing: Drawing) -> None:
    store.write_text(out / f"{drawing.name}.svg", svg(drawing.draw))
    store.write_text(out / f"{drawing.name}.csv", csv(drawing.data))
    store.write_text(out / f"{drawing.name}.txt", drawing.words() + "\n")
