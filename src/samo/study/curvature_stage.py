"""The stage `analyse@…-curvature`: how curved the loss is at the weights that each cell has trained."""

from contextlib import AbstractContextManager, nullcontext
from typing import cast

import pandas as pd
import torch
from torch import nn

from samo.analysis.curvature import Options, Reading, curvature, sets
from samo.study import config, paths, progress, store, trained
from samo.study.cells import cells
from samo.study.tables_stage import csv

COLUMNS = ["method", "seed", *Reading._fields]


def write_curvature(dataset: str) -> pd.DataFrame:
    """Measure the trained networks of every method with a shared trunk into data/analysis/<dataset>/curvature.csv.

    Columns: method, seed, task ("all" for the average loss), draw, and measure, value, residual as
    `samo.analysis.curvature.Row` says. STL is left out: its K trunks are not one.

    Args:
        dataset: its cells have been run.

    Raises:
        samo.study.errors.NotebookError: one has not.
    """
    root, params = paths.root(), config.load()
    settings = cast("Options", params.analysis["curvature"]).for_dataset(dataset)
    torch.set_num_threads(params.train.threads)
    device = config.device(params.train.device)
    problem = trained.problem(root, params, dataset)
    drawn = sets(problem, params.dataset[dataset].training.batch, settings, device)
    shared = {name for name, m in params.main_on(dataset).items() if m.networks == "shared"}
    seeds = params.seeds_on(dataset)[: settings.seeds]
    work = [(c, s) for c in cells(params) if c.dataset == dataset and c.method in shared for s in seeds]
    rows = []
    for done, (cell, seed) in enumerate(work):
        progress.report(phase=f"{cell.method}, seed {seed}", done=round(done / len(work), 4))
        network = trained.network(root, params, cell, seed, problem).to(device)
        with _twice_differentiable(network):
            found = curvature(problem, network, drawn, settings, close=seed == seeds[0])
        rows += [(cell.method, seed, *reading) for reading in found]
    table = pd.DataFrame(rows, columns=COLUMNS)
    store.write_text(root / "data/analysis" / dataset / "curvature.csv", csv(table))
    return table


def _twice_differentiable(network: nn.Module) -> AbstractContextManager[object]:
    """cuDNN's recurrent layers have no second derivative, nor a first one in evaluation mode; PyTorch's own have."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    return torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()
