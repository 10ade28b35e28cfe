"""The stage `analyse@…-landscape`: what lies around the trained networks of a dataset."""

from typing import cast

import pandas as pd
import torch

from samo.analysis.landscape import Options, landscape
from samo.slices import first_batches
from samo.study import config, paths, progress, store, trained
from samo.study.cells import cells
from samo.study.tables_stage import csv


def write_landscape(dataset: str) -> pd.DataFrame:
    """Write data/analysis/<dataset>/landscape.csv: method, seed, task, x, y, loss.

    Args:
        dataset: its cells have been run.

    Raises:
        samo.study.errors.NotebookError: one has not.
    """
    root, params = paths.root(), config.load()
    options = cast("Options", params.analysis["landscape"])
    torch.set_num_threads(params.train.threads)
    device = config.device(params.train.device)
    problem = trained.problem(root, params, dataset)
    methods = trained.chosen(params, dataset, options)
    batches, tables = None, []
    seeds = params.seeds_on(dataset)[: options.seeds]
    work = [(c, s) for c in cells(params) if c.dataset == dataset and c.method in methods for s in seeds]
    for done, (cell, seed) in enumerate(work):
        progress.report(phase=f"{cell.method}, seed {seed}", done=round(done / len(work), 4))
        network = trained.network(root, params, cell, seed, problem).to(device)
        batches = batches or first_batches(problem, network, options.examples, device)
        plane = methods[cell.method].preset_name in options.plane
        found = landscape(problem, network, batches, options, seed, plane=plane)
        tables.append(found.assign(method=cell.method, seed=seed))
    columns = ["method", "seed", "task", "x", "y", "loss"]
    table = pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)
    store.write_text(root / "data/analysis" / dataset / "landscape.csv", csv(table))
    return table
