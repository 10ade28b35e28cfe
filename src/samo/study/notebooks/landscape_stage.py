"""The stage `analyse@…-landscape`: what lies around the trained networks of a dataset."""

from typing import cast

import pandas as pd

from samo.analysis.landscape import Options, landscape
from samo.analysis.parts.slices import first_batches
from samo.study import progress, store
from samo.study.notebooks.tables_stage import csv
from samo.study.runs import trained


def write_landscape(dataset: str) -> pd.DataFrame:
    """Write data/analysis/<dataset>/landscape.csv: method, seed, task, x, y, loss.

    Args:
        dataset: its cells have been run.

    Raises:
        samo.study.errors.NotebookError: one has not.
    """
    at = trained.setting(dataset)
    options = cast("Options", at.options("landscape"))
    methods = trained.chosen(at.params, dataset, options)
    batches, tables = None, []
    work = at.work(methods, options.seeds)
    for done, (cell, seed) in enumerate(work):
        progress.report(phase=f"{cell.method}, seed {seed}", done=round(done / len(work), 4))
        network = at.network(cell, seed)
        batches = batches or first_batches(at.problem, network, options.examples, at.device)
        plane = methods[cell.method].preset_name in options.plane
        found = landscape(at.problem, network, batches, options, seed, plane=plane)
        tables.append(found.assign(method=cell.method, seed=seed))
    columns = ["method", "seed", "task", "x", "y", "loss"]
    table = pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)
    store.write_text(at.root / "data/analysis" / dataset / "landscape.csv", csv(table))
    return table
