"""A made project with its report: runs with known effects, tables and figures of them, and the page."""

import shutil
from pathlib import Path

import nbformat

from samo.analysis.conflict import conflict
from samo.analysis.layers import layers
from samo.study import config, store
from samo.study.config import conditions
from samo.study.report import reference
from samo.study.report.outputs import write_figures, write_tables
from samo.study.report.page import index
from samo.study.report.page.render import render
from samo.study.report.page.report import Report
from samo.study.runs.formats import csv_text
from samo.study.runs.results import read_histories
from tests.figures.made_toys import made_trajectories, write_toys
from tests.made import made_variant, write_runs, write_variants
from tests.study.made_study import ROOT

METHODS = ["stl", "ls", "gsam-ls", "samo-ls", "mgda", "samo-mgda"]
PARAMS = """
seeds: [0, 1, 2]
updates: [4]
search: {updates: [1], trials: 2, seeds: [9], lr: 0.001, rho: 0.01}
datasets:
  multimnist:
    data: {train: 320, val: 100, test: 100, jitter: 2, seed: 0}
    training: {network: lenet, batch: 32, evaluations: 4}
methods:
  stl: {aggregator: ls, networks: separate}
  ls: {aggregator: ls}
  gsam-ls: {aggregator: ls, sharpness: gsam}
  samo-ls: {aggregator: ls, sharpness: samo}
more:
  datasets: [multimnist]
  methods:
    mgda: {aggregator: mgda}
    samo-mgda: {aggregator: mgda, sharpness: samo}
sensitivity:
  datasets: [multimnist]
  methods:
    bare: {aggregator: ls, sharpness: {preset: samo, normalise: none}}
arms: {datasets: [], donor: ls, methods: {}}
train: {}
analyses: {conflict: {}, layers: {}, curvature: {}, cost: {}, landscape: {}, probe: {}}
toys: {}
"""


def copy_template(folder: Path) -> None:
    """The page's template and macros, which pieces of the report are made with."""
    shutil.copytree(ROOT / "reports/template", folder / "reports/template", dirs_exist_ok=True)


def make(folder: Path) -> Report:
    """A project in `folder` as the stages before the report leave it, and the report over it."""
    for name in ("reports/template", "profiles", "data/reference"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("study", "ladder"))
    (folder / "params.yaml").write_text(PARAMS)
    params = config.parse(PARAMS)
    pairs = write_runs(folder, METHODS)
    variants = write_variants(folder, [made_variant("samo-ls", "bare", {"normalise": "none"}, gain=-3.0, noise=0.1)])
    sheet = {"what": "two digits & <more>", "splits": {"train": {"images": 5000, "class_counts": {"left": [1, 2]}}}}
    store.write_json(folder / "data/prepared/multimnist/datasheet.json", sheet)
    agreement = conflict(read_histories(folder, "multimnist", [method for _, method in pairs]))
    store.write_text(folder / "data/analysis/multimnist/conflict.csv", csv_text(agreement))
    write_toys(folder, made_trajectories())
    by_layer = layers(read_histories(folder, "multimnist", ["mgda"], "layers.csv"), choose=2)
    store.write_text(folder / "data/analysis/multimnist/layers.csv", csv_text(by_layer))
    reference.write(folder, params)  # the reference run is this very run
    write_figures(folder, write_tables(folder, pairs, variants))
    for name in executed(params):
        for ending in (".html", ".ipynb"):
            store.write_text(folder / "reports/executed" / f"{name}{ending}", "")
    return Report(folder, params)


def executed(params: config.Params) -> list[str]:
    """The names of the notebooks that a whole run leaves."""
    names = [f"train-{cell.dataset}-{cell.method}" for cell in conditions.conditions(params)]
    for dataset in params.datasets:
        names += [f"prepare-{dataset}", *(f"{analysis}-{dataset}" for analysis in params.analyses)]
    return [*names, "toys", "tables"]


def page(report: Report) -> Path:
    """The page of the real report notebook, its cells evaluated here instead of in a kernel."""
    notebook = nbformat.read(ROOT / "notebooks/report.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.startswith("page."):
            shown = eval(cell.source, {"page": report})
            data = {"text/html": shown._repr_html_(), "text/plain": repr(shown)}
            cell.outputs = [nbformat.v4.new_output("display_data", data)]
    path = report.root / "reports/executed/report.ipynb"
    store.write_text(path, nbformat.writes(notebook))
    index.write(report.root, report.params)
    return render(path, report.root, "cpu")
