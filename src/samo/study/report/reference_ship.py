"""Makes the shipped reference run (`samo.study.report.reference`) from a run of the profile, once that is whole."""

import json
import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from samo.claims.table import markdown
from samo.results import tables
from samo.results.tables import Run
from samo.study import store
from samo.study.config import Params
from samo.study.config import conditions as cells
from samo.study.report import evidence as gathered
from samo.study.report import provenance, reference
from samo.study.report.reference import CHOICE, FOLDER, MEASURE, Reference
from samo.study.runs.formats import csv_text
from samo.study.runs.results import by_dataset, read_runs

PACKAGES = (*provenance.PACKAGES, "scipy", "torch-geometric", "rdkit")


def ship(root: Path, params: Params) -> list[str]:
    """Write data/reference/study whole from data/runs and data/analysis; returns the cells that have not run.

    Of the cosines layer by layer only those of methods without sharpness are kept, which is what a claim looks at.

    Raises:
        ValueError: no cell has run.
    """
    variants = cells.variants(params)
    pairs = [*cells.main(params), *variants]
    found = [(d, m, run) for d, methods in by_dataset(pairs).items() for m, run in read_runs(root, d, methods).items()]
    missing = [f"{dataset}/{method}" for dataset, method, run in found if run is None]
    if len(missing) == len(found):
        raise ValueError("no cell of the profile has run: `samo repro` runs them")
    evidence = gathered.read(root, cells.main(params), params.analyses, variants)
    plain = evidence.runs[(evidence.runs["sharpness"] == "none") & (evidence.runs["networks"] == "shared")]
    kept = evidence.layers.merge(plain[["dataset", "method"]].drop_duplicates(), on=["dataset", "method"])
    frames = {
        "runs": pd.DataFrame([r for d, m, run in found if run for r in _values(run, (d, m) in variants)]),
        "search": pd.DataFrame([row for _, _, run in found if run for row in _trials(run)]),
        "layers": kept,
        **{name: getattr(evidence, name) for name in ("history", "toys", *gathered.ANALYSES)},
    }
    with store.whole_folder(root / FOLDER) as out:
        for name, frame in frames.items():
            ordered = frame[[*(c for c in _ORDER if c in frame), *(c for c in frame if c not in _ORDER)]]
            store.write_text(out / f"{name}.csv", ordered.to_csv(index=False, lineterminator="\n"))
        store.write_text(out / "params.yaml", (root / "params.yaml").read_text())
        store.write_json(out / "about.json", _about(root, params) | {"missing": missing})
        write_tables(reference.read(out))
    return missing


def write_tables(run: Reference) -> None:
    """What follows from the tidy tables, for those who read it here: main tables and verdicts, anew."""
    for dataset in run.runs:
        store.write_text(run.folder / f"table-{dataset}.csv", csv_text(run.main(dataset)))
        store.write_text(run.folder / f"table-{dataset}.md", tables.markdown(run.main(dataset)))
    store.write_text(run.folder / "claims.csv", csv_text(run.claims.assign(figure="")))
    store.write_text(run.folder / "claims.md", markdown(run.claims))


_ORDER = ("dataset", "method", "variant", "aggregator", "options", "sharpness", "fields", "networks", "seed")


def _values(run: Run, variant: bool) -> Iterator[dict[str, Any]]:
    head = {key: run[key] for key in ("dataset", "method", "aggregator", "sharpness", "networks")}
    head |= {key: json.dumps(run.get(key, {}), sort_keys=True) for key in ("options", "fields")}
    for seed, values in run["seeds"].items():
        for measure in run["metrics"]:
            value = values.get(measure["task"], {}).get(measure["metric"])
            yield head | {"variant": variant, "seed": int(seed)} | {k: measure[k] for k in MEASURE} | {"value": value}


def _trials(run: Run) -> Iterator[dict[str, Any]]:
    """Every trial from 1 on; with nothing to choose, what was taken, as trial 0."""
    search, head = run["search"], {"dataset": run["dataset"], "method": run["method"]}
    numbered = list(enumerate(search["trials"], 1)) or [(0, search["chosen"])]
    for number, trial in numbered:
        taken = all(trial.get(name) == search["chosen"].get(name) for name in CHOICE)
        yield head | {"trial": number} | {name: trial.get(name) for name in (*CHOICE, "score")} | {"chosen": taken}


def _about(root: Path, params: Params) -> dict[str, Any]:
    git = ["git", "-C", str(root)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "src"], capture_output=True, text=True, check=False).stdout
    return {
        "commit": commit or "unknown",
        "code_changed_since": sorted(line[3:] for line in changed.splitlines()),
        f"git tree of {provenance.CODE}": provenance.tree(root / provenance.CODE),
        "cells": len(cells.cells(params)),
        "threads_per_cell": params.train.threads,
        "python": platform.python_version(),
        "versions": {name: version(name).split("+")[0] for name in PACKAGES},
        "processor": _processor(),
    }


def _processor() -> str:
    """Its maker's name for it, where the system tells."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{named[0]}, {len(named)} cores" if named else platform.processor() or platform.machine()
